"""What is committed: the tables are those of the records, and the records those of today's code and prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.recompute import cells
from bench.recompute.keeping import RECORDS, from_records
from bench.recompute.records import read_all
from bench.recompute.work import tasks

KEPT = Path(__file__).parents[2] / "reports" / "reproductions" / "recomputed"
FOLDERS = sorted(path for path in KEPT.glob("*") if path.is_dir())
MEBIBYTE = 2**20


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_tables_follow_from_records_and_prints(folder: Path) -> None:
    texts = from_records(folder)
    assert {name: (folder / name).read_text(encoding="utf-8") for name in texts} == texts


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_records_belong_to_todays_code(folder: Path) -> None:
    """Whoever changes a source's code, its procedures, its files or its data measures again."""
    known = {task.name: task.identity for task in tasks(cells.load(folder.name))}
    assert {record.part: record.identity for record in read_all(folder / RECORDS)}.items() <= known.items()


def test_they_are_small() -> None:
    for folder in FOLDERS:
        assert sum(path.stat().st_size for path in folder.rglob("*.*")) < 5 * MEBIBYTE
