"""What stands in a report, before it is Markdown, LaTeX or HTML: sections of blocks of marked-up texts.

A section is one architecture on one data set. All formats are made from the same sections, so they say the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A cell of a printed table: a text, how it is set, and small marks behind it (a verdict, numbers of notes).

    It may be the `best` of its column, `within` the margin of the best, or `open`: neither within nor certainly worse.
    """

    text: str
    best: bool = False
    within: bool = False
    open: bool = False
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """A printed table; the first column names the row, the others hold `numbers` or prose.

    In a `terminal` only a section's first table is shown, and those that ask for it. `accuracies` of cells are left to
    the page's own table, which says more of each.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]
    numbers: bool = True
    terminal: bool = False
    accuracies: bool = False


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


def signed(value: float) -> str:
    """``+1.20`` or ``−0.31``; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:+.2f}".replace("-", "−")


def points(value: float) -> str:
    """``1.20``, or ``−0.31`` for a negative one; nothing for NaN."""
    return signed(value).removeprefix("+")


def same(point: float) -> float | None:
    """A point as a key: NaN, which equals nothing, becomes None."""
    return None if math.isnan(point) else point
