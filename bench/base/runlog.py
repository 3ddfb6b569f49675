"""The log of a job: in its run's folder, where it survives reruns, and on standard error."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


def log_to(path: Path, rank: int = 0, shown: logging.Handler | None = None) -> None:
    """Log to the run's folder, where it survives reruns, and to standard error; warnings only on ranks after 0.

    Args:
        path: the log's file.
        rank: of this process, where a run has several.
        shown: takes the lines instead of standard error.
    """
    if rank:
        logging.basicConfig(level=logging.WARNING, format=f"%(asctime)s rank {rank}: %(message)s")
        return
    with suppress(OSError):  # the log itself will say what is wrong with the disk
        path.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [RunLog(path, delay=True), shown or logging.StreamHandler()]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)


class RunLog(logging.FileHandler):
    """The log in a run's folder. A disk that takes no more lines does not end the run: that is said, and it goes on."""

    complained = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, which opens the file if it is the first."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Said once, on standard error, instead of a traceback for every line."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self.complained:
            self.complained = True
            log.warning("%s takes no lines (%s); the run goes on", self.baseFilename, error.strerror)
