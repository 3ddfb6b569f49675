"""The base of everything that is read from YAML or JSON: strict, immutable, with errors that a person can act on."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.base import plain_yaml, regular
from bench.base.nearest import hint
from bench.base.visible import in_json
from bench.base.wording import wanted
from bench.errors import UserError, printable

Model = TypeVar("Model", bound=BaseModel)

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
            found = cls.model_validate(values)
        except ValidationError as error:
            raise UserError(explain(error, source, cls)) from None
        if path := _truth(values, found):
            raise UserError(f"{source}: field '{path[1:]}' has to be a number, not true or false.")
        return found


def _truth(values: Any, found: Any, path: str = "") -> str:
    """The path of a true or false that pydantic took for a number, as Python does; empty if there is none."""
    if isinstance(values, bool):
        return path if isinstance(found, int | float) and not isinstance(found, bool) else ""
    pairs: Iterable[tuple[Any, Any, Any]] = ()
    if isinstance(values, dict):
        inside = vars(found) if isinstance(found, BaseModel) else found if isinstance(found, dict) else {}
        pairs = ((key, value, inside.get(key)) for key, value in values.items() if not isinstance(value, str))
    elif isinstance(values, list | tuple) and isinstance(found, list | tuple):
        pairs = zip(range(len(values)), values, found, strict=False)
    return next(filter(None, (_truth(value, made, f"{path}.{key}") for key, value, made in pairs)), "")


def shown(value: Any) -> str:
    """A value as code, cut short: what is wrong may be ten megabytes long."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    try:
        return _BRIEF.repr(value)
    except ValueError:  # an integer that Python refuses to print
        return "a number of thousands of digits"


_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 100


def explain(error: ValidationError, source: str, model: type[BaseModel] | None = None) -> str:
    """One sentence, in our words, for the first thing pydantic found wrong; `model` is what was read."""
    errors = error.errors()
    first = errors[0]
    path, inside = _place(first["loc"], model)
    field = printable(".".join(map(str, path)))[:100]
    where = f"{source}: field '{field}'" if field else source
    if first["type"] == "json_invalid":
        return f"{source}: it cannot be read as JSON."
    if first["type"] == "invalid_key":
        return f"{source}: a field's name has to be a text, not {shown(first['input'])}."
    if first["type"] == "extra_forbidden":
        known = list(inside.model_fields) if inside is not None else []
        return f"{source}: unknown field '{field}'; {hint(str(path[-1]), known) if known else 'it is none of these.'}"
    if first["type"] == "missing" and isinstance(path[-1], str):
        return f"{source}: the field '{field}' is missing."
    if first["type"] == "missing":
        listed = printable(".".join(map(str, path[:-1])))[:100]
        return f"{source}: field '{listed}' has to be a list of at least {int(path[-1]) + 1} entries."
    if first["type"] in ("value_error", "assertion_error"):
        message = printable(str(first["ctx"]["error"]))[:400].rstrip(".")
        return f"{where}: {message}."
    same = [each for each in errors if _place(each["loc"], model)[0] == path]
    return f"{where} has to be {wanted(same)}, not {shown(first['input'])}."


def _place(loc: tuple[int | str, ...], model: type[BaseModel] | None) -> tuple[list[int | str], type[BaseModel] | None]:
    """The field that an error is about, without the members of unions that pydantic names, and whose field it is."""
    if model is None:
        return list(loc), None
    path: list[int | str] = []
    annotation: Any = model
    inside: type[BaseModel] | None = model
    for part in loc:
        parts = _parts(annotation)
        models = [each for each in parts if isinstance(each, type) and issubclass(each, BaseModel)]
        inside = models[0] if models else None
        owner = next((each for each in models if part in each.model_fields), None)
        if owner is not None:
            inside, annotation = owner, owner.model_fields[str(part)].annotation
        elif not (isinstance(part, int) or models or any(get_origin(each) is dict for each in parts)):
            continue  # "int" of `int | Literal["epoch"]`
        path.append(part)
    return path, inside


def _parts(annotation: Any) -> list[Any]:
    """A type and all that it is made of."""
    return [annotation, *(part for each in get_args(annotation) for part in _parts(each))]


def read_json(model: type[Model], path: Path, root: Path | None = None) -> Model:
    """A model from a JSON file that may be anybody's; `root` is as in `bench.base.regular.opened`.

    Raises `UserError` naming the file, and what is wrong with it.
    """
    try:
        return model.model_validate_json(in_json(regular.read_bytes(path, root, regular.LONGEST_TEXT)))
    except ValidationError as error:
        raise UserError(explain(error, str(path), model)) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None


def read_yaml(path: Path) -> Any:
    """Parse a YAML file (`bench.base.plain_yaml`), or raise a one-sentence `UserError`."""
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
