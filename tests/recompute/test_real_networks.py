"""The authors' own files on the real test sets, where they are at hand: the quick ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.recompute import cells, work
from bench.recompute.files import find
from bench.recompute.material import Material
from bench.recompute.tables import lines
from tests.real_data import folder_with

QUICK = [("dns", "lenet-300-100"), ("dns", "lenet-5"), ("neuron_merging", "lenet-300-100"), ("dpp_thesis", "dense")]

EXCEPTIONS = {"lenet-300-100-compression": "differs", "readme-dense": "differs"}
"""All other cells of these parts are equal to the digit."""


@pytest.mark.parametrize(("name", "part"), QUICK)
def test_a_file_gives_what_was_committed(name: str, part: str, tmp_path: Path) -> None:
    source = cells.load(name)
    task = next(task for task in work.tasks(source) if task.name == part)
    data_dir = folder_with(next(iter(task.datasets)))
    files = find(source.facts, data_dir)
    for sentence in files.missing.values():
        pytest.skip(sentence)
    record = work.measure(task, Material(files.files, tmp_path, data_dir))
    found = {line.cell.id: line.verdict.outcome for line in lines(source, [record]) if line.ours}
    assert found == {cell: EXCEPTIONS.get(cell, "equal to the digit") for cell in record.numbers}
