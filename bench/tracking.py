"""Records into MLflow, and back into a frame.

Jobs never open the tracking store: they leave records, and this one step logs them, so hundreds of jobs cannot lock a
database and a cluster needs no server. The step may be repeated at any time. A run of MLflow is one (run, point); it is
found again by its key and logged anew only if the record's SHA-256 changed (parameters of MLflow can't be overwritten).
The database can be deleted whenever one likes: it is rebuilt from the records.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from bench import measurements, store
from bench.closing import view
from bench.errors import UserError
from bench.measurements import COLUMNS, LONGEST_TEXT, METRICS, TEXTS, Slot, Source
from bench.record import Curve, Record
from bench.store import StoreError as StoreError
from bench.store import single_writer

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

    from bench.grid import Grid, Plan

T = TypeVar("T")

METRICS_AT_ONCE, PARAMS_AT_ONCE = 900, 100
"""MLflow takes no more than 100 parameters and 1,000 entities per call."""


@dataclass(frozen=True)
class Collected:
    """What one collect step did.

    Attributes:
        uri: of the tracking store.
        logged, unchanged: how many (run, point) pairs were written, and how many were there already.
        problems: by run id, why a record could not be read.
        records: those that could, by run id.
    """

    uri: str
    logged: int
    unchanged: int
    problems: dict[str, str] = field(default_factory=dict)
    records: dict[str, Source] = field(default_factory=dict)

    def describe(self) -> str:
        """What was done, one line per problem, and how to look at the store."""
        done = f"MLflow: {self.logged} logged, {self.unchanged} unchanged, {len(self.problems)} unreadable records."
        return "\n".join([done, *self.problems.values(), f"To look at them: {view(self.uri)}"])


def store_uri(grid: Grid) -> str:
    """The grid's tracking URI, by default an SQLite file in its results."""
    return grid.tracking_uri or f"sqlite:///{Path(grid.results).resolve() / 'mlflow.db'}"


def collect(grid: Grid, plan: Plan) -> Collected:
    """Log every record of the plan that the store does not have yet, whatever its outcome.

    Raises `StoreError` if the store cannot be used. Unreadable records are reported, and don't stop the others.
    """
    results, uri = Path(grid.results), store_uri(grid)
    records, problems = measurements.read_records(plan, results)
    logged = unchanged = 0
    with single_writer(results), _store(uri) as client:
        experiments = {dataset: _experiment(client, uri, dataset, results) for dataset in grid.datasets}
        known: dict[str, list[Run]] = {}
        for run in _runs(grid):
            known.setdefault(run.data.tags.get("key", ""), []).append(run)
        for slot in measurements.slots(plan):
            if (source := records.get(slot.run)) is None:
                continue
            same = [run for run in known.get(slot.key, []) if _is_logged(run, source)][:1]
            for run in known.get(slot.key, []):
                if run not in same:
                    client.delete_run(run.info.run_id)
            if not same:
                _log(client, experiments[slot.cell.dataset], slot, source)
            logged, unchanged = logged + (not same), unchanged + len(same)
    return Collected(uri, logged, unchanged, problems, records)


def read(
    grid: Grid,
    plan: Plan,
    problems: Mapping[str, str] | None = None,
    records: Mapping[str, Source] | None = None,
) -> pd.DataFrame:
    """The frame of a plan (`bench.measurements`) from MLflow: only what the plan expects, types converted once.

    `problems` says why a run has no usable record; where `records` are given, what the store has of runs that are not
    among them (a record that was deleted, another checkout's run) is passed over. Raises `StoreError` if the store
    cannot be used.
    """
    with _store(store_uri(grid)):
        known = {run.data.tags.get("key", ""): run for run in _runs(grid)}
    lines = []
    for slot in measurements.slots(plan):
        run = known.get(slot.key) if records is None or slot.run in records else None
        found = measurements.absent((problems or {}).get(slot.run, "")) if run is None else _values(run)
        lines.append(measurements.identity_of(slot) | found)
    return measurements.frame(lines)


def check(tracked: pd.DataFrame, recorded: pd.DataFrame) -> None:
    """Raise `UserError` naming the first values in which MLflow differs from the records."""
    left, right = tracked.set_index("key"), recorded.set_index("key")
    found = []
    for column in [*TEXTS[1:], *METRICS]:
        same = (left[column] == right[column]) | (left[column].isna() & right[column].isna())
        found += [f"{key} {column} {left[column][key]} (record: {right[column][key]})" for key in left.index[~same]]
    if found:
        raise UserError(
            f"MLflow differs from the records in {len(found)} values, first {'; '.join(found[:3])}: "
            "somebody changed the store; delete it and collect again."
        )


def _values(run: Run) -> dict[str, Any]:
    texts = {name: run.data.tags.get(name, "") for name in ("outcome", "reason", "warnings")}
    return texts | {name: run.data.metrics[name] for name in METRICS if name in run.data.metrics}


# --- the store ----------------------------------------------------------------------------------------------------


@contextmanager
def _store(uri: str) -> Iterator[MlflowClient]:
    """A client; whatever goes wrong inside becomes a `StoreError`."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # the defaults wait for many minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"  # no model is ever loaded from a store
    import mlflow
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("alembic").setLevel(logging.WARNING)
    for chatter in ("mlflow.store.db.utils", "urllib3"):  # what goes wrong is said once, by us
        logging.getLogger(chatter).setLevel(logging.CRITICAL)
    try:
        store.ready(uri)
        mlflow.set_tracking_uri(uri)
        yield mlflow.MlflowClient(tracking_uri=uri)
    except (mlflow.MlflowException, SQLAlchemyError, CommandError, OSError) as error:
        raise store.failure(uri, error) from error


def _experiment(client: MlflowClient, uri: str, dataset: str, results: Path) -> str:
    """The id of the data set's experiment, made if there is none; artifacts lie beside a local store."""
    name, folder = _experiment_name(dataset), (results.resolve() / "mlartifacts").as_uri()
    found = client.get_experiment_by_name(name)
    if found is None:
        location = None if _is_server(uri) else f"{folder}/{dataset}"
        return str(client.create_experiment(name, artifact_location=location))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if uri.startswith("sqlite:") and not found.artifact_location.startswith(folder):
        raise StoreError(
            f"the tracking store {uri} keeps its artifacts in {found.artifact_location}, so it came from another "
            "folder; delete it, and it is rebuilt from the records"
        )
    return str(found.experiment_id)


def _experiment_name(dataset: str) -> str:
    return f"reprune/{dataset}"


def _is_server(uri: str) -> bool:
    return uri.startswith(("http:", "https:"))


def _runs(grid: Grid) -> list[Run]:
    """All runs of the grid's data sets, by one query: MLflow can't filter by a list of tags."""
    import mlflow

    names = [_experiment_name(dataset) for dataset in grid.datasets]
    return mlflow.search_runs(experiment_names=names, output_format="list")


# --- one run ------------------------------------------------------------------------------------------------------


def _log(client: MlflowClient, experiment: str, slot: Slot, source: Source) -> None:
    """Log one (run, point) in as few transactions as there can be. Ending the run comes last: see `_is_logged`."""
    from mlflow.entities import Param

    from bench import curves

    end = source.path.stat().st_mtime
    begin = end - source.record.cost.seconds
    run = client.create_run(
        experiment, start_time=int(begin * 1000), tags=_flat(_tags(slot, source)), run_name=slot.key
    ).info.run_id
    metrics = _parts(_metrics(source.record, slot.cell.point, begin), METRICS_AT_ONCE)
    params = _parts([Param(*pair) for pair in _flat(_params(source.record)).items()], PARAMS_AT_ONCE)
    nothing: list[Any] = []
    for some_metrics, some_params in zip_longest(metrics, params, fillvalue=nothing):
        client.log_batch(run, metrics=some_metrics, params=some_params)
    client.log_artifact(run, str(source.path))
    client.log_figure(run, curves.draw(source.record), "curves.png")
    status = "FAILED" if source.record.outcome == "error" else "FINISHED"
    client.set_terminated(run, status, end_time=int(end * 1000))


def _is_logged(run: Run, source: Source) -> bool:
    """Whether a run of MLflow has this very record, all of it; killed collectors leave it running."""
    tags = {"record_sha256": source.sha256, "columns": COLUMNS}
    return all(run.data.tags.get(name) == value for name, value in tags.items()) and run.info.status != "RUNNING"


def _parts(values: list[T], size: int) -> Iterator[list[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _metrics(record: Record, point: float | None, begin: float) -> list[Metric]:
    """The last values (at step 0: they belong to the run, not to a moment) and the curves, ``stage/name`` by step."""
    from mlflow.entities import Metric

    last = measurements.finite(measurements.metrics(record, point))
    found = [Metric(name, value, int(begin * 1000), 0) for name, value in last.items()]
    for curve in record.curves:
        for name, step, seconds, value in _points(curve):
            found.append(Metric(_legal(f"{curve.stage}/{name}"), value, int((begin + seconds) * 1000), step))
    return found


def _points(curve: Curve) -> Iterator[tuple[str, int, float, float]]:
    """(name, step, seconds, value) of everything in a curve that is finite."""
    for name, values in curve.model_dump(exclude={"stage", "step", "seconds"}).items():
        for step, seconds, value in zip(curve.step, curve.seconds, values, strict=False):
            yield from ((name, step, seconds, each) for each in measurements.finite({name: value}).values())


def _params(record: Record) -> dict[str, Any]:
    spec = record.spec
    return {
        "method": record.hyperparameters,
        "recipe": spec.recipe.model_dump(mode="json", exclude={"source"}),
        "budget": spec.budget,
        "prunable": spec.prunable,
        "seed": spec.seed,
        "points": list(spec.points),
    }


def _tags(slot: Slot, source: Source) -> dict[str, Any]:
    record, cell = source.record, slot.cell
    return measurements.labels(record) | {
        "key": slot.key,
        "record_sha256": source.sha256,
        "columns": COLUMNS,
        "run": slot.run,
        "dataset": cell.dataset,
        "architecture": cell.architecture,
        "method": cell.method,
        "seed": slot.seed,
        "point": "" if cell.point is None else cell.point,
        "recipe": record.spec.recipe_text,
        "identity": record.spec.identity,
        "command": record.spec.command,
        "provenance": record.provenance,
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested dicts as ``outer.inner``; every value as text MLflow takes."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[_legal(f"{prefix}{name}")[:200]] = _text(value)
    return flat


def _text(value: object) -> str:
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    return (", ".join(map(str, value)) if listed else str(value))[:LONGEST_TEXT]  # type: ignore[call-overload]


def _legal(name: str) -> str:
    """Names may hold letters, digits and ``_-. :/``."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)
