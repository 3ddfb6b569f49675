"""The table of a section as a paper prints it: methods × operating points, each cell with what it is compared to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bench.published.outcomes import Outcome
from bench.report import per_input
from bench.report.layout import signed
from bench.report.page.material import Line, Material
from bench.statistics.standing import Place


@dataclass(frozen=True)
class Entry:
    """A cell as the table shows it; what else is known of it is in `bench.report.page.details`.

    Attributes:
        number: the cell's number on the page.
        value: what columns are sorted by; None sorts last.
        spread: standard deviation and number of seeds.
        outcome: what happened instead, where no run ended well.
        failed: whether some runs did not end well.
        published, difference, verdict: of the anchor row; empty if nothing is published.
    """

    number: int
    value: float | None
    mean: str
    spread: str
    best: bool
    within: bool
    open: bool
    outcome: str
    failed: bool
    published: str = ""
    difference: str = ""
    verdict: Outcome | None = None


@dataclass(frozen=True)
class Matrix:
    """Methods that share their operating points: a row for each, a column for each point."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Entry | None, ...]], ...]


def matrices(material: Material, numbers: Iterable[int]) -> list[Matrix]:
    """The tables of a section: one for sparsities, and one for each set of points that has none of the grid's."""
    lines = {number: material.lines[number] for number in numbers}
    by_method: dict[str, list[int]] = {}
    for number, line in lines.items():
        by_method.setdefault(line["method"], []).append(number)
    shared = set(material.grid.sparsities)
    groups: dict[tuple[float, ...], dict[str, list[int]]] = {}
    for method, own in by_method.items():
        points = {0.0 if math.isnan(lines[number]["point"]) else lines[number]["point"] for number in own}
        usual = per_input.is_target(method) and (points == {0.0} or not shared or bool(points & shared))
        groups.setdefault(() if usual else tuple(sorted(points)), {})[method] = own
    return [_matrix(material, points, methods) for points, methods in sorted(groups.items())]


def _matrix(material: Material, points: tuple[float, ...], methods: dict[str, list[int]]) -> Matrix:
    named = {
        (method, material.point_name(material.lines[number])): number
        for method, own in methods.items()
        for number in own
    }
    order = {name: _place(material.lines[number]) for (_, name), number in named.items()}
    columns = tuple(sorted(order, key=lambda name: order[name]))
    rows = []
    for method in methods:
        own = [named.get((method, column)) for column in columns]
        rows.append((method, tuple(None if number is None else _entry(material, number) for number in own)))
    title = f"Accuracy at operating points of their own: {', '.join(methods)}" if points else "Accuracy by sparsity"
    return Matrix(title, columns, tuple(rows))


def _place(line: Line) -> float:
    return -1.0 if math.isnan(line["point"]) else float(line["point"])


def _entry(material: Material, number: int) -> Entry:
    line = material.lines[number]
    count = f"{line['n']}" if line["n"] == line["expected"] else f"{line['n']}/{line['expected']}"
    spread = "" if math.isnan(line["std"]) else f"± {line['std']:.2f} "
    failures = material.failures(number)
    shown = Entry(
        number=number,
        value=float(line["mean"]) if line["n"] else None,
        mean=f"{line['mean']:.2f}" if line["n"] else "",
        spread=f"{spread}({count})" if line["n"] else "",
        best=bool(line["best"]),
        within=line["standing"] == Place.WITHIN,
        open=line["standing"] == Place.OPEN,
        outcome="" if line["n"] else ", ".join(dict.fromkeys(each.outcome for each in failures)) or "no runs",
        failed=bool(failures),
    )
    row = material.anchor(line)
    if row is None:
        return shown
    compared = {
        "published": f"{row['published']:.2f}",
        "difference": signed(row["difference"]),
        "verdict": Outcome(row["verdict"]),
    }
    return Entry(**{**vars(shown), **compared})
