"""What a job said last in its log, where it left no record."""

from __future__ import annotations

import re
from pathlib import Path

from bench.errors import printable

STAMP = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ ")
"""The time before each line of a run's log."""

LONGEST_REASON = 1000
"""Characters kept of a job's last line."""


def final_line(log: Path) -> str:
    """The last line of a file that is not empty."""
    try:
        lines = log.read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def unrecorded(results: Path, run: str) -> str:
    """Why a run has no record, as far as its last job has said: what it says in its log has a time in front."""
    log = results / "logs" / "train" / f"{run}.log"
    said = final_line(log)
    if not said or STAMP.match(said):
        return "not run yet, still running, or killed"
    return f"{printable(said)[:LONGEST_REASON].removeprefix('reprune: ')} (log: {log})"
