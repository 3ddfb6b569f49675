"""A report as files: Markdown, LaTeX (booktabs) and CSV, all made from the same `bench.report.layout.Report`.

The page that is looked at in a browser is in `bench.report.page`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from bench.base.atomic import write_text
from bench.errors import printable
from bench.published.comparison import frame as comparison_frame
from bench.report import summary
from bench.report.cell import CellResult, published
from bench.report.latex import tables as latex_tables
from bench.report.layout import Block, Report, Text

TEMPLATES = Path(__file__).parent / "templates"

STYLES = {
    "md": ("Bold", "Italic", "?"),
    "tex": ("Bold", "Underlined", "?"),
    "html": ("Bold", "Underlined", "?"),
    "txt": ("*", "=", "?"),
}
"""How each format sets the best of a column, what is within the margin of it, and what is open."""


def write(report: Report, results: Sequence[CellResult], folder: Path) -> list[Path]:
    """Write ``table.{md,tex,csv}`` and ``comparison.{md,csv}`` into `folder`; returns their paths."""
    texts = {
        "table.md": markdown(report),
        "table.tex": latex(report),
        "table.csv": _csv(summary.frame(results)),
        "comparison.md": comparison(report),
        "comparison.csv": _csv(comparison_frame(published(results))),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def _csv(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False, lineterminator="\n"))


def markdown(report: Report) -> str:
    """All sections as GitHub's Markdown."""
    return tidy(template("table.md.j2").render(report=report, facts=facts(report, "md")))


def comparison(report: Report) -> str:
    """The published rows as GitHub's Markdown."""
    return tidy(template("comparison.md.j2").render(report=report))


def template(name: str) -> Template:
    """One of the Markdown templates; blocks are written with the filter ``pipes``."""
    return _plain().get_template(name)


def latex(report: Report) -> str:
    r"""A ``table`` environment per block, to be ``\input``; the first lines say what it needs."""
    made = list(latex_tables(report, facts(report, "tex")))
    return tidy(_latex().get_template("table.tex.j2").render(report=report, tables=made))


def facts(report: Report, style: str) -> list[str]:
    """The sentences that hold for all sections, with the marks explained as the format sets them."""
    best, within, open_ = STYLES[style]
    return [*report.facts, *(line.format(best=best, within=within, open=open_) for line in report.legend)]


def tidy(text: str) -> str:
    """At most one empty line in a row, and one newline at the end."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def environment(**settings: Any) -> Environment:
    """Where templates of reports are found, which refuse a name that they are not given."""
    loader = FileSystemLoader(TEMPLATES)
    return Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, **settings)


@cache
def _plain() -> Environment:
    plain = environment(autoescape=False)
    plain.filters |= {"pipes": pipes, "prose": prose, "fenced": fenced, "code": code}
    return plain


@cache
def _latex() -> Environment:
    # Braces belong to LaTeX here.
    marks = {"variable_start_string": "<<", "variable_end_string": ">>", "block_start_string": "<%"}
    made = environment(autoescape=False, block_end_string="%>", comment_start_string="<#", **marks)
    made.filters |= {"comment": printable}
    return made


# --- Markdown -----------------------------------------------------------------------------------------------------


def pipes(block: Block) -> str:
    """A block as a Markdown table, its source aligned."""
    frame = pd.DataFrame([[_pipe(text) for text in row] for row in block.rows], columns=list(map(prose, block.head)))
    align = ["left", *["right" if block.numbers else "left"] * (len(block.head) - 1)]
    return frame.to_markdown(index=False, disable_numparse=True, colalign=align)


_MARKDOWN = re.compile(
    r"[\\`*<|$]|(?<!\s)~|~(?!\s)|&(?=#?\w+;)|(?<!\w)_|_(?!\w)|(?<=\])(?=\()"  # anywhere in a line
    r"|^(?=>|[#+-]+\s)|^\d+(?=[.)]\s)"  # at its beginning
)
"""What GitHub's Markdown may take for a mark, tag, entity or link; names such as ``resnet8_cifar`` need nothing."""


def prose(text: str) -> str:
    """A text on one line in which Markdown and HTML find nothing to do."""
    return _MARKDOWN.sub(lambda found: f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}", _one_line(text))


def fenced(text: str, language: str) -> str:
    """A block of code that ends where the text does, whatever is in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def code(text: str) -> str:
    """A text as code in a line, on one line."""
    line = _one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    gap = " " if line[:1] == "`" or line[-1:] == "`" else ""
    return f"{fence}{gap}{line}{gap}{fence}"


def _pipe(text: Text) -> str:
    shown = prose(text.text)
    shown += " ?" * text.open
    if shown and (text.best or text.within):
        shown = f"**{shown}**" if text.best else f"*{shown}*"
    return f"{shown} <sup>{' '.join(text.marks)}</sup>" if text.marks else shown


def _one_line(text: str) -> str:
    return " ".join(text.split())
