"""Failures that a person should read."""

from __future__ import annotations

import re

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ud800-\udfff]")
"""What no text needs: control characters but tabs and line breaks, marks that turn the direction of writing, and halves
of characters."""

SECRET = re.compile(r"(://[^/\s:@]*:)\S*(?=@)|([?&]\w*password=)[^&\s]*", re.IGNORECASE)
"""A password in an address, behind what stands before it: ``postgresql://me:secret@host/database``."""

LONGEST = 2000
"""Letters of a sentence; the value that it names may be ten megabytes long."""


def printable(text: str) -> str:
    """A text from anywhere on one line, safe for a terminal: what moves its cursor becomes a question mark."""
    return UNPRINTABLE.sub("?", " ".join(text.split()))


def discreet(text: str) -> str:
    """A text in which asterisks stand for the passwords of addresses."""
    return SECRET.sub(r"\1\2***", text)


class UserError(Exception):
    """Bad input. Its message is one sentence naming the file, the field, the value and what is allowed.

    The command line prints the sentence and exits with status 2; no traceback is shown. Whatever values it names, it
    is one line, is short, moves no cursor and tells no password.
    """

    def __init__(self, sentence: str) -> None:
        too_long = len(sentence) > LONGEST
        shown = f"{sentence[:-100][:LONGEST]} … {sentence[-100:]}" if too_long else sentence
        super().__init__(printable(discreet(shown)))


class NotFound(UserError):
    """What somebody looked for is not there. The command line exits with status 1: the answer is no."""


class DiskError(UserError):
    """A file could not be written: the disk is full, read-only, or not ours.

    It is the machine that failed, not the run: there is no record, and the same call goes on when the disk is mended.
    """


class DeviceError(Exception):
    """A GPU, or a library that drives it, failed: memory, hardware, CUDA, cuDNN, cuBLAS or NCCL.

    It is the machine that failed, not the run: there is no record, and the same call tries again.
    """


class Collapsed(Exception):
    """Pruning cannot go on: the saliencies do not single out enough weights to keep.

    The run ends with outcome ``collapsed`` and this message as its reason.
    """


class Interrupted(Exception):
    """The job was asked to stop (SIGTERM, SIGINT) and has written its checkpoint."""


class Diverged(Exception):
    """The training loss became NaN or infinite. The run ends with outcome ``diverged``."""
