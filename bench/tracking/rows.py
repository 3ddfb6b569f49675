"""What MLflow does too slowly for thousands of runs, in SQL where the tracking store is a database.

MLflow makes an object of every tag, parameter and point of a curve: 6 ms to read a run, 120 ms to log 160 epochs. For
SQLite and PostgreSQL the same rows of its tables are read and written here in a fraction of the time; a server that
speaks HTTP gets MLflow's own calls. Whatever goes wrong raises what those raise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from bench.tracking import database
from bench.tracking.failure import file_of
from bench.tracking.store import PATIENCE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

T = TypeVar("T")

AT_ONCE = 900
"""MLflow takes no more than 1,000 entities per call."""

TAGS = ("key", "record_sha256", "outcome", "reason", "warnings")


@dataclass(frozen=True)
class Logged:
    """A run of MLflow: one (run, point), with its last values and those of `TAGS` that it has.

    Attributes:
        run: its id in MLflow.
        finished: whether it was logged to its end; a killed collector leaves it running.
    """

    run: str
    finished: bool
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Which (run, point) it is; empty if somebody else's."""
        return self.tags.get("key", "")


def logged(uri: str, experiments: Sequence[str]) -> list[Logged]:
    """What the experiments of these names hold; deleted runs are passed over."""
    return _selected(uri, experiments) if _speaks_sql(uri) else [_logged(run) for run in runs(experiments)]


def runs(experiments: Sequence[str]) -> list[Run]:
    """All runs of some experiments, by one query to the current store: MLflow can't filter by a list of tags."""
    import mlflow

    return mlflow.search_runs(experiment_names=list(experiments), output_format="list")


def log_points(client: MlflowClient, uri: str, run: str, points: Sequence[Metric]) -> None:
    """Log the points of curves, which the run does not have yet."""
    if _speaks_sql(uri):
        _insert(uri, run, points)
        return
    for some in parts(points, AT_ONCE):
        client.log_batch(run, metrics=some)


def parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The values in their order, in lists of at most `size`."""
    return (values[start : start + size] for start in range(0, len(values), size))


def _logged(run: Run) -> Logged:
    last = {name: value for name, value in run.data.metrics.items() if "/" not in name}
    return Logged(run.info.run_id, run.info.status != "RUNNING", run.data.tags, last)


# --- SQL ----------------------------------------------------------------------------------------------------------


def _speaks_sql(uri: str) -> bool:
    return file_of(uri) is not None or database.is_one(uri)


@cache
def _engine(uri: str) -> Any:
    """For a file no connection outlives its use, so it may be deleted at any time."""
    import sqlalchemy

    if database.is_one(uri):
        # psycopg2 would send row after row; psycopg does not.
        batches = {"executemany_mode": "values_plus_batch"}
        driver = sqlalchemy.make_url(uri).get_driver_name()
        return sqlalchemy.create_engine(uri, pool_pre_ping=True, **(batches if driver == "psycopg2" else {}))
    return sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool, connect_args={"timeout": PATIENCE})


def _selected(uri: str, experiments: Sequence[str]) -> list[Logged]:
    with _engine(uri).connect() as connection:
        status = connection.execute(*_query("runs.run_uuid, runs.status", experiments))
        found = {run: Logged(run, status != "RUNNING") for run, status in status}
        for run, name, value in connection.execute(*_query(_NAMED, experiments, "tags", TAGS)):
            found[run].tags[name] = value
        for run, name, value in connection.execute(*_query(_NAMED, experiments, "latest_metrics")):
            found[run].metrics[name] = value
    return list(found.values())


_NAMED = "runs.run_uuid, named.key, named.value"


def _query(
    columns: str, experiments: Sequence[str], table: str = "", names: Sequence[str] = ()
) -> tuple[Any, dict[str, list[str]]]:
    """Columns of the active runs of some experiments, once for each row of `table` with one of these names.

    Without names: with any name but a curve's, which has a slash.
    """
    import sqlalchemy

    lists = {"experiments": list(experiments)} | ({"names": list(names)} if names else {})
    chosen = "named.key IN :names" if names else "named.key NOT LIKE '%/%'"
    joined = f"JOIN {table} AS named ON named.run_uuid = runs.run_uuid AND {chosen}" if table else ""
    query = sqlalchemy.text(
        f"SELECT {columns} FROM runs JOIN experiments USING (experiment_id) {joined} "
        "WHERE experiments.name IN :experiments AND runs.lifecycle_stage = 'active'"
    )
    return query.bindparams(*(sqlalchemy.bindparam(name, expanding=True) for name in lists)), lists


def _insert(uri: str, run: str, points: Sequence[Metric]) -> None:
    import sqlalchemy

    rows: list[dict[str, Any]] = [
        {"run": run, "name": point.key, "value": point.value, "time": point.timestamp, "step": point.step}
        for point in points
    ]
    if not rows:
        return
    last = {row["name"]: row for row in sorted(rows, key=lambda row: (row["step"], row["time"], row["value"]))}
    columns = "(run_uuid, key, value, timestamp, step, is_nan) VALUES (:run, :name, :value, :time, :step, FALSE)"
    with _engine(uri).begin() as connection:
        for table, chosen in (("metrics", rows), ("latest_metrics", list(last.values()))):
            connection.execute(sqlalchemy.text(f"INSERT INTO {table} {columns} ON CONFLICT DO NOTHING"), chosen)
