"""Finding the methods: every module in `methods/` is one, under its file's name. There is no registry to edit."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import methods
from bench import identity
from bench import names as mini
from bench.base import bounds, reported
from bench.base.nearest import hint
from bench.errors import UserError
from bench.hyperparameters import changed
from bench.method import Method

T = TypeVar("T")


def files() -> dict[str, Path]:
    """Every method's file by the method's name; `methods` is a package whose path may span several folders.

    Of files of one name that in the first folder counts, as for Python's imports.
    """
    candidates = [file for folder in reversed(methods.__path__) for file in Path(folder).glob("*.py")]
    return {file.stem: file for file in sorted(candidates, key=lambda file: file.stem) if not file.stem.startswith("_")}


def names() -> list[str]:
    """All methods by name, those with broken files included."""
    return list(files())


def file_of(name: str) -> Path:
    """The file that defines a method. Raises `UserError` if there is none."""
    # Asked for every run of a grid, so it looks for the one file instead of listing all.
    places = (Path(folder, f"{name}.py") for folder in methods.__path__)
    own = next((file for file in places if file.stem == name and file.exists()), None)
    if own is None or name.startswith("_"):
        raise UserError(f"there is no method '{name}' in methods/; {hint(name, names())}")
    return own


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
    broken = {}
    for name in names():
        try:
            create(name, {})
        except UserError as error:
            broken[name] = str(error)
    return broken


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
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module.__name__
    ]
    if len(classes) > 1:
        classes = [value for value in classes if value.__name__.lower() == name.replace("_", "")]
    if len(classes) != 1:
        raise UserError(f"methods/{name}.py must define exactly one subclass of Method named like the file.")
    try:
        bounds.stated(classes[0])
        reported.stated(classes[0])
    except UserError as error:
        raise UserError(f"methods/{name}.py cannot be used: {error}") from None
    return classes[0]


def summary(method: type[Method]) -> str:
    """The first paragraph of a method's docstring, on one line and without marks."""
    return " ".join((method.__doc__ or "").partition("\n\n")[0].replace("``", "").split())


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

    Raises `UserError` naming the field, the value and what is allowed.
    """
    method = ask(name, method_class(name))
    return ask(name, partial(changed, method, fields, name)) if fields else method


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
