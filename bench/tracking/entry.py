"""One (run, point) of a record as MLflow keeps it: tags, parameters, last values, curves, and two artifacts."""

from __future__ import annotations

import math
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base import nesting
from bench.results import measurements
from bench.results.measurements import LONGEST_TEXT, Slot, Source
from bench.results.record import Curve, Record, Result
from bench.tracking import curves, looks, rows
from bench.tracking.rows import Logged

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

PARAMS_AT_ONCE = 100
"""MLflow takes no more parameters per call."""


def log(client: MlflowClient, uri: str, experiment: str, slot: Slot, source: Source, name: str) -> None:
    """Log one (run, point) under a name, in as few transactions as there can be.

    Ending the run comes last: see `bench.tracking`.
    """
    from mlflow.entities import Param

    end = source.path.stat().st_mtime
    begin = end - source.record.cost.seconds
    run = client.create_run(
        experiment, start_time=int(begin * 1000), tags=flat(tags_of(slot, source)), run_name=name
    ).info.run_id
    last: Sequence[Metric] = _metrics(last_values(slot, source), begin)
    params = [Param(*pair) for pair in flat(params_of(source.record)).items()]
    for some in rows.parts(params, PARAMS_AT_ONCE):
        client.log_batch(run, metrics=last, params=some)
        last = []
    rows.log_points(client, uri, run, _points(source.record, begin))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(source.path, folder)
        (Path(folder) / "curves.svg").write_text(curves.draw(source.record), encoding="utf-8")
        client.log_artifacts(run, folder)
    status = "FAILED" if source.record.outcome == "error" else "FINISHED"
    client.set_terminated(run, status, end_time=int(end * 1000))


def complete(client: MlflowClient, run: Logged, slot: Slot, source: Source) -> None:
    """Add the last values that a run of MLflow lacks since an older version logged it."""
    lacking = {name: value for name, value in last_values(slot, source).items() if name not in run.metrics}
    if lacking:
        begin = source.path.stat().st_mtime - source.record.cost.seconds
        client.log_batch(run.run, metrics=_metrics(lacking, begin))


def last_values(slot: Slot, source: Source) -> dict[str, float]:
    """What a run measured in the end, and what its method measured of itself as ``diagnostics.NAME``."""
    result = source.record.result(slot.cell.point)
    own = {_legal(f"diagnostics.{name}").replace("/", "_"): value for name, value in _diagnostics(result)}
    return measurements.finite(measurements.metrics(source.record, slot.cell.point) | own)


def _diagnostics(result: Result | None) -> Iterable[tuple[str, float]]:
    return result.diagnostics.items() if result else ()


def _metrics(last: Mapping[str, float], begin: float) -> list[Metric]:
    """The last values, at step 0: they belong to the run, not to a moment."""
    from mlflow.entities import Metric

    return [Metric(name, value, int(begin * 1000), 0) for name, value in last.items()]


def _points(record: Record, begin: float) -> list[Metric]:
    """Everything in the curves that is finite, as ``stage/name`` by step."""
    from mlflow.entities import Metric

    return [
        Metric(name, value, int((begin + seconds) * 1000), step) for name, step, value, seconds in curve_points(record)
    ]


def curve_points(record: Record) -> Iterator[tuple[str, int, float, float]]:
    """Name, step, value and seconds since the beginning of each of these."""
    for curve in record.curves:
        for name, values in _lines(curve).items():
            for step, seconds, value in zip(curve.step, curve.seconds, values, strict=False):
                if math.isfinite(value):
                    yield name, step, float(value), seconds


def _lines(curve: Curve) -> dict[str, list[float]]:
    values = curve.model_dump(exclude={"stage", "step", "seconds"})
    return {_legal(f"{curve.stage}/{name}"): line for name, line in values.items()}


def params_of(record: Record) -> dict[str, Any]:
    """The parameters of a run, nested."""
    spec = record.spec
    return {
        "method": record.hyperparameters,
        "recipe": spec.recipe.model_dump(mode="json", exclude={"source"}, exclude_none=True),
        "budget": spec.budget,
        "prunable": spec.prunable,
        "seed": spec.seed,
        "points": list(spec.points),
    }


def tags_of(slot: Slot, source: Source) -> dict[str, Any]:
    """The tags of a run at a point, nested."""
    record, cell = source.record, slot.cell
    told = {name: text for name, text in measurements.labels(record).items() if text}
    facts = {name: value for name, value in record.provenance.items() if name not in ("command", "recipe")}
    return (
        told
        | looks.of_run(slot, record)
        | {
            "key": slot.key,
            "record_sha256": source.sha256,
            "run": slot.run,
            "dataset": cell.dataset,
            "architecture": cell.architecture,
            "method": cell.method,
            "seed": slot.seed,
            "point": "" if cell.point is None else cell.point,
            "recipe": record.spec.recipe_text,
            "identity": record.spec.identity,
            "command": record.spec.command,
            "provenance": facts,
        }
    )


def flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Nested dicts as ``outer.inner``; every value as text MLflow takes."""
    return {_legal(name)[:200]: _text(value) for name, value in nesting.flat(values).items()}


def _text(value: object) -> str:
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    return (", ".join(map(str, value)) if listed else str(value))[:LONGEST_TEXT]  # type: ignore[call-overload]


def _legal(name: str) -> str:
    """Names may hold letters, digits and ``_-. :/``."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)
