"""Whether committed tables that need no run are what their sources give: recomputed numbers, and counts of papers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.commands.runs import check_tables
from bench.commands.runs.finding import Finding
from bench.errors import UserError

OTHER_CODE = "was measured by code, from files or under a procedure that has changed since"


def is_recomputed(folder: Path) -> bool:
    """Whether a folder is what `reprune recompute -o` keeps of a source."""
    return (folder / "cells.csv").is_file() and (folder / "records").is_dir()


def is_counts(folder: Path) -> bool:
    """Whether a folder is what `reprune counts -o` writes."""
    return (folder / "counts.csv").is_file() and (folder / "counts.md").is_file()


def recomputed(folder: Path) -> list[Finding]:
    """Tables against records and prints; which records today's code would measure again is a note."""
    from bench.recompute import cells, keeping
    from bench.recompute.records import read_all
    from bench.recompute.work import tasks

    try:
        texts = keeping.from_records(folder)
        known = {task.name: task.identity for task in tasks(cells.load(folder.name))}
        records = read_all(folder / keeping.RECORDS)
    except UserError as error:
        return [Finding(folder, str(error))]
    older = [each.part for each in records if known.get(each.part) != each.identity]
    notes = [Finding(folder / keeping.RECORDS / f"{part}.json", OTHER_CODE, harmless=True) for part in older]
    return [*_compared(folder, texts), *notes]


def counts(folder: Path) -> list[Finding]:
    """Tables against counting again."""
    from bench.counts import load, show
    from bench.counts.verdict import judge

    return _compared(folder, show.texts(judge(load())))


def _compared(folder: Path, texts: Mapping[str, str]) -> list[Finding]:
    return [finding for name, text in texts.items() for finding in check_tables.table(folder / name, folder, text)]
