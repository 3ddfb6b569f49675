"""Failures that a person should read."""

from __future__ import annotations

import re

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no text needs: control characters but tabs and line breaks, and halves of characters."""

LONGEST = 2000
"""Letters of a sentence; the value that it names may be ten megabytes long."""


def printable(text: str) -> str:
    """A text from anywhere on one line, safe for a terminal: what moves its cursor becomes a question mark."""
    return UNPRINTABLE.sub("?", " ".join(text.split()))


class UserError(Exception):
    """Bad input. Its message is one sentence naming the file, the field, the value and what is allowed.

    The command line prints the sentence and exits with status 2; no traceback is shown. Whatever values it names, it
    is one line, is short and moves no cursor.
    """

    def __init__(self, sentence: str) -> None:
        too_long = len(sentence) > LONGEST
        super().__init__(printable(f"{sentence[:-100][:LONGEST]} … {sentence[-100:]}" if too_long else sentence))


class DiskError(UserError):
    """A file could not be written: the disk is full, read-only, or not ours.

    It is the machine that failed, not the run: there is no record, and the same call goes on when the disk is mended.
    """


class Collapsed(Exception):
    """Pruning cannot go on: the saliencies do not single out enough weights to keep.

    The run ends with outcome ``collapsed`` and this message as its reason.
    """


class Interrupted(Exception):
    """The job was asked to stop (SIGTERM, SIGINT) and has written its checkpoint."""


class Diverged(Exception):
    """The training loss became NaN or infinite. The run ends with outcome ``diverged``."""
