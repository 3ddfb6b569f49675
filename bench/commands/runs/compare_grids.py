"""``reprune compare`` for two grids or kept folders: cell by cell, over seeds."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bench import recipe, statistics
from bench.base.printing import emit, numbers_table, terminal, without_nan
from bench.base.spelling import Spelling
from bench.commands.runs import differences
from bench.errors import printable
from bench.plan.grid import Cell, CellKey, Plan, expand, load
from bench.report.layout import signed
from bench.results.record import Record

LISTED = 5
"""Cells that are named; of more only the number is said."""

MOST = 12
"""Differences of environments that are printed."""

LONGEST = 40
"""Characters of a value that are printed."""


@dataclass(frozen=True)
class Collection:
    """The records of a grid or kept folder."""

    plan: Plan
    records: dict[str, Record]

    def cells(self) -> dict[CellKey, Cell]:
        """The cells that at least one record belongs to."""
        return {cell.key: cell for cell in self.plan.cells if any(run in self.records for _, run in cell.runs)}

    def seeds(self, cell: Cell) -> dict[int, Record]:
        """The records of a cell by seed."""
        return {seed: self.records[run] for seed, run in cell.runs if run in self.records}


def is_grid(text: str) -> bool:
    """Whether a text names a grid's file or a kept folder, and not a run."""
    path = Path(text)
    return (path.is_file() and path.suffix in (".yaml", ".yml")) or (path / "grid.yaml").is_file()


def compare(a: str, b: str, *, as_json: bool = False) -> int:
    """Print in what two grids or kept folders differ; returns 1 if in a number of a run, or in which runs there are."""
    found = values(collection(Path(a)), collection(Path(b)))
    if as_json:
        emit({"a": a, "b": b} | found)
    else:
        render(a, b, found, terminal())
    return int(not found["equal"])


def collection(path: Path) -> Collection:
    """The records of a grid's results, or of a kept folder. Raises `UserError` if there is no such thing."""
    from bench.report import kept
    from bench.results import measurements

    if path.is_dir():
        found = kept.read(path)
        return Collection(found.plan, {run: source.record for run, source in found.records.items()})
    grid = load(path)
    plan = expand(grid)
    sources, _ = measurements.read_records(plan, Path(grid.results))
    return Collection(plan, {run: source.record for run, source in sources.items()})


def values(a: Collection, b: Collection) -> dict[str, Any]:
    """All differences as JSON-like values.

    A difference is B's mean minus A's, with Welch's 95 % interval. `equal_runs` counts pairs of the same cell and seed
    whose records have the same value in every number.
    """
    mine, theirs = a.cells(), b.cells()
    both = [key for key in mine if key in theirs]
    pairs = {key: _seeds(a.seeds(mine[key]), b.seeds(theirs[key])) for key in both}
    runs = {(one.id, other.id): (one, other) for each in pairs.values() for one, other in each}
    equal = sum(not differences.unequal(one, other) for one, other in runs.values())
    spelling = Spelling.of(key.point for key in (*mine, *theirs))
    only = [
        [_named(key, spelling) for key in one if key not in other] for one, other in ((mine, theirs), (theirs, mine))
    ]
    seeds = all(set(a.seeds(mine[key])) == set(b.seeds(theirs[key])) for key in both)
    return {
        "equal": equal == len(runs) and seeds and not any(only),
        "runs": len(runs),
        "equal_runs": equal,
        "cells": [_cell(key, a.seeds(mine[key]), b.seeds(theirs[key])) for key in both],
        "only_a": only[0],
        "only_b": only[1],
        "asked": _counted(Counter(line for one, other in runs.values() for line in _asked(one, other))),
        "environment": _counted(Counter(line for one, other in runs.values() for line in _moved(one, other))),
    }


def _seeds(mine: dict[int, Record], theirs: dict[int, Record]) -> list[tuple[Record, Record]]:
    return [(mine[seed], theirs[seed]) for seed in mine if seed in theirs]


def _cell(key: CellKey, mine: dict[int, Record], theirs: dict[int, Record]) -> dict[str, Any]:
    ours, other = (_accuracies(records, key.point) for records in (mine, theirs))
    low, high = statistics.difference(other, ours)
    a, b = statistics.summarise(ours), statistics.summarise(other)
    told = {"a": a._asdict(), "b": b._asdict(), "difference": b.mean - a.mean, "low": low, "high": high}
    found: dict[str, Any] = without_nan(key._asdict() | told)
    return found


def _accuracies(records: dict[int, Record], point: float | None) -> list[float]:
    """Of the runs that ended well, as in tables."""
    found = (each.result(point) for each in records.values() if each.outcome == "ok")
    return [result.accuracy for result in found if result is not None]


def _asked(one: Record, other: Record) -> list[str]:
    """In which material fields two runs of the same cell and seed were asked differently."""
    lines = list(map(str, recipe.differences(other.spec.recipe, one.spec.recipe)))
    for field in ("budget", "prunable"):
        before, after = getattr(one.spec, field), getattr(other.spec, field)
        lines += [f"{field}: {after} instead of {before}"] if before != after else []
    for name, (before, after) in differences.changed(one.hyperparameters, other.hyperparameters).items():
        lines.append(f"{name}: {after} instead of {before}")
    return lines


def _moved(one: Record, other: Record) -> list[str]:
    """In which facts about code, packages and machine two runs of the same cell and seed differ."""
    found = differences.environment(one, other)
    return [f"{name}: {_brief(left)} → {_brief(right)}" for name, (left, right) in found.items()]


def _brief(value: Any) -> str:
    return "none" if value is None else printable(str(value))[:LONGEST]


def render(a: str, b: str, found: dict[str, Any], console: Console) -> None:
    """Print the differences for people."""
    console.print(Text.assemble(("A  ", "dim"), (a, "bold"), ("\nB  ", "dim"), (b, "bold")))
    spelling = Spelling.of(cell["point"] for cell in found["cells"])
    networks = dict.fromkeys((cell["dataset"], cell["architecture"]) for cell in found["cells"])
    for dataset, architecture in networks:
        table = numbers_table(f"{architecture} on {dataset}", ("A, %", "n", "B, %", "n", "B − A", "95 % interval"))
        for cell in found["cells"]:
            if (cell["dataset"], cell["architecture"]) == (dataset, architecture):
                table.add_row(*_row(cell, spelling))
        console.print()
        console.print(table)
    console.print()
    for name, cells in (("A", found["only_a"]), ("B", found["only_b"])):
        if cells:
            more = f" and {len(cells) - LISTED} more" if len(cells) > LISTED else ""
            console.print(Text(f"only in {name}: {', '.join(cells[:LISTED])}{more}", "yellow"), soft_wrap=True)
    for line in found["asked"]:
        console.print(Text(f"asked of B: {line}", "yellow"), soft_wrap=True)
    for line in found["environment"][:MOST]:
        console.print(Text(line, "dim"), soft_wrap=True)
    if (hidden := len(found["environment"]) - MOST) > 0:
        console.print(Text(f"and {hidden} more differences of environments; --json lists all", "dim"))
    console.print(Text(verdict(found), "bold"))


def verdict(found: dict[str, Any]) -> str:
    """One sentence on the numbers."""
    if not found["runs"]:
        return "They share no run: no cell is in both at the same seed."
    excluded = sum((cell["low"] or 0) > 0 or (cell["high"] or 0) < 0 for cell in found["cells"])
    sentence = f"{found['equal_runs']} of {found['runs']} runs are equal in every number"
    if found["equal"]:
        return f"{sentence}, and there are no others."
    known = sum(cell["low"] is not None for cell in found["cells"])
    return f"{sentence}; the interval excludes 0 in {excluded} of {known} cells in which there is one."


def _row(cell: dict[str, Any], spelling: Spelling) -> list[Any]:
    name = str(cell["method"]) if cell["point"] is None else f"{cell['method']} · {spelling.percent(cell['point'])}"
    sides = [[_mean(cell[side]), str(cell[side]["n"])] for side in ("a", "b")]
    difference = (
        "=" if cell["difference"] == 0 else signed(math.nan if cell["difference"] is None else cell["difference"])
    )
    inside = "–" if cell["low"] is None else f"{signed(cell['low'])} to {signed(cell['high'])}"
    apart = cell["low"] is not None and (cell["low"] > 0 or cell["high"] < 0)
    return [Text(name), *sides[0], *sides[1], Text(difference, "bold" if apart else ""), Text(inside, "dim")]


def _mean(side: dict[str, Any]) -> str:
    if side["mean"] is None:
        return "–"
    return f"{side['mean']:.2f}" + (f" ± {side['std']:.2f}" if side["std"] is not None else "")


def _named(key: CellKey, spelling: Spelling) -> str:
    point = [] if key.point is None else [spelling.percent(key.point)]
    return " · ".join([key.dataset, key.architecture, key.method, *point])


def _counted(lines: Counter[str]) -> list[str]:
    return [f"{line} ({count} runs)" for line, count in lines.items()]
