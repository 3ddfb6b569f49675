"""The table of a section as a paper prints it: methods × operating points, each cell with what it is compared to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.base.grouping import grouped
from bench.published.outcomes import Outcome
from bench.report import per_input
from bench.report.cell import CellResult
from bench.report.layout import points, signed
from bench.report.page.material import Material
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
    by_method = grouped((material.results[number].method, number) for number in numbers)
    shared = set(material.grid.sparsities)
    groups: dict[tuple[float, ...], dict[str, list[int]]] = {}
    for method, own in by_method.items():
        points = {material.results[number].point or 0.0 for number in own}
        usual = per_input.is_target(method) and (points == {0.0} or not shared or bool(points & shared))
        groups.setdefault(() if usual else tuple(sorted(points)), {})[method] = own
    return [_matrix(material, points, methods) for points, methods in sorted(groups.items())]


def _matrix(material: Material, points: tuple[float, ...], methods: dict[str, list[int]]) -> Matrix:
    named = {
        (method, material.point_name(material.results[number])): number
        for method, own in methods.items()
        for number in own
    }
    order = {name: _place(material.results[number]) for (_, name), number in named.items()}
    columns = tuple(sorted(order, key=lambda name: order[name]))
    rows = []
    for method in methods:
        own = [named.get((method, column)) for column in columns]
        rows.append((method, tuple(None if number is None else _entry(material, number) for number in own)))
    title = f"Accuracy at operating points of their own: {', '.join(methods)}" if points else "Accuracy by sparsity"
    return Matrix(title, columns, tuple(rows))


def _place(result: CellResult) -> float:
    return -1.0 if result.point is None else result.point


def _entry(material: Material, number: int) -> Entry:
    each = material.results[number]
    accuracy, anchor = each.number, each.anchor
    spread = f"± {accuracy.spread} " if accuracy.spread else ""
    return Entry(
        number=number,
        value=each.mean if each.n else None,
        mean=points(each.mean),
        spread=f"{spread}{accuracy.count}" if each.n else "",
        best=each.best,
        within=each.place is Place.WITHIN,
        open=each.place is Place.OPEN,
        outcome="" if each.n else each.instead,
        failed=bool(each.failures),
        published=points(anchor.row.value) if anchor else "",
        difference=signed(anchor.verdict.difference) if anchor else "",
        verdict=anchor.outcome if anchor else None,
    )
