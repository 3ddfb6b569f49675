"""The mini-language ``name[field=value, field=value]`` used in grids and on the command line."""

from __future__ import annotations

import re
from typing import Any

import yaml

from bench.base import plain_yaml
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
    for part in filter(None, map(str.strip, _split(match["fields"] or ""))):
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
    return f"{name}[{','.join(f'{key}={_value(fields[key])}' for key in sorted(fields))}]"


def _value(value: Any) -> str:
    """A value as `parse` reads it; a text whose commas, brackets or quotes could be taken for ours is in quotes."""
    text = plain_yaml.write(value)
    return text if _split(f"={text},") == [f"={text}", ""] else plain_yaml.write(value, quoted=True)


# A quoted text begins where a value may; elsewhere a quote is a letter (``it's``).
_TOKEN = re.compile(r"""[=:?,[{(](?:\s*+(?:'(?:[^']|'')*+'|"(?:[^"\\]|\\.)*+"))?|[]})]|[^][{}()=:?,]++""", re.DOTALL)


def _split(text: str) -> list[str]:
    """Split at commas that are neither inside brackets nor inside quotes."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(text):
        depth += (token[0] in "[{(") - (token[0] in "]})")
        if token[0] == "," and depth == 0:
            parts.append(token[1:])
        else:
            parts[-1] += token
    return parts
