r"""A report in LaTeX: each block a ``table`` as papers have them, made to be ``\input``.

Tables of numbers lose what a reader of a paper does not need in every cell: a unit that a column shares stands in its
head, a number of seeds that all cells share under the table, a method's name once for all its rows, and reasons ("not
comparable: unverified") become footnotes. Names that are too long for a line are broken, a table that is longer than a
page continues in another one, and what is still wider than a line is scaled down to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bench.report.latex_block import Body, Row, Shared
from bench.report.layout import Block, Report
from bench.report.tex import breakable, tex

LINES = 40
"""Lines of a table that fits on a page together with its caption and some notes."""

NOTES = 18
"""Lines of notes that fit below it; more stand behind the table, as text that may go on over pages."""

MEASURE = 95
"""Letters of a line of notes."""


@dataclass(frozen=True)
class Table:
    """A table ready to be printed; everything is LaTeX.

    Attributes:
        columns: as ``tabular`` takes them.
        lines: of the body.
        notes: what stands under it, a paragraph each.
    """

    caption: str
    label: str
    columns: str
    head: str
    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def tall(self) -> bool:
        """Whether the notes are too long to stand on the table's page."""
        return sum(len(note) // MEASURE + 1 for note in self.notes) > NOTES + max(0, LINES - len(self.lines))


def tables(report: Report, facts: Sequence[str]) -> Iterator[Table]:
    """All tables of a report; `facts` are the sentences that hold for all sections."""
    for section in report.sections:
        own = [breakable(" ".join([section.facts, *facts]))]
        own += [_mark(str(number), note) for number, note in enumerate(section.notes, 1)]
        for index, block in enumerate(section.blocks, 1):
            title = f"{block.title}: {section.architecture} on {section.dataset}"
            label = f"{section.dataset}-{section.architecture}-{index}"
            yield from _tables(block, title, label, own if index == 1 else [], report.warning)
    for chapter in report.chapters:
        for index, block in enumerate(chapter.blocks, 1):
            notes = [breakable(note) for note in chapter.notes] if index == len(chapter.blocks) else []
            title, label = f"{chapter.title}: {block.title}", f"{chapter.title}-{index}"
            yield from _tables(block, title, label, notes, report.warning)
    for block in report.claims:
        yield from _tables(
            block, block.title, "claims", [breakable(note) for note in report.claims_notes], report.warning
        )


def _tables(block: Block, title: str, label: str, notes: Sequence[str], warning: str) -> Iterator[Table]:
    """A block as one table, or as several where it is longer than a page."""
    shared = Shared(block)
    parts = list(_parts(shared))
    spaced = any(len(group) > 1 for part in parts for group in part)
    for number, part in enumerate(parts, 1):
        body = Body(shared)
        lines = [line for group in part for line in ([r"\addlinespace"] * spaced + body.lines(group))]
        below = [_mark(letter, f"{text}.") for text, letter in body.letters.items()]
        below += [*shared.remarks, *map(breakable, block.notes), *notes] if number == len(parts) else []
        caption = breakable(title) + (" (continued)." if number > 1 else ".")
        yield Table(
            caption=caption + (rf" \textbf{{{breakable(warning)}}}" if warning else ""),
            label=f"tab:{re.sub('[^A-Za-z0-9]+', '-', label)}" + (f"-{number}" if number > 1 else ""),
            columns="".join(map(shared.column, range(len(shared.head)))),
            head=" & ".join(map(shared.heading, range(len(shared.head)))),
            lines=tuple(lines[spaced:]),
            notes=tuple(below),
        )


def _mark(mark: str, text: str) -> str:
    return rf"\textsuperscript{{{tex(mark)}}}~{breakable(text)}"


def _parts(shared: Shared) -> Iterator[list[list[Row]]]:
    """Rows in groups of one name, and groups in parts that fit on a page.

    Only a group that fits on no page is torn apart.
    """
    names: list[str] = []
    for row in shared.rows:
        names.append(row[0].text or (names[-1] if names else ""))
    groups: list[list[Row]] = []
    for _, members in groupby(zip(names, shared.rows, strict=True), key=lambda pair: pair[0]):
        group = [row for _, row in members]
        groups += [group] if shared.lines(group) <= LINES else [[row] for row in group]
    part: list[list[Row]] = []
    lines = 0.0
    for group in groups:
        height = shared.lines(group)
        if part and lines + height > LINES:
            yield part
            part, lines = [], 0.0
        part.append(group)
        lines += height
    if part:
        yield part
