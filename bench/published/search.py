"""Looking for published rows, and showing what was found."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Group
from rich.table import Table
from rich.text import Text

from bench import names
from bench.base.grouping import grouped
from bench.base.nearest import beginning, meant
from bench.errors import UserError
from bench.published import SAME_SPARSITY, Published, Row
from bench.published.obstacles import Kind, Obstacle, barriers

WHY = "comparable under"
LONGEST = 44
"""Columns of a printed name; what is longer ends in an ellipsis (``--json`` has all of it)."""

TRUST = ("primary", "secondary", "unverified")


@dataclass(frozen=True)
class Query:
    """What a row must be like; None and an empty text ask for nothing.

    Attributes:
        method: our name (``gmp``), or words of the printed one.
        dataset, architecture: ours, or a part of the printed one; case, spaces and hyphens do not matter.
        paper: a part of its id, title, authors or arXiv number.
        sparsity: a fraction in [0, 1); for methods with another target, that.
    """

    method: str = ""
    dataset: str = ""
    architecture: str = ""
    paper: str = ""
    sparsity: float | None = None

    def __post_init__(self) -> None:
        if self.sparsity is not None and not 0 <= self.sparsity <= 1:
            raise UserError(f"--sparsity {self.sparsity:g} is not a fraction between 0 and 1.")

    def __bool__(self) -> bool:
        return self != Query()

    def fits(self, row: Row) -> bool:
        """Whether a row is like that."""
        return (
            (not self.method or self._method(row))
            and _plain(self.dataset) in _plain(row.dataset)
            and (_plain(self.architecture) in _plain(row.architecture_printed) or self.architecture == row.architecture)
            and _plain(self.paper) in _plain(f"{row.id} {row.paper} {row.arxiv}")
            and (self.sparsity is None or (row.point is not None and abs(row.point - self.sparsity) < SAME_SPARSITY))
        )

    def _method(self, row: Row) -> bool:
        ours = names.parse(row.method)[0] if row.method else ""
        printed = row.method_printed.partition(" (")[0].casefold()
        words = re.search(rf"(?<![a-z0-9]){re.escape(self.method.casefold())}(?![a-z0-9])", printed)
        return self.method in (ours, row.method) or words is not None


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum() or character == ".")


def find(published: Published, query: Query) -> list[Row]:
    """The rows that fit, by data set, architecture, method and sparsity.

    A data set is the whole name (``cifar10`` does not find CIFAR-100) if any row has it.
    """
    exact = {row.dataset for row in published.rows if _plain(row.dataset) == _plain(query.dataset)}
    found = [row for row in published.rows if query.fits(row) and (not exact or row.dataset in exact)]
    return sorted(found, key=lambda row: (row.dataset, _architecture(row), _method(row), row.point or 0.0, row.id))


def nothing(published: Published, query: Query) -> str:
    """Why no row was found: which part of a query fits none by itself, and what is near to it."""
    for name, known in _vocabulary(published).items():
        value = getattr(query, name)
        if value and not find(published, Query(**{name: value})):
            what = {"dataset": "a data set", "architecture": "an architecture"}.get(name, f"a {name}")
            return f"no published row has {what} like {value[:100]!r}; {near(value, known)}"
    if query.sparsity is not None and not find(published, Query(sparsity=query.sparsity)):
        points = sorted({row.point for row in published.rows if row.point is not None})
        closest = min(points, key=lambda point: abs(point - (query.sparsity or 0.0)))
        return f"no published row is at sparsity {query.sparsity:g}; the nearest is {closest:g}."
    return "no published row has all of this together; leave out one of the options."


def _vocabulary(published: Published) -> dict[str, list[str]]:
    """What a part of a query may be, as rows have it, our own names first."""
    rows = published.rows
    return {
        "method": _sorted(names.parse(row.method)[0] for row in rows if row.method)
        + _sorted(row.method_printed for row in rows),
        "dataset": _sorted(row.dataset for row in rows),
        "architecture": _sorted(row.architecture for row in rows) + _sorted(row.architecture_printed for row in rows),
        "paper": _sorted(row.paper for row in rows) + _sorted(row.arxiv for row in rows),
    }


def _sorted(texts: Iterable[str | None]) -> list[str]:
    return sorted({text for text in texts if text})


def near(text: str, known: Iterable[str]) -> str:
    """What may have been meant by a text that nothing has."""
    close = beginning(text, known)
    return meant(close) if close else "`reprune published` lists the papers."


def overview(published: Published) -> Table:
    """A line per paper: how many numbers, how well they were read, how many a run of ours can be compared with."""
    table = _table("paper", "arXiv", "rows", *TRUST, "comparable")
    papers = grouped(((row.paper, row.arxiv), row) for row in published.rows)
    for (paper, arxiv), rows in sorted(papers.items()):
        read = Counter[str](row.verified for row in rows)
        comparable = sum(not hindrances(published, row) for row in rows)
        table.add_row(
            Text(paper), Text(arxiv), *(str(n or "") for n in (len(rows), *(read[word] for word in TRUST), comparable))
        )
    return table


def listing(published: Published, rows: Iterable[Row]) -> Group:
    """A line per row with its recipe, or the numbers of notes that say why no run of ours can be compared with it."""
    table = _table("id", "paper", "architecture", "method", "sparsity", "value", "n", "verified", WHY)
    reasons: dict[str, int] = {}
    for row in rows:
        why = [str(reasons.setdefault(str(each), len(reasons) + 1)) for each in hindrances(published, row)]
        last = f"no: {', '.join(why)}" if why else published.protocols[row.protocol].recipe or ""
        network = f"{_architecture(row)}, {row.dataset}"
        cells = (row.id, short(row.paper), network, _method(row), _point(row), _value(row), str(row.n_seeds or "?"))
        table.add_row(*map(Text, (*cells, row.verified, last)))  # as text: brackets are no markup here
    notes = [Text(f"{number:>3}. {reason}", "dim") for reason, number in reasons.items()]
    return Group(table, *([Text("\nNot comparable because"), *notes] if notes else []))


def as_json(published: Published, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The rows with all their fields, their recipe, and under ``obstacles`` why they are not comparable."""
    return [
        row.model_dump()
        | {"recipe": published.protocols[row.protocol].recipe, "obstacles": list(map(str, hindrances(published, row)))}
        for row in rows
    ]


def hindrances(published: Published, row: Row) -> list[Obstacle]:
    """Why no run of ours is compared with a row: `barriers`, or another row stands for it."""
    copy = [Obstacle(Kind.COPY, f"{row.duplicate_of} stands for it")] if row.duplicate_of else []
    return copy + barriers(row, published.protocols[row.protocol])


def short(paper: str) -> str:
    """A paper's first author and year, or the beginning of its name if it has no year."""
    authors, year = paper.partition(",")[0], paper.rpartition(" ")[2]
    return f"{authors[:40]} {year}" if year.isdigit() else paper[:45]


def _architecture(row: Row) -> str:
    return row.architecture or row.architecture_printed


def _method(row: Row) -> str:
    name = row.method or row.method_printed
    return f"{name} ({row.variant})" if row.variant else name


def _point(row: Row) -> str:
    if row.sparsity is not None:
        return f"{100 * row.sparsity:.5g} %"
    if row.target is not None:
        return f"target {row.target:g}"
    return "" if row.flops_reduction is None else f"{100 * row.flops_reduction:.3g} % of MACs"


def _value(row: Row) -> str:
    digits = max(1, -math.floor(math.log10(2 * row.reading_error))) if row.reading == "exact" else 2
    value = f"{row.value:.{digits}f}" + ("" if row.std is None else f" ± {row.std:g}")
    return value if row.metric == "top1" else f"{value} ({row.metric})"


def _table(*head: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in head:
        numbers = name in ("rows", *TRUST, "comparable", "sparsity", "value", "n")
        longest = LONGEST if name in ("method", "architecture", "paper", WHY) else None
        least = 12 if name in ("sparsity", "value") else None  # a narrow terminal cuts names, never numbers
        justify: Literal["left", "right"] = "right" if numbers else "left"
        table.add_column(name, justify=justify, no_wrap=True, max_width=longest, min_width=least)
    return table
