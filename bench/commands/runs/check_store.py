"""Whether the tracking store beside some results tells what their records tell. Needs no MLflow; nothing is written."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench import names
from bench.base import regular
from bench.commands.runs.finding import Finding
from bench.errors import UserError
from bench.identity import file_digest
from bench.plan.grid import Cell
from bench.results import measurements, record
from bench.results.measurements import Slot, Source
from bench.tracking import curves, entry

NAME = "mlflow.db"

OUTDATED = "has another version of its record, or has not all of it; `reprune report` logs it anew"

TABLES = {"experiments", "runs", "tags", "params", "metrics", "latest_metrics"}

PATIENCE = 120.0
"""Seconds for all questions to the file: its tables may be views that never end."""

LONGEST = 10_000_000
"""Bytes of a value."""


@dataclass
class Logged:
    """A run of MLflow as it lies in the file; curves by (name, step)."""

    tags: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    points: dict[tuple[str, Any], Any] = field(default_factory=dict)


def findings(results: Path) -> list[Finding]:
    """What is wrong with the tracking store in a folder of results."""
    path = results / NAME
    if not os.path.lexists(path):
        return []
    if not regular.is_there(path, results):
        return [Finding(path, "is no regular file, and links are not followed")]
    try:
        runs = _read(path)
    except (sqlite3.Error, ValueError, OverflowError) as error:
        return [Finding(path, f"cannot be read as a tracking store ({' '.join(str(error).split())[:200]})")]
    return [finding for run, logged in runs.items() for finding in _run(results, path, run, logged)]


def _read(path: Path) -> dict[str, Logged]:
    """The runs that are not deleted, by their ids in MLflow. Raises `sqlite3.Error`."""
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=20)) as connection:
        deadline = time.monotonic() + PATIENCE
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 100_000)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        connection.execute("PRAGMA trusted_schema = OFF")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if missing := TABLES - tables:
            raise ValueError(f"it has no table '{min(missing)}'")
        runs = {str(run): Logged() for (run,) in connection.execute(_ENDED)}
        for table, part in (("tags", "tags"), ("params", "params"), ("latest_metrics", "last")):
            for run, name, value in connection.execute(f"SELECT run_uuid, key, value FROM {table}"):
                if str(run) in runs:
                    getattr(runs[str(run)], part)[str(name)] = value
        for run, name, step, value in connection.execute("SELECT run_uuid, key, step, value FROM metrics"):
            if str(run) in runs:
                runs[str(run)].points[str(name), step] = value
    return runs


_ENDED = "SELECT run_uuid FROM runs WHERE lifecycle_stage = 'active' AND status <> 'RUNNING'"


def _run(results: Path, store: Path, run: str, logged: Logged) -> Iterator[Finding]:
    """A run of MLflow against its record. One that has no key is somebody else's, one without a record not ours."""
    key = str(logged.tags.get("key", ""))
    name = Path(key.rpartition("@")[0]).name
    path = results / "runs" / name / "record.json"
    if not name or not path.exists():
        return
    if (found := record.readable(path, results)) is None:  # which `check_run` says
        return
    places = {measurements.key(name, point): point for point in found.spec.points or (None,)}
    source = Source(found, file_digest(path), path)
    if logged.tags.get("record_sha256") != source.sha256:
        yield Finding(store, f"{name} {OUTDATED}", harmless=True)
        return
    if key not in places:
        yield Finding(store, f"it has '{key[:200]}', which the run's record was not asked for")
        return
    slot = Slot(_cell(found, places[key], logged), found.spec.seed, found.id)
    differences = list(_differences(slot, source, logged))
    if differences:
        more = f", and {len(differences) - 1} more" if len(differences) > 1 else ""
        yield Finding(store, f"of {key}, {differences[0]}{more}")
    yield from _artifacts(results, source, run)


def _cell(found: record.Record, point: float | None, logged: Logged) -> Cell:
    """The cell that a run was logged for; only its grid knows the label of a training of its own."""
    spec, told = found.spec, str(logged.tags.get("method", ""))
    try:
        labelled = "training=" in told and names.parse(told)[0] == spec.method
    except UserError:
        labelled = False
    return Cell(spec.dataset, spec.architecture, told if labelled else spec.method_text, point)


def _differences(slot: Slot, source: Source, logged: Logged) -> Iterator[str]:
    """Descriptions are for people, who may change them; parameters that the code has got since are not there."""
    tags = {name: text for name, text in entry.flat(entry.tags_of(slot, source)).items() if "mlflow." not in name}
    for name, text in tags.items():
        if logged.tags.get(name) != text:
            yield f"the tag '{name}' is '{str(logged.tags.get(name))[:60]}', and the record says '{text[:60]}'"
    for name, text in entry.flat(entry.params_of(source.record)).items():
        if name in logged.params and logged.params[name] != text:
            yield f"the parameter '{name}' is '{str(logged.params[name])[:60]}', and the record says '{text[:60]}'"
    # An older version may have logged fewer last values, which the next `reprune report` adds, or others.
    last = {name: value for name, value in entry.last_values(slot, source).items() if name in logged.last}
    points = {(name, step): value for name, step, value, _ in entry.curve_points(source.record)}
    known = {at: value for at, value in logged.points.items() if "/" in at[0] or at[0] in last}
    yield from _unequal({(name, 0): value for name, value in last.items()} | points, known)
    for name, value in last.items():
        if logged.last[name] != value:
            yield f"the last value of '{name}' is {str(logged.last.get(name))[:30]}, and the record says {value:.10g}"


def _unequal(recorded: Mapping[tuple[str, Any], float], logged: Mapping[tuple[str, Any], Any]) -> Iterator[str]:
    for name, step in dict.fromkeys([*recorded, *logged]):
        mine, theirs = recorded.get((name, step)), logged.get((name, step))
        if mine != theirs:
            yield f"'{name}' at step {step} is {str(theirs)[:30]}, and the record says {mine}"


def _artifacts(results: Path, source: Source, run: str) -> Iterator[Finding]:
    """The record and its curves, as they were drawn."""
    spec = source.record.spec
    folder = results / "mlartifacts" / spec.dataset / Path(run).name / "artifacts"
    for name in ("record.json", "curves.svg"):
        try:
            content = regular.read_bytes(folder / name, results, regular.LONGEST_TEXT)
            if content != (curves.draw(source.record).encode() if name == "curves.svg" else source.path.read_bytes()):
                yield Finding(folder / name, "is not what its record gives")
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Finding(folder / name, f"cannot be read ({error.strerror})")
