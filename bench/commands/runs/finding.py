"""What a look at results gives: one line about one path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """One line of what was found at a path; `harmless` if it is no problem."""

    path: Path
    said: str
    harmless: bool = False
