"""Finding the methods: every module in `methods/` is one, under its file's name. There is no registry to edit."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import math
import traceback
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

import methods
from bench import identity
from bench import names as mini
from bench.allocation import Allocation
from bench.errors import UserError
from bench.method import Method
from bench.schedule import Ramp, Schedule
from bench.schema import shown
from bench.structure import Weights
from bench.zeros import Zeros

T = TypeVar("T")

LARGEST = 10**12
"""No hyper-parameter has a use for larger numbers, nor for infinities and NaN."""

CHOICES: tuple[type, ...] = (Allocation, Ramp, Schedule, Weights, Zeros)


def files() -> dict[str, Path]:
    """Every method's file by the method's name; `methods` is a package whose path may span several folders.

    Of files of one name that in the first folder counts, as for Python's imports.
    """
    found = [file for folder in reversed(methods.__path__) for file in Path(folder).glob("*.py")]
    return {file.stem: file for file in sorted(found, key=lambda file: file.stem) if not file.stem.startswith("_")}


def names() -> list[str]:
    """All methods by name, those with broken files included."""
    return list(files())


def file_of(name: str) -> Path:
    """The file that defines a method. Raises `UserError` if there is none."""
    # Asked for every run of a grid, so it looks for the one file instead of listing all.
    places = (Path(folder, f"{name}.py") for folder in methods.__path__)
    found = next((file for file in places if file.stem == name and file.exists()), None)
    if found is None or name.startswith("_"):
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(names())}."
        raise UserError(f"there is no method '{name}' in methods/; {hint}")
    return found


def sources(name: str) -> list[Path]:
    """A method's file, and those of `methods` that it imports. Raises `UserError` if there is no such method."""
    return identity.with_imports(file_of(name), _package())


def source_digest(name: str) -> str:
    """What stands for a method's code in identities: `bench.identity.source_digest`.

    Raises `UserError` if there is no such method.
    """
    return identity.source_digest(file_of(name), _package())


def asks_for_gradients(name: str) -> bool:
    """Whether a method may ask the run for gradients; see `bench.identity.asks_for_gradients`."""
    return identity.asks_for_gradients(file_of(name), _package())


def _package() -> identity.Package:
    return identity.Package(methods.__name__, tuple(map(Path, methods.__path__)))


def problems() -> dict[str, str]:
    """For every method file that cannot be used, one line that says why."""
    found = {}
    for name in names():
        try:
            create(name, {})
        except UserError as error:
            found[name] = str(error)
    return found


@cache
def method_class(name: str) -> type[Method]:
    """The method class in ``methods/<name>.py``. Raises `UserError` if there is none or the file is broken."""
    file_of(name)
    try:
        module = importlib.import_module(f"{methods.__name__}.{name}")
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's file raises must not take the others down
        raise UserError(f"methods/{name}.py cannot be loaded: {_where(error, name)}") from None
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module.__name__
    ]
    if len(found) > 1:
        found = [value for value in found if value.__name__.lower() == name.replace("_", "")]
    if len(found) != 1:
        raise UserError(f"methods/{name}.py must define exactly one subclass of Method named like the file.")
    return found[0]


def ask(name: str, question: Callable[[], T]) -> T:
    """What a method answers while a grid is planned. Raises `UserError` naming its file if it raises anything."""
    try:
        return question()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"methods/{name}.py cannot be used: {_where(error, name)}") from None


def raised(error: BaseException) -> bool:
    """Whether a method's own code was being carried out when an exception arose."""
    sources = {str(path.resolve()) for path in files().values()}
    return any(str(Path(frame.filename).resolve()) in sources for frame in traceback.extract_tb(error.__traceback__))


def _where(error: BaseException, name: str) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename.endswith(f"{name}.py")]
    line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
    return f"{type(error).__name__}: {' '.join(str(error).split())}" + (f" (line {line})" if line else "")


def create(name: str, fields: dict[str, Any]) -> Method:
    """A method with hyper-parameters changed: ``create("gmp", {"allocation": "global", "schedule.every": 50})``.

    A choice is set before the fields inside it, in whatever order they are given.

    Raises `UserError` naming the field, the value and what is allowed.
    """
    method = ask(name, method_class(name))
    for key in sorted(fields):
        value = fields[key]
        field, _, inner = key.partition(".")
        hints = _hints(type(method))
        if field not in hints:
            raise UserError(f"method '{name}' has no hyper-parameter '{field}'; it has {', '.join(hints)}.")
        old = getattr(method, field)
        new = _changed(old, inner, value, f"{name}[{key}]") if inner else _value(hints[field], value, f"{name}[{key}]")
        method = ask(name, partial(dataclasses.replace, method, **{field: new}))
    return method


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``gmp[allocation=global]`` and drop what equals the default, so that equal methods have equal texts."""
    name, fields = mini.parse(text)
    default, method = create(name, {}), create(name, fields)
    kept = dict(fields)
    for key, value in fields.items():
        others = {other: fields[other] for other in fields if other != key}
        # The default's own value may say something inside another choice: `dpf[schedule=periodic,schedule.every=16]`.
        if _makes(name, {key: value}, default) and _makes(name, others, method):
            del kept[key]
    return name, kept


def _makes(name: str, fields: dict[str, Any], method: Method) -> bool:
    """Whether these hyper-parameters, which need not go together, give an equal method."""
    try:
        return create(name, fields) == method
    except UserError:
        return False


def _hints(cls: type) -> dict[str, Any]:
    wanted = {field.name for field in dataclasses.fields(cls) if field.init}
    return {name: hint for name, hint in get_type_hints(cls).items() if name in wanted}


def _changed(old: Any, inner: str, value: Any, label: str) -> Any:
    hints = _hints(type(old)) if dataclasses.is_dataclass(old) else {}
    if inner not in hints:
        raise UserError(f"{label}: there is no '{inner}'; allowed are {', '.join(hints) or 'no inner fields'}.")
    return dataclasses.replace(old, **{inner: _value(hints[inner], value, label)})


def _value(hint: Any, value: Any, label: str) -> Any:
    base = next((choice for choice in CHOICES if isinstance(hint, type) and issubclass(hint, choice)), None)
    if base is not None:
        return _choice(base, str(value), label)
    try:
        found = TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        raise UserError(f"{label}: {error.errors()[0]['msg'].lower()}, not {shown(value)}.") from None
    if not all(map(_sane, found if isinstance(found, tuple | list) else (found,))):
        raise UserError(f"{label}: {shown(value)} is no number to count or train with; the largest is {LARGEST:g}.")
    return found


def _sane(value: Any) -> bool:
    return not isinstance(value, int | float) or (math.isfinite(value) and abs(value) <= LARGEST)


def _choice(base: type, value: str, label: str) -> Any:
    """One of the `CHOICES` by its lower-case name: ``erk``, ``uniform[dense_first=true]``."""
    name, fields = mini.parse(value)
    known = {cls.__name__.lower(): cls for cls in _subclasses(base)}
    if name not in known:
        raise UserError(f"{label}: '{name}' is unknown; allowed are {', '.join(sorted(known))}.")
    chosen = known[name]()
    for key, inner in fields.items():
        chosen = _changed(chosen, key, inner, label)
    return chosen


def _subclasses(base: type) -> list[type]:
    below: list[type] = base.__subclasses__()
    return [base, *(found for cls in below for found in _subclasses(cls))]
