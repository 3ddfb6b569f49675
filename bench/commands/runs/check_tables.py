"""Whether the tables of a grid or kept folder are what its records give: they are built once more and compared."""

from __future__ import annotations

import os
import re
import tempfile
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base import regular
from bench.commands.runs.finding import Finding
from bench.errors import UserError, printable
from bench.plan.grid import Grid, Plan

if TYPE_CHECKING:
    from bench.report import Measured

SUFFIXES = (".md", ".csv", ".tex")
"""Of the tables that are compared. The page, which is these and the figures in HTML, is not made here."""

FIGURES = (".svg", ".png")

OTHER_DRAWER = "was drawn by another version of Matplotlib than the one here, and was not compared"

PAGES = ("provenance.md", "checklist.md")
"""No tables: they describe the grid as today's code reads it."""

LONGEST = 60
"""Characters of a line that are shown."""


def of_grid(grid: Grid, plan: Plan) -> list[Finding]:
    """What is wrong with the tables in a grid's folder of reports."""
    from bench import report
    from bench.results import measurements

    records, problems = measurements.read_records(plan, Path(grid.results))
    table = measurements.explained(measurements.from_records(plan, records, problems), Path(grid.results))
    written = grid.report_folder / "table.md"
    said = regular.read_bytes(written).decode(errors="replace") if regular.is_there(written) else ""
    beginning = report.WITHOUT_STORE.partition(" (")[0]  # the rest has backticks, which Markdown escapes
    source = report.WITHOUT_STORE if beginning in said else report.FROM_STORE
    try:
        return _compared(grid, plan, report.Measured(table, records, source), grid.report_folder)
    except UserError as error:
        return [Finding(grid.report_folder, str(error))]


def of_kept(folder: Path) -> list[Finding]:
    """What is wrong with a kept folder and the tables in it."""
    from bench import report
    from bench.report import kept
    from bench.results import measurements

    try:
        found = kept.read(folder)
        table = measurements.from_records(found.plan, found.records, {})
        measured = report.Measured(table, found.records, found.source)
        return _compared(found.grid, found.plan, measured, folder)
    except UserError as error:
        return [Finding(folder, str(error))]


def _compared(grid: Grid, plan: Plan, measured: Measured, folder: Path) -> list[Finding]:
    from bench import report
    from bench.report import terminal

    found = []
    with tempfile.TemporaryDirectory(prefix="reprune-verify-") as temporary:
        made, paths = report.write(grid, plan, measured, Path(temporary), figures=False)
        for path in paths:
            written = folder / path.name
            if path.suffix in SUFFIXES and path.name not in PAGES and os.path.lexists(written):
                found += table(written, folder, path.read_text(encoding="utf-8"))
        terminal_text = folder / "table.txt"
        if os.path.lexists(terminal_text):  # the names of the files that were written stand at its end
            found += table(terminal_text, folder, terminal.render(made, []).rstrip("\n"), beginning=True)
    return found + _figures(grid, plan, measured, folder)


def _figures(grid: Grid, plan: Plan, measured: Measured, folder: Path) -> list[Finding]:
    """Figures are the same to the byte if the same version of Matplotlib draws them, which each names."""
    written = [path for path in sorted(folder.iterdir()) if path.suffix in FIGURES]
    if not written:
        return []
    from matplotlib import __version__

    from bench.report import plots, summary

    found = []
    with tempfile.TemporaryDirectory(prefix="reprune-verify-") as temporary:
        plots.draw(grid, summary.cells(plan, measured.table), Path(temporary))
        for path in written:
            try:
                content, drawn = regular.read_bytes(path, folder, regular.LONGEST_TEXT), Path(temporary) / path.name
            except OSError as error:
                found.append(Finding(path, f"cannot be read ({error.strerror})"))
                continue
            if not drawn.exists():
                found.append(Finding(path, "is no figure of this grid"))
            elif content != drawn.read_bytes():
                same = _drawer(content) in ("", __version__)
                said = "is not what its records give; `reprune report` draws it anew" if same else OTHER_DRAWER
                found.append(Finding(path, said, harmless=not same))
    return found


def _drawer(content: bytes) -> str:
    """The version of Matplotlib that a figure names, empty if it names none."""
    named = re.search(rb"Matplotlib v(?:ersion)?(\d[\w.]*)", content)
    return named[1].decode().rstrip(".") if named else ""


def table(written: Path, folder: Path, given: str, *, beginning: bool = False) -> list[Finding]:
    """What is wrong with a table that lies in a folder, and should be what was `given`, or begin so."""
    try:
        content = regular.read_bytes(written, folder, regular.LONGEST_TEXT)
    except OSError as error:
        return [Finding(written, f"cannot be read ({error.strerror})")]
    same = content.startswith(given.encode()) if beginning else content == given.encode()
    return [] if same else [Finding(written, difference(content.decode(errors="replace"), given))]


def difference(written: str, given: str) -> str:
    """The first line in which a table is not what its records give."""
    pair = written.splitlines(), given.splitlines()
    for number, (left, right) in enumerate(zip_longest(*pair, fillvalue=""), 1):
        if left != right:
            start = max(0, _same(left, right) - LONGEST // 3)
            parts = (printable(line[start : start + LONGEST]) for line in (left, right))
            return "line {} has '…{}…', and the records give '…{}…'; `reprune report` writes it anew".format(
                number, *parts
            )
    return "its line breaks are others"


def _same(left: str, right: str) -> int:
    """How many characters two lines have in common at their beginning."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
