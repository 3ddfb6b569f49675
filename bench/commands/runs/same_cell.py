"""A run among those that lie beside it: its cell over all seeds, and what papers say about that."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.base.grouping import grouped
from bench.base.printing import without_nan
from bench.errors import UserError
from bench.plan.grid import Cell, Plan
from bench.results import record
from bench.results.record import Record


def published(found: Record, path: Path) -> list[dict[str, Any]]:
    """The published rows of a run's cells as JSON-like values, the anchors first; NaN becomes None.

    Ours are the accuracies over all seeds of the cell whose records lie beside this one, as in a grid's report. None
    if today's code can't carry out the run: its protocol is then unknown.
    """
    from bench.published import comparison, load, looks
    from bench.results import measurements

    rows = load()
    plan, records = _plan(found, path)
    if not any(rows.rows_for(cell) for cell in plan.cells):
        return []
    sources = {each.id: measurements.Source(each, "", path) for each in records}
    try:
        table = measurements.from_records(plan, sources, {})
        compared = comparison.compare(plan, table, rows, looks=looks.made_so(sources))
    except UserError:  # the method is gone, or has changed so that it can't be run under this recipe
        return []
    own = {key for cell in plan.cells for _, run in cell.runs if run == found.id for key in [(cell.method, cell.point)]}
    return [
        without_nan(each.values()) | {"obstacles": [asdict(obstacle) for obstacle in each.verdict.obstacles]}
        for each in sorted(compared, key=lambda each: not each.anchor)
        if (each.cell.method, each.cell.point) in own
    ]


def seeds(found: Record, path: Path) -> list[Record]:
    """The run's record, and those of the same run with other seeds that lie beside it."""
    asked = found.spec.method_text, found.spec.points
    return [each for each in _akin(found, path) if (each.spec.method_text, each.spec.points) == asked]


def _akin(found: Record, path: Path) -> list[Record]:
    """The run's record, and those beside it of its method and of the dense network, at any point and seed."""
    others = [other for file in _beside(found, path) if (other := record.readable(file)) and other.id != found.id]
    methods = (found.spec.method_text, "dense")
    akin = [each for each in others if _protocol(each) == _protocol(found) and each.spec.method_text in methods]
    return [found, *akin]


def _plan(found: Record, path: Path) -> tuple[Plan, list[Record]]:
    """The run's method at all its points, and the dense network, over the seeds that there are."""
    records = _akin(found, path)
    pointed = ((each, point) for each in records for point in each.spec.points or (None,))
    cells = grouped(((each.spec.method_text, point), (each.spec.seed, each.id)) for each, point in pointed)
    spec = found.spec
    made = [
        Cell(spec.dataset, spec.architecture, method, point, tuple(sorted(runs)))
        for (method, point), runs in cells.items()
    ]
    return Plan([each.spec for each in records], made), records


def _beside(found: Record, path: Path) -> list[Path]:
    """Records of the same method or of the dense network, as their names tell, in the same folder."""
    spec = found.spec
    base = path.parent.parent if path.name == "record.json" else path.parent
    pattern = "/record.json" if path.name == "record.json" else ".json"
    stem = f"{spec.dataset}-{spec.architecture.replace('/', '_')}"
    return sorted({each for method in (spec.method, "dense") for each in base.glob(f"{stem}-{method}-*{pattern}")})


def _protocol(each: Record) -> tuple[Any, ...]:
    spec = each.spec
    return spec.dataset, spec.architecture, spec.recipe, spec.budget, spec.prunable
