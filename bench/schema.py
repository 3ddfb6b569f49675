"""The base of everything that is read from YAML: strict, immutable, with errors that a person can act on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import UserError


class Strict(BaseModel):
    """An immutable pydantic model that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def read(cls, values: Any, source: str) -> Self:
        """Validate `values`; `source` (a file, say) is named in the one-sentence `UserError` if they are wrong."""
        if not isinstance(values, dict):
            raise UserError(f"{source}: expected fields with values, found {values!r}.")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise UserError(explain(error, source, cls)) from None


def explain(error: ValidationError, source: str, model: type[BaseModel] | None = None) -> str:
    """One sentence for the first thing pydantic found wrong."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden" and model is not None and len(first["loc"]) == 1:
        return f"{source}: unknown field '{field}'; allowed are {', '.join(model.model_fields)}."
    if first["type"] == "missing":
        return f"{source}: the field '{field}' is missing."
    message = first["msg"].removeprefix("Value error, ")
    shown = "" if first["type"] == "value_error" else f", not {first['input']!r}"
    return f"{source}: field '{field}': {message[0].lower()}{message[1:]}{shown}."


def read_yaml(path: Path) -> Any:
    """Parse a YAML file, or raise a one-sentence `UserError`."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML ({' '.join(str(error).split())}).") from None
