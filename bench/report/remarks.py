"""What stands below a table about its rows: other recipes, warnings, what is open, unequal training."""

from __future__ import annotations

from collections.abc import Sequence

from bench.base.grouping import grouped
from bench.base.spelling import Spelling
from bench.plan.grid import Grid
from bench.report.cell import CellResult
from bench.statistics.standing import Place


def overridden(grid: Grid, results: Sequence[CellResult]) -> list[str]:
    """Which methods are under another recipe or prunable set than the grid's."""
    run = [each for each in results if each.runs] if grid.overrides or grid.trainings else []
    told = [
        (f"{what} {used}", each.method)
        for each in run
        for what, own, used in (("recipe", grid.recipe, each.recipe), ("prunable set", grid.prunable, each.prunable))
        if used != own
    ]
    found = {what: dict.fromkeys(methods) for what, methods in grouped(told).items()}
    everything = len({each.method for each in run})
    return [
        f"{'All methods here' if len(methods) == everything else ', '.join(methods)}: {what}."
        for what, methods in found.items()
    ]


def warnings(results: Sequence[CellResult], spelling: Spelling) -> list[str]:
    """The warnings of the records, each once per method."""
    targets = grouped(((each.method, each.warnings), each.point) for each in results if each.warnings)
    return [f"{method}{spelling.at(*points)}: {text}." for (method, text), points in targets.items()]


def undecided(results: Sequence[CellResult], spelling: Spelling) -> list[str]:
    """How many seeds would tell the methods of a column from its best one, where these do not."""
    told = [
        f"{each.method}{spelling.at(each.point)} ({each.standing.seeds})"
        for each in results
        if each.standing and each.standing.place is Place.OPEN and each.standing.seeds
    ]
    return [f"Open, until about so many seeds if means and spreads stay as they are: {', '.join(told)}."] * bool(told)


def unequal(results: Sequence[CellResult]) -> list[str]:
    """Methods that trained more than a tenth longer or shorter than dense are not ranked at equal budget."""
    longer = {each.method: each.epochs_relative for each in results if abs(each.epochs_relative - 1) > 0.1}
    if not longer:
        return []
    listed = ", ".join(f"{method} ({ratio:.2f} × the epochs of dense)" for method, ratio in longer.items())
    return [f"Not at equal training budget: {listed}."]
