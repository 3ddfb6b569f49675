"""One result per cell: what the seeds of a cell say together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from statistics import fmean
from typing import TYPE_CHECKING

import pandas as pd

from bench.base.grouping import grouped
from bench.published import margins
from bench.report.cell import Baseline, CellResult, Ended, Means
from bench.report.per_input import is_target
from bench.results.measurements import ended_well, of_cell
from bench.statistics import interval
from bench.statistics.standing import Place, Standing, standings

if TYPE_CHECKING:
    from bench.plan.grid import Cell, Plan
    from bench.published.comparison import Compared
    from bench.results.measurements import Source
    from bench.spec import RunSpec

FEWEST = 3
"""Seeds below which nothing is set in bold and nothing is marked."""


def cells(
    plan: Plan, table: pd.DataFrame, compared: Iterable[Compared] = (), records: Mapping[str, Source] | None = None
) -> list[CellResult]:
    """The cells of a plan, in its order.

    Args:
        plan: with the cells.
        table: a line per run and point (`bench.results.measurements`).
        compared: from `bench.published.comparison.compare`.
        records: by run id, where diagnostics are.
    """
    specs = {spec.id: spec for spec in plan.runs}
    default = plan.runs[0] if plan.runs else None
    found = [
        _result(cell, of_cell(table, cell), specs.get(cell.runs[0][1]) if cell.runs else default, records or {})
        for cell in plan.cells
    ]
    dense = {each.network: Baseline(each.mean, each.means.epochs) for each in found if each.method == "dense"}
    rows = grouped((row.cell.key, row) for row in sorted(compared, key=lambda row: not row.anchor))
    marked = _standings(found)
    return [
        replace(
            each,
            dense=dense.get(each.network, Baseline()),
            best=index in marked and marked[index] is None,
            standing=marked.get(index),
            published=tuple(rows.get(each.cell.key, ())),
        )
        for index, each in enumerate(found)
    ]


def _result(cell: Cell, runs: pd.DataFrame, spec: RunSpec | None, records: Mapping[str, Source]) -> CellResult:
    good = runs[runs["outcome"] == "ok"]
    columns = (runs[name] for name in ("seed", "run", "outcome", "reason", "accuracy"))
    return CellResult(
        cell=cell,
        recipe=spec.recipe_text if spec else "",
        prunable=spec.prunable if spec else "",
        budget=spec.budget if spec else math.nan,
        runs=tuple(Ended(*values) for values in zip(*columns, strict=True)),
        means=Means.of(good),
        diagnostics=_diagnostics(cell, records),
        warnings="; ".join(sorted({text for text in good["warnings"] if text})),
    )


def _diagnostics(cell: Cell, records: Mapping[str, Source]) -> dict[str, float]:
    """The means of what a cell's methods measured of themselves, over the runs that ended well and have it."""
    measured = (pair for result in ended_well(cell, records) for pair in result.diagnostics.items())
    values = grouped((name, value) for name, value in measured if math.isfinite(value))
    return {name: fmean(each) for name, each in values.items()}


def _standings(found: Sequence[CellResult]) -> dict[int, Standing | None]:
    """Where cells stand, seen from the best of their column; None for that one. Cells without marks are left out.

    A column is a point within a data set, an architecture, a recipe and a prunable set. It has no marks if its highest
    mean rests on fewer than `FEWEST` seeds or has no rival that does not; rivals with fewer are open. Points that are
    no sparsities (filters chosen per input, thresholds that are learned) are no column: what they cost is an outcome.
    """
    columns = grouped(
        ((each.network, each.recipe, each.prunable, each.point), index)
        for index, each in enumerate(found)
        if each.n and each.point is not None and is_target(each.method)
    )
    marked: dict[int, Standing | None] = {}
    for (network, _, _, point), column in columns.items():
        top = max(column, key=lambda index: found[index].mean)
        rivals = [index for index in column if index != top and found[index].n >= FEWEST]
        if found[top].n < FEWEST or not rivals:
            continue
        marked |= dict.fromkeys(column, Standing(Place.OPEN, FEWEST)) | {top: None}
        values = [found[rival].accuracies for rival in rivals]
        delta = margins.margin(network.dataset, network.architecture, point)
        marked |= zip(rivals, standings(found[top].accuracies, values, delta), strict=True)
    return marked


def frame(found: Iterable[CellResult]) -> pd.DataFrame:
    """The columns of ``table.csv``, which `CellResult`, `Means` and `bench.results.measurements` explain."""
    return pd.DataFrame([_line(each) for each in found])


def _line(each: CellResult) -> dict[str, object]:
    low, high = interval(each.accuracies)
    means = asdict(each.means)
    shares = {name: means.pop(name) for name in ("parameters_kept", "macs_kept", "effective_macs_kept")}
    return {
        **each.cell.key._asdict(),
        **{"prunable": each.prunable, "recipe": each.recipe, "budget": each.budget},
        **{"expected": len(each.runs), **each.accuracy._asdict(), "low": low, "high": high},
        **shares,
        "failures": "\n".join(map(str, each.failures)),
        "warnings": each.warnings,
        **means,
        **{f"diagnostics.{name}": value for name, value in each.diagnostics.items()},
        "drop": each.drop,
        "epochs_relative": each.epochs_relative,
        "best": each.best,
        "standing": each.place or "",
        "seeds_to_tell": each.standing.seeds if each.standing else None,
    }
