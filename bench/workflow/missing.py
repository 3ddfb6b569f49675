"""Published numbers that nobody has compared yet though nothing is in the way, and what it costs to compare them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.errors import UserError
from bench.plan.grid import Plan, expand, load
from bench.published import SAME_SPARSITY, Published, Row
from bench.published.obstacles import Obstacle, barriers, obstacles
from bench.published.power import Prospect, fewest, prospect
from bench.published.rule import FEWEST_UNPRINTED
from bench.spec import RunSpec, short
from bench.workflow import workload

PASSES = 3
"""A training step multiplies as often as three forward passes (`bench.counting.macs`)."""

Key = tuple[str, str, str, str, str]
"""Data set, architecture, method, recipe and prunable set: what the rows of one small grid have in common."""


@dataclass(frozen=True)
class Missing:
    """Rows that one method on one network under one protocol would answer.

    Attributes:
        decidable: those that the grid's seeds decide, more probably than not if the paper is exactly right.
        grid: fields of the grid that runs them, with the dense baseline that every table states.
        plan: its runs.
        trained, evaluated: images that are still to pass through the network, each as often as it does.
    """

    rows: tuple[Row, ...]
    decidable: tuple[Row, ...]
    grid: dict[str, Any]
    plan: Plan
    trained: float
    evaluated: int

    def cost(self, macs: int) -> float:
        """Multiply-adds of all runs, as if they were dense, for a network that takes `macs` per image."""
        return (PASSES * self.trained + self.evaluated) * macs


def find(
    published: Published, rows: Iterable[Row], seeds: int | None, results: Path, kept: Iterable[Path]
) -> list[Missing]:
    """Comparable rows without a run of ours, one entry per grid that would run some of them, in no order.

    Args:
        published: all rows and protocols.
        rows: those to choose from.
        seeds: how many to plan; None for the fewest that decide all rows of a grid that can be decided (`power`).
        results: the folder of results; runs that are there cost nothing.
        kept: folders of kept records, which answer rows too.
    """
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        protocol = published.protocols[row.protocol]
        if not row.duplicate_of and not barriers(row, protocol):
            key = (row.dataset, row.architecture, row.canonical_method, protocol.recipe or "", row.prunable)
            groups.setdefault(key, []).append(row)
    answered = _answered(published, groups, [*results.glob("runs/*/record.json"), *_records(kept)])
    found = []
    for key, group in groups.items():
        hopes = [prospect(published, row) for row in group if row.id not in answered]
        planned = _planned(key, hopes, seeds, results)
        can = [each for each in hopes if not _obstacles(published, each.row, planned)] if planned else []
        found.append(planned if planned and len(can) == len(planned.rows) else _planned(key, can, seeds, results))
    return [each for each in found if each]


def _obstacles(published: Published, row: Row, planned: Missing) -> list[Obstacle]:
    """What would still be in the way of a row if its grid had run: the epoch that the paper reports, say."""
    spec = next(spec for spec in planned.plan.runs if spec.method_text == row.canonical_method)
    return obstacles(row, published.protocols[row.protocol], spec)


def _planned(key: Key, hopes: Sequence[Prospect], seeds: int | None, results: Path) -> Missing | None:
    """What it takes to run the rows; None if there are none, or the method says that it makes no sense there."""
    if not hopes:
        return None
    number = seeds or fewest(hopes) or FEWEST_UNPRINTED
    rows = [each.row for each in hopes]
    decidable = tuple(each.row for each in hopes if each.decided(number))
    fields = _grid(key, rows, number)
    try:
        grid = load(fields | {"results": str(results)})
        plan = expand(grid)
    except UserError:
        return None
    if any(cell.skipped for cell in plan.cells):
        return None
    left = [piece for piece in workload.pieces(plan, results, workload.finished(plan, results)) if not piece.done]
    return Missing(
        tuple(rows), decidable, fields, plan, sum(each.trained for each in left), sum(each.evaluated for each in left)
    )


def _grid(key: Key, rows: Sequence[Row], seeds: int) -> dict[str, Any]:
    dataset, architecture, method, recipe, prunable = key
    points = sorted({row.point for row in rows if row.point})
    fields: dict[str, Any] = {
        "name": f"published/{dataset}-{architecture}-{method.partition('[')[0]}-{short(key)[:6]}",
        "title": f"{method.partition('[')[0]} on {architecture}, {dataset}",
        "recipe": recipe,
        "datasets": [dataset],
        "architectures": [architecture],
        "methods": [method],
        "seeds": list(range(seeds)),
    }
    if any(row.target is not None for row in rows):
        fields["points"] = {method.partition("[")[0]: points}
    elif points:
        fields["sparsities"] = points
    return fields if prunable == "all" else fields | {"prunable": prunable}


def _records(kept: Iterable[Path]) -> Iterator[Path]:
    for folder in kept:
        yield from folder.glob("records/*.json")


def _answered(published: Published, groups: dict[Key, list[Row]], records: Iterable[Path]) -> set[str]:
    """The ids of rows that a run which ended well can be compared with."""
    by_cell: dict[tuple[str, str, str], list[Row]] = {}
    for (dataset, architecture, method, _, _), rows in groups.items():
        by_cell.setdefault((dataset, architecture, method), []).extend(rows)
    found: set[str] = set()
    for path in records:
        if (measured := _measured(path)) is None:
            continue
        spec, points = measured
        for row in by_cell.get((spec.dataset, spec.architecture, spec.method_text), []):
            there = any(abs((row.point or 0.0) - (point or 0.0)) < SAME_SPARSITY for point in points)
            if there and row.id not in found and not obstacles(row, published.protocols[row.protocol], spec):
                found.add(row.id)
    return found


def _measured(path: Path) -> tuple[RunSpec, list[float | None]] | None:
    """What a run that ended well was asked, and the points it has results at; None for any other file."""
    try:
        found = json.loads(path.read_bytes())
        if found["outcome"] != "ok" or found["spec"]["budget"] != 1:
            return None
        return RunSpec.model_validate(found["spec"]), [result["point"] for result in found["results"]]
    except (OSError, ValueError, TypeError, KeyError, RecursionError, ValidationError):
        return None
