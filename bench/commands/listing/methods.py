"""``reprune methods``: what there is, with hyper-parameters and cards, for people and for programs."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from bench import catalog, names
from bench.base import bounds
from bench.base.printing import emit, fitting, is_pattern, looked_up
from bench.method import Method

ROOT = Path(__file__).parents[3]

TARGETS = {"exact": "exact", "about": "about", "reached": "an outcome", "dynamic": "per input", "none": "–"}
"""How the table says what `Method.meaning` says."""


def show(name: str | None, as_json: bool) -> None:
    """Print all methods, those that fit a pattern, or one with its card; broken files are named on standard error.

    Raises `UserError` if there is no method `name`, or its file is broken.
    """
    if name is not None and not is_pattern(name):
        looked_up(catalog.file_of, name)
        emit(describe(name) if as_json else page(name))
        return
    broken = catalog.problems()
    usable = [each for each in fitting(name, catalog.names(), "method") if each not in broken]
    emit(list(map(describe, usable)) if as_json else overview(usable))
    for problem in broken.values():
        print(f"reprune: {problem}", file=sys.stderr)


def describe(name: str) -> dict[str, Any]:
    """A method as JSON-like values.

    ``summary`` is its docstring's first paragraph, ``hyperparameters`` maps fields to defaults as records do,
    ``meaning`` and ``joint`` are those of `bench.method.Method`, and ``card`` is a path inside the checkout, or None.
    """
    method = catalog.method_class(name)
    card = _card(name)
    return {
        "name": name,
        "summary": catalog.summary(method),
        "hyperparameters": method().hyperparameters,
        "meaning": method.meaning,
        "joint": method.joint,
        "card": card.relative_to(ROOT).as_posix() if card.exists() else None,
    }


def overview(methods: list[str]) -> Table:
    """A line per method, with what it states itself: hyper-parameters of its own and choices that are not the usual."""
    table = Table(box=None, pad_edge=False, caption_justify="left")
    table.caption = "`reprune methods NAME` shows all of a method's hyper-parameters, and its card."
    table.add_column("Method", style="bold cyan", no_wrap=True)
    table.add_column("What")
    table.add_column("Sparsity", no_wrap=True)
    table.add_column("Hyper-parameters", overflow="fold", style="dim")
    usual = Method()
    for name in methods:
        method = catalog.method_class(name)
        own = {
            field: value for field, value in _defaults(method()) if value != getattr(usual, field, dataclasses.MISSING)
        }
        listed = "\n".join(f"{field} = {brief(value)}" for field, value in own.items())
        joint = "\nall in one run" if method.joint else ""
        table.add_row(name, Text(catalog.summary(method)), TARGETS[method.meaning] + joint, Text(listed))
    return table


def page(name: str) -> Group:
    """All about one method: its docstring, every hyper-parameter as a grid would set it, and its card."""
    method = catalog.method_class(name)
    table = Table(box=None, pad_edge=False, title="Hyper-parameters", title_justify="left", title_style="bold")
    for head in ("Field", "Default", "Type"):
        table.add_column(head, overflow="fold")
    for field, value, hint in settings(method()):
        table.add_row(Text(field), Text(brief(value)), Text(hint))
    once = "one run gives all sparsities" if method.joint else "one run per sparsity"
    parts: list[RenderableType] = [
        Text(f"{name} · sparsity: {TARGETS[method.meaning]} · {once}", "bold cyan"),
        Text(f"\n{_flowing(inspect.getdoc(method) or '')}\n"),
        table,
        Text(),
    ]
    card = _card(name)
    if card.exists():
        return Group(*parts, Markdown(card.read_text(encoding="utf-8")))
    return Group(*parts, Text(f"There is no card {card.relative_to(ROOT)} yet.", "dim"))


def brief(value: Any) -> str:
    """A default as a grid would write it: ``0.3``, ``true``, ``cubic[every=16,until=second_drop]``.

    Numbers inside a choice are rounded to four digits.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)}
        changed = {
            name: float(f"{own:.4g}") if isinstance(own, float) else own
            for name, (own, usual) in fields.items()
            if own != usual
        }
        return names.show(type(value).__name__.lower(), changed)
    if isinstance(value, tuple):
        return f"[{', '.join(map(brief, value))}]"
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def settings(choice: Any) -> Iterator[tuple[str, Any, str]]:
    """(field, value, type and bounds) of a method, fields of its choices included: ``schedule.every``."""
    hints, intervals = get_type_hints(type(choice)), bounds.stated(type(choice))
    for field, value in _defaults(choice):
        yield field, value, _type(hints[field]) + (f", {intervals[field]}" if field in intervals else "")
        if dataclasses.is_dataclass(value):
            yield from ((f"{field}.{inner}", each, hint) for inner, each, hint in settings(value))


def _defaults(choice: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(choice, field.name)) for field in dataclasses.fields(choice)]


def _type(hint: Any) -> str:
    text = hint.__name__ if isinstance(hint, type) else inspect.formatannotation(hint)
    return text.removeprefix("typing.")


def _flowing(doc: str) -> str:
    """A docstring whose paragraphs may be broken anew; lists, which are indented, stay as they are."""
    paragraphs = doc.split("\n\n")
    return "\n\n".join(text if "\n " in text else " ".join(text.split()) for text in paragraphs)


def _card(name: str) -> Path:
    return ROOT / "docs" / "methods" / f"{name}.md"
