"""A block as the body of a LaTeX ``tabular``: what its cells share said once, its cells in the looks of a paper."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bench.report.layout import NOTHING, Block, Number, Reason, Span, Text
from bench.report.tex import breakable, tex

LONGEST = 26
"""Letters of a line in a column of names or prose; longer ones are broken."""

WORDS = 16
"""Letters of what may stand in a column of numbers instead of one; longer words become a footnote."""

EM = 0.52
"""Width of an average letter in em."""

BREAKS = str.maketrans({",": ", ", "[": "[ ", "=": "= "})
"""Where a long name may be broken."""

Row = tuple[Text, ...]


def broken(name: str, letters: int = LONGEST) -> list[str]:
    """About the lines that a long name takes."""
    return textwrap.wrap(name.translate(BREAKS), letters) if len(name) > letters else [name]


class Shared:
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
        means = [text.value for row in self.rows for text in row if isinstance(text.value, Number)]
        counts = {mean.n for mean in means if mean.is_whole} - {None}
        if len(counts) == 1:
            self.rows = [tuple(map(_uncounted, row)) for row in self.rows]
            self.remarks.append(f"Each mean is over {counts.pop()} values.")

    def _without_units(self) -> None:
        for index in range(1, len(self.head)):
            values = [row[index].value for row in self.rows if row[index].value not in NOTHING]
            units = {value.unit if isinstance(value, Number | Span) else "" for value in values}
            if len(units) == 1 and (unit := units.pop()):
                self.head[index] += f" ({unit})"
                self.rows = [(*row[:index], _bare(row[index]), *row[index + 1 :]) for row in self.rows]

    def spread(self, index: int) -> int:
        """Letters of the longest standard deviation of a column."""
        values = (row[index].value for row in self.rows)
        return max((len(each.spread) for each in values if isinstance(each, Number) and each.is_whole), default=0)

    def column(self, index: int) -> str:
        """How ``tabular`` sets a column."""
        if self.numbers:
            return "r" if index and any(isinstance(row[index].value, Number | Span) for row in self.rows) else "l"
        if index and self.widths[index] > LONGEST:
            return rf">{{\raggedright\arraybackslash}}p{{{_width(self.prose())}}}"
        return "l"

    def prose(self) -> int:
        """Letters of a line in a column of prose: more where there is only one."""
        return LONGEST if sum(width > LONGEST for width in self.widths[1:]) > 1 else 2 * LONGEST

    def height(self, row: Row) -> int:
        """The lines that a row takes beside its name."""
        if self.numbers:
            return 1
        return max((len(broken(text.text, self.prose())) for text in row[1:]), default=1)

    def lines(self, group: Sequence[Row]) -> float:
        """The lines that rows of one name take, with a gap if there are several."""
        return max(len(broken(group[0][0].text)), sum(map(self.height, group))) + 0.5 * (len(group) > 1)

    def heading(self, index: int) -> str:
        """The head of a column, on as many lines as its numbers are narrower than it."""
        if "p" in self.column(index):
            return breakable(self.head[index])
        lines = textwrap.wrap(self.head[index], max(min(self.widths[index], LONGEST), 9), break_long_words=False)
        if len(lines) < 2:
            return tex(self.head[index])
        side = "l" if self.column(index) != "r" else "r"
        return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}" + r"\\".join(map(tex, lines)) + r"\end{tabular}"


def _uncounted(text: Text) -> Text:
    match text.value:
        case Number(is_whole=True) as number:
            return replace(text, value=replace(number, n=None, planned=None))
    return text


def _bare(text: Text) -> Text:
    return replace(text, value=replace(text.value, unit="")) if isinstance(text.value, Number | Span) else text


def _width(letters: int) -> str:
    return f"{EM * letters:.3g}em"


@dataclass
class Body:
    """The lines of a table's body.

    Attributes:
        letters: of the footnotes, by their texts.
    """

    shared: Shared
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
        lines = len(broken(text))
        if lines == 1:
            return _guarded(tex(text))
        box = rf"\parbox[t]{{{_width(LONGEST)}}}{{\raggedright\hangindent=1em {breakable(text)}}}"
        return rf"\raisebox{{0pt}}[\height][0pt]{{{box}}}" if lines <= len(group) else box

    def _cell(self, text: Text, index: int) -> str:
        shown = self._value(text, index) if self.shared.numbers else _set(breakable(text.text), text)
        marks = " ".join(text.marks)
        if not marks:
            return _guarded(shown)
        above = rf"\textsuperscript{{{tex(marks)}}}"
        return _guarded(shown) + (rf"\rlap{{{above}}}" if len(marks) == 1 else above)

    def _value(self, text: Text, index: int) -> str:
        """What stands in a column of numbers; words are small, and what explains them is a footnote."""
        match text.value:
            case Number(unit="", is_whole=True) as number:
                return self._number(number, text, index)
            case Number():
                return _set(tex(text.text), text)
            case Span():  # it stands behind the number that it is of
                return _small(_set(tex(text.text), text))
            case Reason(word):
                return _small(_set(tex(word), text)) + self._footnote(text.text)
            case words if len(words) > WORDS:
                return "--" + self._footnote(words)
            case words:
                return _small(_set(tex(words), text)) if len(words) > 1 else tex(words)

    def _number(self, number: Number, text: Text, index: int) -> str:
        """A number with its spread in small print."""
        shown = _set(tex(number.form(number.mean)), text)
        if number.spread:
            missing = self.shared.spread(index) - len(number.spread)
            padding = rf"\phantom{{{'0' * missing}}}" if missing else ""
            shown += rf"{{\scriptsize\,$\pm$\,{number.spread}{padding}}}"
        if number.count:
            shown += rf"{{\scriptsize {number.count}}}"
        return shown + (self._footnote(number.remark) if number.remark else "")

    def _footnote(self, text: str) -> str:
        """The mark of a footnote, a letter or two; the same text has the same mark."""
        number = len(self.letters)
        letter = (chr(96 + number // 26) if number >= 26 else "") + chr(97 + number % 26)
        return rf"\rlap{{\textsuperscript{{{self.letters.setdefault(text, letter)}}}}}"


def _set(shown: str, text: Text) -> str:
    shown = f"{shown}?" if text.open else shown
    return rf"\textbf{{{shown}}}" if text.best else rf"\underline{{{shown}}}" if text.within else shown


def _small(shown: str) -> str:
    return rf"{{\scriptsize {shown}}}"


def _guarded(shown: str) -> str:
    r"""A cell after ``\\`` that begins with a bracket or a star would be taken for its argument."""
    return "{}" + shown if shown[:1] in ("[", "*") else shown
