r"""A report in LaTeX: each block a ``table`` as papers have them, made to be ``\input``.

Tables of numbers lose what a reader of a paper does not need in every cell: a unit that a column shares stands in its
head, a number of seeds that all cells share under the table, a method's name once for all its rows, and reasons ("not
comparable: unverified") become footnotes. Names that are too long for a line are broken, a table that is longer than a
page continues in another one, and what is still wider than a line is scaled down to it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from bench.report.layout import Block, Report, Text
from bench.report.tex import breakable, tex

LONGEST = 26
"""Letters of a line in a column of names or prose; longer ones are broken."""

WORDS = 16
"""Letters of what may stand in a column of numbers instead of one; longer words become a footnote."""

LINES = 40
"""Lines of a table that fits on a page together with its caption and some notes."""

NOTES = 18
"""Lines of notes that fit below it; more stand behind the table, as text that may go on over pages."""

MEASURE = 95
"""Letters of a line of notes."""

EM = 0.52
"""Width of an average letter in em."""

_NUMBER = re.compile(r"^(?P<mean>[−+]?\d[\d.,]*)(?: ± (?P<std>\d[\d.]*))?(?P<count> \(\d+\))?(?: \((?P<words>\D+)\))?$")
"""``91.10 ± 0.10 (3)``, ``93.00 (best epoch)`` and the like."""

_REASON = re.compile(r"^(?P<word>[a-z ]+): .+$")

_UNIT = re.compile(r"^(?P<value>[−+]?\d[\d.,]*(?: to [−+]?\d[\d.,]*)?) (?P<unit>%|×|kB)$")

Row = tuple[Text, ...]


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
    shared = _Shared(block)
    parts = list(_parts(shared))
    spaced = any(len(group) > 1 for part in parts for group in part)
    for number, part in enumerate(parts, 1):
        body = _Body(shared)
        lines = [line for group in part for line in ([r"\addlinespace"] * spaced + body.lines(group))]
        below = [_mark(letter, f"{text}.") for text, letter in body.letters.items()]
        below += [*shared.remarks, *notes] if number == len(parts) else []
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


def _parts(shared: _Shared) -> Iterator[list[list[Row]]]:
    """Rows in groups of one name, and groups in parts that fit on a page; a group is never torn apart."""
    names: list[str] = []
    for row in shared.rows:
        names.append(row[0].text or (names[-1] if names else ""))
    part: list[list[Row]] = []
    lines = 0.0
    for name, members in groupby(zip(names, shared.rows, strict=True), key=lambda pair: pair[0]):
        group = [row for _, row in members]
        height = max(len(_broken(name)), sum(map(shared.height, group))) + 0.5 * (len(group) > 1)
        if part and lines + height > LINES:
            yield part
            part, lines = [], 0.0
        part.append(group)
        lines += height
    if part:
        yield part


def _broken(name: str) -> list[str]:
    """About the lines that a long name takes."""
    return textwrap.wrap(re.sub(r"([,\[=])", r"\1 ", name), LONGEST) if len(name) > LONGEST else [name]


class _Shared:
    """A block without what all cells, or all of a column, share.

    Attributes:
        rows: of the block, without it.
        remarks: what is to be said of all cells.
    """

    def __init__(self, block: Block) -> None:
        self.numbers, self.rows = block.numbers, list(block.rows)
        self.head, self.remarks = list(block.head), list[str]()
        if self.numbers:
            self._without_count()
            self._without_units()
        self.widths = [max((len(row[index].text) for row in self.rows), default=0) for index in range(len(self.head))]

    def _without_count(self) -> None:
        counts = {found["count"] for row in self.rows for text in row if (found := _NUMBER.match(text.text))} - {None}
        if len(counts) == 1:
            (count,) = counts
            self.rows = [tuple(replace(text, text=text.text.replace(count, "")) for text in row) for row in self.rows]
            self.remarks.append(f"Each mean is over {count.strip(' ()')} values.")

    def _without_units(self) -> None:
        for index in range(1, len(self.head)):
            found = [_UNIT.match(row[index].text) for row in self.rows if row[index].text not in ("", "–")]
            units = {match["unit"] if match else None for match in found}
            if len(units) == 1 and (unit := units.pop()):
                self.head[index] += f" ({unit})"
                self.rows = [
                    (
                        *row[:index],
                        replace(row[index], text=row[index].text.removesuffix(f" {unit}")),
                        *row[index + 1 :],
                    )
                    for row in self.rows
                ]

    def spread(self, index: int) -> int:
        """Letters of the longest standard deviation of a column."""
        found = [_NUMBER.match(row[index].text) for row in self.rows]
        return max((len(match["std"]) for match in found if match and match["std"]), default=0)

    def column(self, index: int) -> str:
        """How ``tabular`` sets a column."""
        if self.numbers:
            return "r" if index and any(re.search(r"\d", row[index].text) for row in self.rows) else "l"
        if index and self.widths[index] > LONGEST:
            return rf">{{\raggedright\arraybackslash}}p{{{_width(LONGEST)}}}"
        return "l"

    def height(self, row: Row) -> int:
        """The lines that a row takes beside its name."""
        return max((len(_broken(text.text)) for text in row[1:]), default=1) if not self.numbers else 1

    def heading(self, index: int) -> str:
        """The head of a column, on as many lines as its numbers are narrower than it."""
        if "p" in self.column(index):
            return breakable(self.head[index])
        lines = textwrap.wrap(self.head[index], max(min(self.widths[index], LONGEST), 9), break_long_words=False)
        if len(lines) < 2:
            return tex(self.head[index])
        side = "l" if self.column(index) != "r" else "r"
        return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}" + r"\\".join(map(tex, lines)) + r"\end{tabular}"


def _width(letters: int) -> str:
    return f"{EM * letters:.3g}em"


@dataclass
class _Body:
    """The lines of a table's body.

    Attributes:
        letters: of the footnotes, by their texts.
    """

    shared: _Shared
    letters: dict[str, str] = field(default_factory=dict)

    def lines(self, group: Sequence[Row]) -> list[str]:
        """Rows of one name, which stands beside the first of them."""
        return [
            " & ".join([self._name(group, number), *(self._cell(row[index], index) for index in range(1, len(row)))])
            + r" \\"
            for number, row in enumerate(group)
        ]

    def _name(self, group: Sequence[Row], number: int) -> str:
        text = group[0][0].text
        if number or not text:
            return ""
        lines = len(_broken(text))
        if lines == 1:
            return _guarded(tex(text))
        box = rf"\parbox[t]{{{_width(LONGEST)}}}{{\raggedright\hangindent=1em {breakable(text)}}}"
        return rf"\raisebox{{0pt}}[\height][0pt]{{{box}}}" if lines <= len(group) else box

    def _cell(self, text: Text, index: int) -> str:
        shown = self._number(text, index) if self.shared.numbers else _set(breakable(text.text), text)
        marks = " ".join(text.marks)
        if not marks:
            return _guarded(shown)
        above = rf"\textsuperscript{{{tex(marks)}}}"
        return _guarded(shown) + (rf"\rlap{{{above}}}" if len(marks) == 1 else above)

    def _number(self, text: Text, index: int) -> str:
        """A number with its spread in small print; words are small, too, and what they explain is a footnote."""
        found = _NUMBER.match(text.text)
        if found is None:
            return self._words(text)
        shown = _set(tex(found["mean"]), text)
        if found["std"]:
            missing = self.shared.spread(index) - len(found["std"])
            padding = rf"\phantom{{{'0' * missing}}}" if missing else ""
            shown += rf"{{\scriptsize\,$\pm$\,{found['std']}{padding}}}"
        if found["count"]:
            shown += rf"{{\scriptsize{found['count']}}}"
        return shown + (self._footnote(found["words"]) if found["words"] else "")

    def _words(self, text: Text) -> str:
        reason = _REASON.match(text.text)
        if reason:
            return rf"{{\scriptsize {_set(tex(reason['word']), text)}}}{self._footnote(text.text)}"
        if re.search(r"\d", text.text):
            small = " to " in text.text  # an interval stands behind the number that it is of
            return rf"{{\scriptsize {_set(tex(text.text), text)}}}" if small else _set(tex(text.text), text)
        if len(text.text) > WORDS:
            return "--" + self._footnote(text.text)
        return rf"{{\scriptsize {_set(tex(text.text), text)}}}" if len(text.text) > 1 else tex(text.text)

    def _footnote(self, text: str) -> str:
        """The mark of a footnote, a letter or two; the same text has the same mark."""
        number = len(self.letters)
        letter = (chr(96 + number // 26) if number >= 26 else "") + chr(97 + number % 26)
        return rf"\rlap{{\textsuperscript{{{self.letters.setdefault(text, letter)}}}}}"


def _set(shown: str, text: Text) -> str:
    return rf"\textbf{{{shown}}}" if text.best else rf"\underline{{{shown}}}" if text.tied else shown


def _guarded(shown: str) -> str:
    r"""A cell after ``\\`` that begins with a bracket or a star would be taken for its argument."""
    return "{}" + shown if shown[:1] in ("[", "*") else shown
