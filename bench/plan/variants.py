"""Grids of one name that ask for different things: each has a folder of reports and a title of its own.

A grid's reports go to ``reports/<name>/``, and there again after its file was edited. What is changed for one call
makes another grid, whose folder has a digest of the changes in its name, ``reports/quick-68a1c0de/``. A folder also
knows of which grid it is (`MARK`), so that another file of the same name does not write over it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base import plain_yaml
from bench.base.atomic import write_atomic
from bench.identity import digest

if TYPE_CHECKING:
    from bench.plan.grid import Grid

MARK = "grid.json"
"""This file in a report folder names the grid that the reports are of."""

MACHINE = frozenset({"results", "reports", "data_dir", "download", "tracking_uri"})
"""Fields of a grid that say where things lie on a machine."""

PACE = frozenset({"threads", "slots_per_gpu", "workers"})
"""Fields that say how a machine is used."""

LONGEST_TITLE = 300
"""Characters of a title."""


@dataclass(frozen=True)
class Variant:
    """What tells a grid from another of its name.

    Attributes:
        changes: the fields that were changed for one call, with their values, but for the title.
        suffix: behind the name of its folder; empty for the grid as its file has it.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ""


def changed(grid: Grid, own: Mapping[str, Any], changes: Mapping[str, Any]) -> Grid:
    """The grid with its variant, and with a title that says what was changed for this call.

    Args:
        grid: as it is asked for, changes included.
        own: the fields of the file.
        changes: those that the call gives.
    """
    now, fields = grid.model_dump(mode="json"), type(grid).model_fields
    found = {}
    for name in sorted(set(changes) - MACHINE - PACE - {"budget"}):
        before = own[name] if name in own else fields[name].get_default(call_default_factory=True)
        if _plain(before) not in (_plain(changes[name]), now[name]):
            found[name] = now[name]
    titled = found.pop("title", None) is not None
    asked = {name: value for name, value in found.items() if name != "name"}
    if not asked:
        return grid.varied(Variant(found))
    listed = ", ".join(f"{name}={plain_yaml.write(value)}" for name, value in asked.items())
    variant = Variant(found, "" if "name" in found else _short(asked))
    return _titled(grid, "" if titled else listed).varied(variant)


def settled(grid: Grid, source: Path) -> Grid:
    """The grid, with another folder and title if those of its name are of another file's grid.

    Args:
        grid: as read.
        source: its file.
    """
    found = _read(grid.report_folder / MARK)
    if found is None or _same(found, _mark(grid, source)):
        return grid
    changes = grid.variant.changes
    suffix = _short([_place(source), *(changes.items() if "name" in changes else ()), grid.variant.suffix])
    return _titled(grid, _place(source)).varied(Variant(changes, suffix))


def mark(grid: Grid, source: Path) -> None:
    """Write the grid into its report folder's `MARK`, unless that says so already."""
    path, found = grid.report_folder / MARK, _mark(grid, source)
    if _read(path) != found:
        write_atomic(path, (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode())


def _mark(grid: Grid, source: Path) -> dict[str, Any]:
    asked = grid.model_dump(mode="json", exclude=set(MACHINE | PACE))
    return {"source": _place(source), "changes": dict(grid.variant.changes), "grid": asked}


def _same(found: dict[str, Any], ours: dict[str, Any]) -> bool:
    """Whether a folder is of the same grid, or of the same file before it was edited."""
    kept = ("source", "changes")
    return found.get("grid") == ours["grid"] or all(found.get(name) == ours[name] for name in kept)


def _read(path: Path) -> dict[str, Any] | None:
    """The content of a `MARK`; None if it is missing or cannot be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _titled(grid: Grid, what: str) -> Grid:
    if not what:
        return grid
    title = f"{grid.title or grid.name} ({what})"
    cut = f"{title[: LONGEST_TITLE - 1]}…" if len(title) > LONGEST_TITLE else title
    return grid.model_copy(update={"title": cut})


def _plain(value: Any) -> Any:
    """A value in which tuples are lists and all mappings dicts."""
    return json.loads(json.dumps(value))


def _place(source: Path) -> str:
    """A file's path relative to the current folder, if it lies below that."""
    path, here = source.absolute(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _short(values: Any) -> str:
    return f"-{digest(values)[:8]}"
