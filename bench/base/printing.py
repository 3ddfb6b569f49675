"""How things are printed: for people as wide as their terminal, for programs as JSON; and names with wildcards."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

from rich.console import Console, ConsoleRenderable
from rich.table import Table

from bench.base.nearest import hint
from bench.errors import NotFound, UserError

LISTS, PAGES = 160, 120
"""Columns of lists, and of what is said of one thing, where there is no terminal whose width counts."""


def terminal(width: int = PAGES) -> Console:
    """Standard output, in the width of the terminal, or so many columns."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else width)


def emit(what: Any) -> None:
    """Print something that rich can render, or else values as JSON."""
    if isinstance(what, ConsoleRenderable):
        terminal(LISTS).print(what)
    else:
        print(json.dumps(what, indent=1, ensure_ascii=False))


def without_nan(values: Any) -> Any:
    """A value, or those inside dicts, with None for NaN, which JSON has not."""
    if isinstance(values, dict):
        return {name: without_nan(value) for name, value in values.items()}
    return None if isinstance(values, float) and math.isnan(values) else values


def plain_table(*heads: str, numbers: Iterable[str] = ()) -> Table:
    """A table without lines, its first column for names that are not broken; the columns in `numbers` on the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, head in enumerate(heads):
        style = {"style": "cyan", "no_wrap": True} if index == 0 else {"overflow": "fold"}
        table.add_column(head, **({"justify": "right", "no_wrap": True} if head in numbers else style))
    return table


def numbers_table(first: str, others: Iterable[str]) -> Table:
    """A table without lines; the first column names the row, the others hold numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, overflow="fold")
    for head in others:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def is_pattern(text: str) -> bool:
    """Whether a text has wildcards, as in timm's ``list_models``."""
    return any(character in text for character in "*?")


def fitting(pattern: str | None, names: Iterable[str], kind: str) -> list[str]:
    """The names that fit a pattern; all of them without one. Raises `NotFound` if none does."""
    known = list(names)
    found = [name for name in known if pattern is None or fnmatchcase(name, pattern)]
    if not found:
        raise NotFound(f"no {kind} is called like {pattern!r}; {hint((pattern or '').strip('*?'), known)}")
    return found


def looked_up(check: Callable[[str], object], name: str) -> None:
    """Check a name that somebody looks for: what is refused is not found. Raises `NotFound`."""
    try:
        check(name)
    except UserError as error:
        raise NotFound(str(error)) from None
