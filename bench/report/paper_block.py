"""A paper's table as the paper prints it, methods × operating points, with ours, the difference and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bench.base.spelling import Spelling
from bench.published.outcomes import Outcome
from bench.report import per_input
from bench.report.layout import Block, Text, same, signed

NO_NUMBER = "no published number"

Line = Mapping[str, Any]
Key = tuple[str, float | None]


def paper_block(paper: str, lines: Iterable[Line], accuracy: Mapping[Key, Text], compared: Iterable[Line]) -> Block:
    """Five rows a method: the published number, ours, the difference, the verdict, and where the printed value lies.

    The difference has its 90 % interval; the last row takes the printed value as if it were exact.

    Args:
        paper: the beginning of the paper's name in `published/`; numbers of other papers are not shown here.
        lines: the cells of one architecture and data set, from `bench.report.summary.cells`.
        accuracy: their accuracies as printed elsewhere, by method and point; shown where nothing is published.
        compared: the published rows about them, from `bench.published.comparison.compare`, the fittest of a cell first.
    """
    keys = [(line["method"], same(line["point"])) for line in lines]
    spelling = Spelling.of(point for _, point in keys)
    cells = {key: per_input.point_name(*key, spelling) for key in keys}
    theirs: dict[Key, Line] = {}
    for row in compared:
        if row["paper"].startswith(paper):
            theirs.setdefault((row["method"], same(row["point"])), row)
    order = {column: point if point is not None else -1.0 for (_, point), column in cells.items()}
    columns = sorted(order, key=lambda column: order[column])
    rows: list[tuple[Text, ...]] = []
    for method in dict.fromkeys(method for method, _ in cells):
        at = {column: key for key, column in cells.items() if key[0] == method}
        five = [_five(theirs.get(at[column]), accuracy[at[column]]) if column in at else _BLANK for column in columns]
        heads = (_name(method, theirs), *[Text("")] * (len(_ROWS) - 1))
        rows += [(heads[index], Text(what), *(texts[index] for texts in five)) for index, what in enumerate(_ROWS)]
    title = f"As the paper prints it ({paper})"
    return Block(title, ("Method", "", *columns), tuple(rows), accuracies=True)


_ROWS = ("published", "ours", "Δ", "verdict", "printed value")

_BLANK = (Text("–"), Text("–"), Text(""), Text(""), Text(""))
"""Where a method has no cell."""


def _name(method: str, theirs: Mapping[Key, Line]) -> Text:
    """Our name, and the paper's in brackets if it is another."""
    printed = next((row["method_printed"] for (own, _), row in theirs.items() if own == method), method)
    return Text(method if printed.lower() == method else f"{method} ({printed})")


def _five(row: Line | None, accuracy: Text) -> tuple[Text, ...]:
    ours = replace(accuracy, marks=tuple(mark for mark in accuracy.marks if mark.isdigit()))  # verdicts stand below
    if row is None:
        return Text(NO_NUMBER), ours, Text(""), Text(""), Text("")
    best = " (best epoch)" if row["report"] == "best" else ""
    if best and row["ours_n"]:
        ours = Text(f"{_number(row['ours'], row['ours_std'])} ({row['ours_n']})")
    half = "" if math.isnan(row["half_width"]) else f" ± {row['half_width']:.2f}"
    difference = signed(row["difference"])
    return (
        Text(_number(row["published"], row["published_std"]) + best),
        ours,
        Text(difference + half if difference else ""),
        Text(verdict(row)),
        Text(row["printed"]),
    )


def verdict(row: Line) -> str:
    """The verdict in few words: ``not comparable: unverified, recipe``."""
    if row["verdict"] != Outcome.NOT_COMPARABLE:
        return str(row["verdict"])
    kinds = dict.fromkeys(obstacle.kind for obstacle in row["obstacles"])
    return f"{Outcome.NOT_COMPARABLE}: {', '.join(kinds)}"


def _number(mean: float, std: float) -> str:
    return f"{mean:.2f}" if math.isnan(std) else f"{mean:.2f} ± {std:.2f}"
