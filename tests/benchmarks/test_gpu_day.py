"""What a day with a GPU is to be used for: numbers that it can decide."""

from __future__ import annotations

import pytest

from bench import published
from bench.plan.grid import Cell
from bench.plan.job import Job
from bench.published.obstacles import obstacles
from bench.published.power import prospect
from benchmarks import gpu_day


@pytest.mark.parametrize("cell", gpu_day.NUMBERS, ids=lambda cell: cell.name)
def test_a_published_number_is_comparable_and_probably_decided(cell: gpu_day.Cell) -> None:
    network = {"dataset": cell.dataset, "architecture": cell.architecture}
    points = () if cell.sparsity is None else (cell.sparsity,)
    spec = Job(**network, method=cell.method, recipe=cell.recipe, points=points).spec()
    known = published.load()
    rows = known.rows_for(Cell(**network, method=spec.method_text, point=cell.sparsity))
    comparable = [row for row in rows if not obstacles(row, known.protocols[row.protocol], spec)]
    assert any(prospect(known, row).decided(cell.seeds) for row in comparable)
