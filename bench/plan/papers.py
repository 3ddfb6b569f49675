"""The papers that a grid can name, without reading what they say."""

from __future__ import annotations

import csv
from pathlib import Path

PUBLISHED = Path(__file__).parents[2] / "published"


def papers(folder: Path = PUBLISHED) -> list[str]:
    """The names of all papers, read quickly and unchecked."""
    found: set[str] = set()
    for file in folder.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            found |= {line["paper"] for line in csv.DictReader(stream) if line.get("paper")}
    return sorted(found)
