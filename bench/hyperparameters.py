"""Setting the fields of a method, and those of the choices inside it, from values that somebody wrote."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from bench import names
from bench.allocation import Allocation
from bench.base import bounds
from bench.base.nearest import hint
from bench.base.schema import shown
from bench.base.wording import wanted
from bench.errors import UserError
from bench.schedule import Ramp, Schedule
from bench.structure import Weights
from bench.zeros import Zeros

T = TypeVar("T")

LARGEST = 10**12
"""No hyper-parameter has a use for larger numbers, nor for infinities and NaN, whatever its class states."""

CHOICES: tuple[type, ...] = (Allocation, Ramp, Schedule, Weights, Zeros)

UNFINISHED = frozenset({Allocation, Ramp, Schedule})
"""Bases that say nothing themselves; a grid writes one of their subclasses."""


def changed(choice: T, fields: dict[str, Any], name: str, within: str = "") -> T:
    """A method or a choice with fields changed, all at once; a choice is set before the fields inside it.

    Args:
        choice: what is changed; an instance of a dataclass.
        fields: values as YAML has them, by field, or by ``field.inner``.
        name: the method's, for sentences.
        within: where the choice is in the method: ``schedule.``.

    Raises `UserError` naming the field, the value and what is allowed.
    """
    hints, intervals = hints_of(type(choice)), bounds.stated(type(choice))
    values: dict[str, Any] = {}
    for field in sorted({key.partition(".")[0] for key in fields}):
        if field not in hints:
            raise UserError(_unknown(name, within, field, list(hints)))
        if field in fields:
            values[field] = _value(hints[field], fields[field], name, f"{within}{field}", intervals.get(field))
        inner = {key.partition(".")[2]: value for key, value in fields.items() if key.startswith(f"{field}.")}
        if inner:
            values[field] = _inside(values.get(field, getattr(choice, field)), inner, name, f"{within}{field}")
    return dataclasses.replace(choice, **values)  # type: ignore[type-var]


def _inside(choice: Any, fields: dict[str, Any], name: str, path: str) -> Any:
    if not dataclasses.is_dataclass(choice):
        raise UserError(f"{name}[{path}] has no fields inside, so no '{min(fields)}'.")
    return changed(choice, fields, name, f"{path}.")


def _unknown(name: str, within: str, field: str, known: list[str]) -> str:
    if within:
        return f"{name}[{within}{field}]: there is no '{field}'; {hint(field, known)}"
    return f"method '{name}' has no hyper-parameter '{field}'; {hint(field, known)}"


def hints_of(cls: type) -> dict[str, Any]:
    """The types of the fields that somebody may set."""
    wanted_fields = {field.name for field in dataclasses.fields(cls) if field.init}
    return {name: hint for name, hint in get_type_hints(cls).items() if name in wanted_fields}


def _value(expected: Any, value: Any, name: str, path: str, interval: bounds.Interval | None) -> Any:
    label = f"{name}[{path}]"
    base = next((each for each in CHOICES if isinstance(expected, type) and issubclass(expected, each)), None)
    if base is not None:
        return _choice(base, value, name, path)
    if dataclasses.is_dataclass(expected):
        first = dataclasses.fields(expected)[0].name
        raise UserError(f"{label} is set field by field, as in {name}[{path}.{first}={shown(value)[:40]}].")
    try:
        read = _read(expected, value)
    except ValidationError as error:
        raise UserError(f"{label} has to be {wanted(error.errors())}, not {shown(value)}.") from None
    if interval is not None and bounds.outside(read, interval):
        raise UserError(f"{label} has to be {interval}, not {shown(value)}.")
    if not all(map(_sane, read if isinstance(read, tuple | list) else (read,))):
        raise UserError(f"{label}: {shown(value)} is no number to count or train with; the largest is {LARGEST:g}.")
    return read


def _read(expected: Any, value: Any) -> Any:
    """A value as its type: no truth value is a number, and no text but that of one; a list may become a tuple."""
    reader = TypeAdapter(expected)
    try:
        as_written = reader.validate_json(json.dumps(value), strict=True)
        if isinstance(value, bool) and not isinstance(as_written, bool):  # true equals 1 among a literal's words
            return reader.validate_json(f'"{value}"', strict=True)
        return as_written
    except ValidationError:
        if (number := _number(value)) == value and type(number) is type(value):
            raise
        return reader.validate_json(json.dumps(number), strict=True)


_SCIENTIFIC = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


def _number(value: Any) -> Any:
    """What YAML 1.1 takes for a text, ``1e-3``, as the number that it is, and ``1.0e+3`` as a whole one."""
    if isinstance(value, list | tuple):
        return list(map(_number, value))
    if isinstance(value, str) and _SCIENTIFIC.fullmatch(value):
        value = float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sane(value: Any) -> bool:
    return not isinstance(value, int | float) or (math.isfinite(value) and abs(value) <= LARGEST)


def _choice(base: type, value: Any, name: str, path: str) -> Any:
    """One of the `CHOICES` by its lower-case name: ``erk``, ``uniform[dense_first=true]``."""
    known = {cls.__name__.lower(): cls for cls in _subclasses(base) if cls not in UNFINISHED}
    try:
        chosen, fields = names.parse(value if isinstance(value, str) else "")
    except UserError:
        raise UserError(f"{name}[{path}] has to be one of {', '.join(sorted(known))}, not {shown(value)}.") from None
    if chosen not in known:
        raise UserError(f"{name}[{path}]: '{chosen}' is unknown; {hint(chosen, sorted(known))}")
    return changed(known[chosen](), fields, name, f"{path}.")


def _subclasses(base: type) -> list[type]:
    below: list[type] = base.__subclasses__()
    return [base, *(each for cls in below for each in _subclasses(cls))]
