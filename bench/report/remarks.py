"""What stands below a table about its rows: other recipes, warnings, what is open, unequal training."""

from __future__ import annotations

import math
from typing import Any

from bench.base.spelling import Spelling
from bench.plan.grid import Grid
from bench.statistics.standing import Place


def overridden(grid: Grid, lines: list[dict[str, Any]]) -> list[str]:
    """Which methods are under another recipe or prunable set than the grid's."""
    run = [line for line in lines if line["expected"]] if grid.overrides or grid.trainings else []
    found: dict[str, dict[str, None]] = {}
    for line in run:
        for what, own, used in (
            ("recipe", grid.recipe, line["recipe"]),
            ("prunable set", grid.prunable, line["prunable"]),
        ):
            if used != own:
                found.setdefault(f"{what} {used}", {})[line["method"]] = None
    everything = len({line["method"] for line in run})
    return [
        f"{'All methods here' if len(methods) == everything else ', '.join(methods)}: {what}."
        for what, methods in found.items()
    ]


def warnings(lines: list[dict[str, Any]], spelling: Spelling) -> list[str]:
    """The warnings of the records, each once per method."""
    targets: dict[tuple[str, str], list[float]] = {}
    for line in lines:
        if line["warnings"]:
            targets.setdefault((line["method"], line["warnings"]), []).append(line["point"])
    return [f"{method}{spelling.at(*points)}: {text}." for (method, text), points in targets.items()]


def undecided(lines: list[dict[str, Any]], spelling: Spelling) -> list[str]:
    """How many seeds would tell the methods of a column from its best one, where these do not."""
    found = [line for line in lines if line["standing"] == Place.OPEN and not math.isnan(line["seeds_to_tell"])]
    listed = ", ".join(f"{line['method']}{spelling.at(line['point'])} ({line['seeds_to_tell']:.0f})" for line in found)
    return [f"Open, until about so many seeds if means and spreads stay as they are: {listed}."] if found else []


def unequal(lines: list[dict[str, Any]]) -> list[str]:
    """Methods that trained more than a tenth longer or shorter than dense are not ranked at equal budget."""
    longer = {line["method"]: line["epochs_relative"] for line in lines if abs(line["epochs_relative"] - 1) > 0.1}
    if not longer:
        return []
    listed = ", ".join(f"{method} ({ratio:.2f} × the epochs of dense)" for method, ratio in longer.items())
    return [f"Not at equal training budget: {listed}."]
