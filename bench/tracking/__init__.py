"""Records into MLflow, and back into a frame.

Jobs never open the tracking store: they leave records, and this one step logs them, so hundreds of jobs cannot lock a
database and a cluster needs no server. The step may be repeated at any time. A run of MLflow is one (run, point); it is
found again by its key and logged anew only if the record's SHA-256 changed (parameters of MLflow can't be overwritten).
What an older version did not log yet is added to it. The database can be deleted whenever one likes: it is rebuilt from
the records.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pandas as pd

from bench.base.grouping import grouped
from bench.base.stores import store_uri as store_uri
from bench.base.stores import view
from bench.errors import UserError, discreet
from bench.results import measurements
from bench.results.measurements import METRICS, TEXTS, Source
from bench.tracking import database, entry, looks, rows, store
from bench.tracking.failure import StoreError as StoreError
from bench.tracking.failure import failure
from bench.tracking.rows import Logged
from bench.tracking.store import single_writer

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from bench.plan.grid import Grid, Plan


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


def collect(grid: Grid, plan: Plan) -> Collected:
    """Log every record of the plan that the store does not have yet, whatever its outcome.

    Raises `StoreError` if the store cannot be used. Unreadable records are reported, and don't stop the others.
    """
    results, uri = Path(grid.results), store_uri(grid)
    records, problems = measurements.read_records(plan, results)
    logged = unchanged = 0
    with _failing(uri), single_writer(results, uri), _store(uri) as client:
        experiments = {dataset: _experiment(client, uri, dataset, results) for dataset in grid.datasets}
        known = grouped((run.key, run) for run in rows.logged(uri, _experiments(grid)))
        for slot in measurements.slots(plan):
            if (source := records.get(slot.run)) is None:
                continue
            same = [run for run in known.get(slot.key, []) if _is_logged(run, source)][:1]
            for run in known.get(slot.key, []):
                if run not in same:
                    client.delete_run(run.run)
            if same:
                entry.complete(client, same[0], slot, source)
            else:
                name = looks.name(slot, plan.spelling)
                entry.log(client, uri, experiments[slot.cell.dataset], slot, source, name)
            logged, unchanged = logged + (not same), unchanged + len(same)
    return Collected(uri, logged, unchanged, problems, records)


def read(
    grid: Grid,
    plan: Plan,
    problems: Mapping[str, str] | None = None,
    records: Mapping[str, Source] | None = None,
) -> pd.DataFrame:
    """The frame of a plan (`bench.results.measurements`) from MLflow: only what the plan expects, types converted once.

    `problems` says why a run has no usable record; where `records` are given, what the store has of runs that are not
    among them (a record that was deleted, another checkout's run) is passed over. Raises `StoreError` if the store
    cannot be used.
    """
    uri = store_uri(grid)
    with _store(uri):
        known = {run.key: run for run in rows.logged(uri, _experiments(grid))}
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


def _values(run: Logged) -> dict[str, Any]:
    texts = {name: run.tags.get(name, "") for name in ("outcome", "reason", "warnings")}
    return texts | {name: run.metrics[name] for name in METRICS if name in run.metrics}


def _is_logged(run: Logged, source: Source) -> bool:
    """Whether a run of MLflow has this very record, all of it."""
    return run.tags.get("record_sha256") == source.sha256 and run.finished


# --- the store ----------------------------------------------------------------------------------------------------


@contextmanager
def _store(uri: str) -> Iterator[MlflowClient]:
    """A client; whatever goes wrong inside becomes a `StoreError`."""
    with _failing(uri):
        import mlflow

        store.unhurried()
        store.ready(uri)
        mlflow.set_tracking_uri(uri)
        yield mlflow.MlflowClient(tracking_uri=uri)


@contextmanager
def _failing(uri: str) -> Iterator[None]:
    """Make a `StoreError` of what MLflow, the database and the system raise, and let none of them speak otherwise."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # the defaults wait for many minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"  # no model is ever loaded from a store
    from alembic.util import CommandError
    from mlflow import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("alembic").setLevel(logging.WARNING)
    for chatter in ("mlflow.store.db.utils", "urllib3"):  # what goes wrong is said once, by us
        logging.getLogger(chatter).setLevel(logging.CRITICAL)
    try:
        yield
    except (MlflowException, SQLAlchemyError, CommandError, OSError) as error:
        raise failure(uri, error) from error


def _experiment(client: MlflowClient, uri: str, dataset: str, results: Path) -> str:
    """The id of the data set's experiment, made if there is none; artifacts lie beside a local store."""
    name, folder = _experiment_name(dataset), (results.resolve() / "mlartifacts").as_uri()
    found = client.get_experiment_by_name(name)
    if found is None:
        location = None if _is_server(uri) else f"{folder}/{dataset}"
        if database.is_one(uri):
            (results / "mlartifacts" / dataset).mkdir(parents=True, exist_ok=True)  # see below
        return str(client.create_experiment(name, artifact_location=location, tags=looks.of_experiment(dataset)))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if uri.startswith("sqlite:") and not found.artifact_location.startswith(folder):
        raise StoreError(
            f"the tracking store {uri} keeps its artifacts in {found.artifact_location}, so it came from another "
            "folder; delete it, and it is rebuilt from the records"
        )
    if not uri.startswith("sqlite:") and not _is_here(found.artifact_location):
        raise StoreError(
            f"the tracking store {discreet(uri)} keeps its artifacts in {found.artifact_location}, which is not on "
            "this machine; collect through an MLflow server (`tracking_uri: http://…`), which passes them on"
        )
    for tag, text in looks.of_experiment(dataset).items():
        if tag not in found.tags:  # what people changed stays
            client.set_experiment_tag(found.experiment_id, tag, text)
    return str(found.experiment_id)


def _is_here(location: str) -> bool:
    """Whether artifacts can be put at a place: a folder that is not there would be made, on the wrong machine."""
    found = urlsplit(location)
    return found.scheme != "file" or Path(unquote(found.path)).is_dir()


def _experiment_name(dataset: str) -> str:
    return f"reprune/{dataset}"


def _is_server(uri: str) -> bool:
    return uri.startswith(("http:", "https:"))


def _experiments(grid: Grid) -> list[str]:
    return [_experiment_name(dataset) for dataset in grid.datasets]
