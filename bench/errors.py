"""Failures that a person should read."""

from __future__ import annotations


class UserError(Exception):
    """Bad input. Its message is one sentence naming the file, the field, the value and what is allowed.

    The command line prints the sentence and exits with status 2; no traceback is shown.
    """


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
