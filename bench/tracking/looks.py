"""What MLflow's pages show first: names, descriptions and a saved view, for people. No table is made of these.

The view is the state of MLflow's own page, as its button "Views" saves it. A version of MLflow that keeps it otherwise
passes it over.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from bench.base.spelling import Spelling
from bench.errors import printable
from bench.results.measurements import LONGEST_TEXT, Slot
from bench.results.record import Record, Result

VIEW = "mlflow.sharedViewState.reprune"
"""The tag of the saved view; ``#/experiments/<id>/runs?viewStateShareKey=reprune`` opens it."""

LONGEST_NAME = 250
"""Characters of a run's name that MLflow's tables hold."""

COLUMNS = (
    "tags.`architecture`",
    "tags.`method`",
    "tags.`point`",
    "tags.`seed`",
    "tags.`outcome`",
    "metrics.`accuracy`",
    "metrics.`prunable_sparsity`",
    "metrics.`macs`",
)


def of_experiment(dataset: str) -> dict[str, str]:
    """Tags of a data set's experiment."""
    return {
        "mlflow.note.content": (
            f"Runs on **{dataset}** that reprune collected, one for each run and operating point; *Views → reprune* "
            "has the columns that matter.\n\n"
            "Records are the truth: this store is filled from them and can be deleted. `tags.method = 'gmp'` and "
            "`tags.point = '0.9'` find a cell, `tags.key` a row of the tables. `accuracy`, a percentage, is that of "
            "the exported network after the last epoch; `best_accuracy` was chosen on the test set."
        ),
        "mlflow.experimentKind": "custom_model_development",  # else its page is that of a language model
        VIEW: _view(),
    }


def of_run(slot: Slot, record: Record) -> dict[str, str]:
    """Tags of a run at a point."""
    commit = (record.provenance.get("git") or {}).get("commit")
    return {
        "mlflow.note.content": note(slot, record),
        "mlflow.source.name": f"methods/{record.spec.method}.py",
        "mlflow.source.type": "LOCAL",
    } | ({"mlflow.source.git.commit": str(commit)} if commit else {})


def name(slot: Slot, spelling: Spelling) -> str:
    """What tells runs of an experiment apart comes first, since columns are narrow: ``gmp 95 % s1 · resnet8_cifar``."""
    cell = slot.cell
    options = cell.method.removeprefix(cell.method_name)
    point = "" if cell.point is None else f" {spelling.percent(cell.point)}"
    name = f"{cell.method_name}{point} s{slot.seed} · {cell.architecture} {options}".rstrip()
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def note(slot: Slot, record: Record) -> str:
    """The description of a run at a point, as Markdown: what came out, and the command that repeats it."""
    result = record.result(slot.cell.point)
    said = [_outcome(record), _measured(result) if result else "", _code(record.spec.command)]
    return "\n\n".join(part for part in said if part)[:LONGEST_TEXT]


def _outcome(record: Record) -> str:
    if record.outcome == "ok":
        return ""
    return f"The run ended as **{record.outcome}**:\n\n{_code(record.reason[:1000])}"


def _measured(result: Result) -> str:
    counts = result.counts
    macs = f"{100 * counts.macs / counts.macs_dense:.4g} %" if counts.macs_dense else "an unknown part"
    return (
        f"**{result.accuracy:.2f} %** of {result.test_images:,} test images are classified rightly. "
        f"{100 * counts.prunable_sparsity:.4g} % of {counts.prunable_weights:,} prunable weights are 0, and {macs} of "
        "the dense network's multiply-adds are left."
    )


def _code(text: str) -> str:
    """In a line, not a block: the page would get as wide as a block."""
    inside = printable(text).replace("`", "'")
    return f"`{inside}`"


def _view() -> str:
    state: Mapping[str, Any] = {
        "searchFilter": "",
        "orderByKey": "metrics.`accuracy`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": COLUMNS,
        "runsHiddenMode": "FIRST_10_RUNS",
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
    }
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return json.dumps({"name": "reprune", "createdAt": 0, "updatedAt": 0, "state": f"deflate;{packed}"})
