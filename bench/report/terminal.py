"""A report for the terminal: the accuracies and their notes, and where everything else lies."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text as Line

from bench.base.grouping import grouped
from bench.errors import printable
from bench.report.layout import Block, Report, Text
from bench.report.tables import facts

WIDTH = 120
"""Columns at which prose is broken; tables are never broken, a terminal may scroll them."""

TABLE_WIDTH = 250


def render(report: Report, paths: Iterable[Path]) -> str:
    """The report as plain text: a table per architecture and data set, notes, and the files in `paths`."""
    console = Console(file=StringIO(), width=TABLE_WIDTH, no_color=True, highlight=False)
    show(report, paths, console)
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def show(report: Report, paths: Iterable[Path], console: Console) -> None:
    """Print the report to a console."""
    _say(console, report.title, "bold")
    if report.warning:
        _say(console, report.warning, "bold red")
    for section in report.sections:
        console.print()
        console.print(table(section.blocks[0], f"{section.architecture} on {section.dataset}"))
        for index, note in enumerate(section.notes, 1):
            _say(console, f"{index}. {note}", "dim")
        for block in section.blocks[1:]:
            if block.terminal:
                console.print(table(block, block.title))
    for block in (block for chapter in report.chapters for block in chapter.blocks if block.terminal):
        console.print()
        console.print(table(block, block.title))
    for block in report.claims:
        console.print()
        console.print(table(block, block.title))
        for note in report.claims_notes:
            _say(console, note, "dim")
    console.print()
    _say(console, " ".join(facts(report, "txt")), "dim")
    for note in report.comparison_notes[:1]:
        _say(console, note, "")
    for folder, names in grouped((path.parent, path.name) for path in paths).items():
        _say(console, f"{folder}: {', '.join(sorted(names))}", "")


def _say(console: Console, text: str, style: str) -> None:
    console.print(Line(printable(text), style), width=WIDTH)


def table(block: Block, title: str) -> Table:
    """A block without lines; columns are as wide as what is in them."""
    table = Table(title=Line(printable(title)), title_justify="left", title_style="bold", box=None, pad_edge=False)
    for index, name in enumerate(block.head):
        table.add_column(Line(printable(name)), justify="left" if index == 0 else "right", no_wrap=True)
    for row in block.rows:
        table.add_row(*map(_line, row))
    return table


def _line(text: Text) -> Line:
    line = Line(printable(text.text), "bold" if text.best else "underline" if text.within else "")
    if text.best or text.within or text.open:  # a log or a pipe shows neither bold nor underlined
        line.append(" *" if text.best else " =" if text.within else " ?")
    return line.append(f" {','.join(text.marks)}", "dim") if text.marks else line
