"""The base of everything that is read from YAML: strict, immutable, with errors that a person can act on."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bench import plain_yaml
from bench.errors import UserError, printable

LONGEST_FILE = 4 * plain_yaml.LONGEST
"""Bytes of a file that is opened at all."""


class Strict(BaseModel):
    """An immutable pydantic model that refuses unknown fields, NaN and infinities."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def read(cls, values: Any, source: str) -> Self:
        """Validate `values`; `source` (a file, say) is named in the one-sentence `UserError` if they are wrong."""
        if not isinstance(values, dict):
            raise UserError(f"{source}: expected fields with values, found {shown(values)}.")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise UserError(explain(error, source, cls)) from None


def shown(value: Any) -> str:
    """A value as code, cut short: what is wrong may be ten megabytes long."""
    try:
        return _BRIEF.repr(value)
    except ValueError:  # an integer that Python refuses to print
        return "a number of thousands of digits"


_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 100


def explain(error: ValidationError, source: str, model: type[BaseModel] | None = None) -> str:
    """One sentence for the first thing pydantic found wrong."""
    first = error.errors()[0]
    field = printable(".".join(map(str, first["loc"])))[:100] or "the file"
    if first["type"] == "extra_forbidden" and model is not None and len(first["loc"]) == 1:
        return f"{source}: unknown field '{field}'; allowed are {', '.join(model.model_fields)}."
    if first["type"] == "missing":
        return f"{source}: the field '{field}' is missing."
    message = printable(first["msg"].removeprefix("Value error, "))[:400]
    found = "" if first["type"] == "value_error" else f", not {shown(first['input'])}"
    return f"{source}: field '{field}': {message[0].lower()}{message[1:]}{found}."


def read_yaml(path: Path) -> Any:
    """Parse a YAML file (`bench.plain_yaml`), or raise a one-sentence `UserError`."""
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST_FILE + 1).decode()
        return plain_yaml.parse(text)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{str(path)[:200]}: cannot be read as text ({str(error)[:200]}).") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML ({' '.join(str(error).split())[:300]}).") from None
