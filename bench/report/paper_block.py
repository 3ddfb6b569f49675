"""A paper's table as the paper prints it, methods × operating points, with ours, the difference and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.base.spelling import Spelling
from bench.published.comparison import Compared
from bench.published.outcomes import Outcome
from bench.report import cell, per_input
from bench.report.cell import CellResult
from bench.report.layout import Block, Reason, Text, Value, known

if TYPE_CHECKING:
    from bench.plan.grid import CellKey

NO_NUMBER = "no published number"


def paper_block(paper: str, results: Sequence[CellResult], accuracy: Mapping[CellKey, Text]) -> Block:
    """Five rows a method: the published number, ours, the difference, the verdict, and where the printed value lies.

    The difference has its 90 % interval (a wider one at looks). The last row takes the printed value as if exact.

    Args:
        paper: the beginning of the paper's name in `published/`; numbers of other papers are not shown here.
        results: of one network.
        accuracy: what stands for the accuracy of a cell; shown where nothing is published.
    """
    spelling = Spelling.of(each.point for each in results)
    cells: dict[str, dict[str, CellResult]] = {}
    order: dict[str, float] = {}
    for each in results:
        column = per_input.point_name(each.method, each.point, spelling)
        cells.setdefault(each.method, {})[column] = each
        order[column] = -1.0 if each.point is None else each.point
    columns = sorted(order, key=lambda column: order[column])
    rows: list[tuple[Text, ...]] = []
    for method, at in cells.items():
        theirs = {column: _of_paper(paper, each) for column, each in at.items()}
        five = [_five(theirs[column], accuracy[at[column].cell.key]) if column in at else _BLANK for column in columns]
        name = next(iter(at.values())).cell.method_name
        heads = [Text(text, method=name) for text in (_title(method, theirs), *[""] * (len(_ROWS) - 1))]
        rows += [(heads[index], Text(what), *(texts[index] for texts in five)) for index, what in enumerate(_ROWS)]
    title = f"As the paper prints it ({paper})"
    return Block(title, ("Method", "", *columns), tuple(rows), accuracies=True)


_ROWS = ("published", "ours", "Δ", "verdict", "printed value")

_BLANK = (Text("–"), Text("–"), Text(""), Text(""), Text(""))
"""Where a method has no cell."""


def _of_paper(paper: str, result: CellResult) -> Compared | None:
    """The paper's number that fits a cell best."""
    return next((each for each in result.published if each.row.paper.startswith(paper)), None)


def _title(method: str, theirs: Mapping[str, Compared | None]) -> str:
    """Our name, and the paper's in brackets if it is another."""
    printed = next((each.row.method_printed for each in theirs.values() if each), method)
    return method if printed.lower() == method else f"{method} ({printed})"


def _five(theirs: Compared | None, accuracy: Text) -> tuple[Text, ...]:
    ours = replace(accuracy, letter="")  # verdicts stand below
    if theirs is None:
        return Text(NO_NUMBER), ours, Text(""), Text(""), Text("")
    best = "best epoch" if theirs.row.report == "best" else ""
    if theirs.ours.n and (best or theirs.verdict.look):  # the number that was judged
        ours = Text(cell.ours(theirs))
    return (
        Text(replace(cell.theirs(theirs), remark=best)),
        ours,
        Text(known(cell.difference(theirs))),
        Text(verdict(theirs)),
        Text(theirs.printed),
    )


def verdict(compared: Compared) -> Value:
    """The verdict in few words: ``not comparable: unverified, recipe``."""
    if compared.outcome is not Outcome.NOT_COMPARABLE:
        return str(compared.outcome)
    kinds = dict.fromkeys(obstacle.kind for obstacle in compared.verdict.obstacles)
    return Reason(compared.outcome, ", ".join(kinds))
