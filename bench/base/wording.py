"""What pydantic found wrong, in our words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LISTS = ("list", "tuple", "set", "frozen_set")

SAID: dict[str, str] = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
    "string": "a text",
    **dict.fromkeys(LISTS, "a list"),
    **dict.fromkeys(("dict", "mapping"), "a map from names to values"),
    **dict.fromkeys(("model", "model_attributes", "dataclass"), "a group of fields"),
    "none_required": "null",
    "path": "a path",
}
"""What has to stand there, by the beginning of the error's type: ``int_parsing``, ``int_from_float``, ``int_type``."""

LIMITS = {"greater_than": "above", "greater_than_equal": "at least", "less_than": "below", "less_than_equal": "at most"}

_ENDINGS = ("_type", "_parsing", "_parsing_size", "_from_float", "_unicode", "_sub_type")


def number(value: float) -> str:
    """A limit: ``0.5``, ``1024``, ``100,000``."""
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= GROUPED else str(value)
    return f"{value:,.12g}" if abs(value) >= GROUPED else f"{value:.12g}"


GROUPED = 10_000
"""From here on digits stand in groups of three."""


def wanted(errors: Sequence[ErrorDetails]) -> str:
    """What a field has to be, as ``a whole number or 'auto'``: `errors` are all that was found wrong with it."""
    return " or ".join(dict.fromkeys(_one(error) for error in errors))


def _one(error: ErrorDetails) -> str:
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    if kind in LIMITS:
        return f"{LIMITS[kind]} {number(next(iter(context.values())))}"
    if kind in _SPECIAL:
        return _SPECIAL[kind](context)
    for ending in _ENDINGS:
        kind = kind.removesuffix(ending)
    if kind in LISTS and isinstance(value, int | float | str):
        return f"a list, such as [{str(value)[:100]}]"
    return SAID.get(kind, "of another kind")


def _literal(context: dict[str, Any]) -> str:
    """``'all', 'conv' or 'none'``, as pydantic lists them; the words ``or`` inside are its own."""
    return str(context["expected"]).replace("'', ", "")


def _sized(limit: str, what: str, one: str, several: str) -> Callable[[dict[str, Any]], str]:
    def said(context: dict[str, Any]) -> str:
        number = context[limit]
        return f"{what} {number} {one if number == 1 else several}"

    return said


def _pattern(context: dict[str, Any]) -> str:
    if digits := re.fullmatch(r"\^\(?\[0-9a-f\]\{(\d+)\}\)?\??\$", context["pattern"]):
        return f"{digits[1]} hexadecimal digits in lower case"
    return f"a text that fits {context['pattern']}"


_SPECIAL: dict[str, Callable[[dict[str, Any]], str]] = {
    "literal_error": _literal,
    "enum": _literal,
    "too_short": _sized("min_length", "a list of at least", "entry", "entries"),
    "too_long": _sized("max_length", "a list of at most", "entry", "entries"),
    "string_too_short": _sized("min_length", "a text of at least", "character", "characters"),
    "string_too_long": _sized("max_length", "a text of at most", "character", "characters"),
    "string_pattern_mismatch": _pattern,
    "multiple_of": lambda context: f"a multiple of {context['multiple_of']}",
}
