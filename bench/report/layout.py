"""What stands in a report, before it is Markdown, LaTeX or HTML: sections of blocks of marked-up texts.

A section is one architecture on one data set. All formats are made from the same sections, so they say the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bench.base.spelling import Spelling

Form = Callable[[float], str]
"""Writes a number without its unit."""


def signed(value: float) -> str:
    """``+1.20`` or ``−0.31``; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:+.2f}".replace("-", "−")


def points(value: float) -> str:
    """``1.20``, or ``−0.31`` for a negative one; nothing for NaN."""
    return signed(value).removeprefix("+")


@dataclass(frozen=True)
class Number:
    """A number of a table: ``91.10 ± 0.10 (3)``, ``90.00 %`` or ``93.00 (best epoch)``; nothing if it is NaN.

    Attributes:
        mean: the number, which may be the mean of several.
        std: what stands behind ±; NaN if nothing does.
        n: how many values it is the mean of; None where that is not said.
        planned: how many it would be of if none were missing; None is `n`.
        form: writes the mean.
        unit: of mean and spread.
        remark: in brackets behind it.
    """

    mean: float
    std: float = math.nan
    n: int | None = None
    planned: int | None = None
    form: Form = points
    unit: str = ""
    remark: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether no value is missing."""
        return self.planned in (None, self.n)

    @property
    def spread(self) -> str:
        """``0.10``, nothing where there is none."""
        return "" if math.isnan(self.std) else f"{self.std:.2f}"

    @property
    def count(self) -> str:
        """``(3)``, or ``(2/3)`` if a value is missing."""
        if self.n is None:
            return ""
        return f"({self.n})" if self.is_whole else f"({self.n}/{self.planned})"

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return ""
        spread = f"± {self.spread}" if self.spread else ""
        remark = f"({self.remark})" if self.remark else ""
        return " ".join(filter(None, (self.form(self.mean), spread, self.unit, self.count, remark)))


@dataclass(frozen=True)
class Span:
    """An interval of a table: ``90.85 to 91.35``."""

    low: float
    high: float
    form: Form = points
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.form(self.low)} to {self.form(self.high)}{f' {self.unit}' if self.unit else ''}"


@dataclass(frozen=True)
class Reason:
    """A word that needs an explanation: ``not comparable: unverified``."""

    word: str
    why: str

    def __str__(self) -> str:
        return f"{self.word}: {self.why}"


Value = str | Number | Span | Reason
"""What a cell of a table may hold; a string is words."""

NOTHING = ("", "–")
"""Words that stand where there is nothing to be said."""


def known(value: Number | Span, otherwise: str = "") -> Value:
    """The number or interval, or other words where it is NaN."""
    return otherwise if math.isnan(value.mean if isinstance(value, Number) else value.low) else value


def share(fraction: float) -> Value:
    """A fraction in per cent."""
    return known(Number(100 * fraction, unit="%"), "not defined")


def target(point: float | None, spelling: Spelling) -> Value:
    """A cell's point in per cent; nothing for the dense network, which has none."""
    return "" if point is None or math.isnan(point) else Number(point, form=spelling.percentage, unit="%")


@dataclass(frozen=True)
class Text:
    """A cell of a printed table: what it holds, how it is set, and small marks behind it.

    It may be the `best` of its column, `within` the margin of the best, or `open`: neither within nor certainly worse.

    Attributes:
        letter: of the verdict on a published number.
        notes: numbers of notes below the table.
        method: the name of the one that the row is about, if this text begins a row about one.
    """

    value: Value
    best: bool = False
    within: bool = False
    open: bool = False
    letter: str = ""
    notes: tuple[str, ...] = ()
    method: str = ""

    @property
    def text(self) -> str:
        """What it holds as plain text."""
        return str(self.value)

    @property
    def marks(self) -> tuple[str, ...]:
        """The letter and the numbers, as far as there are any."""
        return (self.letter, *self.notes) if self.letter else self.notes


@dataclass(frozen=True)
class Block:
    """A printed table; the first column names the row, the others hold `numbers` or prose.

    In a `terminal` only a section's first table is shown, and those that ask for it. `accuracies` of cells are left to
    the page's own table, which says more of each. `notes` explain columns.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]
    numbers: bool = True
    terminal: bool = False
    accuracies: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One architecture on one data set."""

    dataset: str
    architecture: str
    facts: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """Tables about more than one section, with the sentences that they need."""

    title: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """A grid's whole report: what holds for all sections, and the sections.

    Attributes:
        warning: set when the numbers must not be taken for the paper's protocol.
        facts: recipe, seeds, prunable set, and where the values come from.
        legend: what the marks mean.
        chapters: what all sections say together.
        claims: what papers say about the order of methods, and what these runs say.
        comparison: published rows with verdicts: the anchors of cells, then all others.
    """

    title: str
    warning: str
    facts: tuple[str, ...]
    legend: tuple[str, ...]
    sections: tuple[Section, ...]
    chapters: tuple[Chapter, ...] = ()
    claims: tuple[Block, ...] = ()
    claims_notes: tuple[str, ...] = ()
    comparison: tuple[Block, ...] = ()
    comparison_notes: tuple[str, ...] = ()
