"""The authors' own files on the real test sets, where they are at hand: the quick ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.recompute import cells, work
from bench.recompute.files import find
from bench.recompute.material import Material
from bench.recompute.tables import lines
from tests.real_data import folder_with

QUICK = [("dns", "lenet-300-100"), ("dns", "lenet-5")]


@pytest.mark.parametrize(("name", "part"), QUICK)
def test_a_file_gives_what_was_committed(name: str, part: str, tmp_path: Path) -> None:
    source = cells.load(name)
    task = next(task for task in work.tasks(source) if task.name == part)
    data_dir = folder_with(next(iter(task.datasets)))
    files = find(source.facts, data_dir)
    for sentence in files.missing.values():
        pytest.skip(sentence)
    record = work.measure(task, Material(files.files, tmp_path, data_dir))
    expected = {
        "lenet-300-100-error": "equal to the digit",
        "lenet-300-100-compression": "differs",
        "lenet-5-error": "equal to the digit",
        "lenet-5-compression": "equal to the digit",
    }
    found = {line.cell.id: line.verdict.outcome for line in lines(source, [record]) if line.ours}
    assert found == {cell: expected[cell] for cell in record.numbers}
