"""The mini-language ``name[field=value, field=value]`` used in grids and on the command line."""

from __future__ import annotations

import re
from typing import Any

import yaml

from bench import plain_yaml
from bench.errors import UserError

# No two neighbours match the same letters, so a text that does not fit is given up in one pass.
_FORM = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]{0,99})(?:\s*\[(?P<fields>.*)\])?", re.DOTALL)

LONGEST = 10_000
"""Characters of a text in the mini-language."""


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``gmp[schedule.every=50]`` into ``("gmp", {"schedule.every": 50})``.

    Values are read as YAML scalars or lists. Raises `UserError` if the text has another form.
    """
    match = _FORM.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if match is None:
        raise UserError(f"{_quoted(text)} is not of the form name or name[field=value, …].")
    fields: dict[str, Any] = {}
    for part in _split(match["fields"] or ""):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise UserError(f"{_quoted(part)} in {_quoted(text)} is not of the form field=value.")
        try:
            fields[key.strip()] = plain_yaml.parse(value)
        except yaml.YAMLError:
            wrong = _quoted(value.strip())
            raise UserError(f"{wrong} in {_quoted(text)} is not a YAML value; does it need quotes?") from None
    return match["name"], fields


def _quoted(text: str) -> str:
    """A text for a sentence about it, cut short."""
    return f"'{text[:200]}{'…' if len(text) > 200 else ''}'"


def show(name: str, fields: dict[str, Any]) -> str:
    """The inverse of `parse`, with the fields in alphabetical order."""
    if not fields:
        return name
    return f"{name}[{','.join(f'{key}={_scalar(fields[key])}' for key in sorted(fields))}]"


def _scalar(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).strip()
    return text.removesuffix("\n...").strip()


def _split(text: str) -> list[str]:
    """Split at commas that are not inside brackets."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character in "[{(") - (character in "]})")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part.strip() for part in [*parts, current] if part.strip()]
