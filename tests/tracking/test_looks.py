"""What MLflow's pages show first: names, descriptions and the saved view."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import tracking
from bench.base.spelling import Spelling
from bench.plan.grid import Cell, Grid, Plan
from bench.results.measurements import METRICS, Slot
from bench.results.record import Record
from bench.tracking import looks
from tests import factories


def slot(method: str = "gmp", point: float | None = 0.95, seed: int = 1) -> Slot:
    return Slot(Cell("digits", "resnet8_cifar", method, point), seed, "the-run")


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (slot(), "gmp 95 % s1 · resnet8_cifar"),
        (slot("dense", None, 0), "dense s0 · resnet8_cifar"),
        (slot("rigl[schedule.every=10]", 0.998), "rigl 99.8 % s1 · resnet8_cifar [schedule.every=10]"),
    ],
)
def test_a_name_begins_with_what_tells_runs_apart(one: Slot, name: str) -> None:
    assert looks.name(one, Spelling()) == name


def gmp(**changes: Any) -> Record:
    return factories.record(factories.spec("gmp", 0.9), 91.234, **changes)


def test_a_description_says_what_came_out_and_how_to_repeat_it() -> None:
    assert looks.note(slot(point=0.9), gmp()) == (
        "**91.23 %** of 10,000 test images are classified rightly. 90 % of 1,000 prunable weights are 0, and 10 % of "
        f"the dense network's multiply-adds are left.\n\n`{gmp().spec.command}`"
    )


def test_a_description_of_a_failure_gives_its_reason_as_a_text() -> None:
    failed = gmp(outcome="error", reason="ValueError: `<b>` **no**\x1b", results=[])
    said = looks.note(slot(point=0.9), failed).split("\n\n")
    assert said[:2] == ["The run ended as **error**:", "`ValueError: '<b>' **no**?`"]
    assert len(said) == 3


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Grid, Plan]]:
    grid = factories.grid(tmp_path_factory.mktemp("looks"))
    plan, (record,) = factories.plan({("gmp", 0.9): [91.0]})
    factories.write(record, Path(grid.results))
    tracking.collect(grid, plan)
    yield grid, plan


def test_what_people_changed_of_an_experiment_stays_and_what_it_lacks_is_added(collected: tuple[Grid, Plan]) -> None:
    grid, plan = collected
    with tracking._store(tracking.store_uri(grid)) as client:
        one = client.get_experiment_by_name("reprune/cifar10")
        assert looks.of_experiment("cifar10").items() <= one.tags.items()
        client.set_experiment_tag(one.experiment_id, "mlflow.note.content", "ours")
        client.delete_experiment_tag(one.experiment_id, looks.VIEW)
    tracking.collect(grid, plan)
    with tracking._store(tracking.store_uri(grid)) as client:
        after = client.get_experiment_by_name("reprune/cifar10").tags
        assert after == looks.of_experiment("cifar10") | {"mlflow.note.content": "ours"}


def test_a_run_has_name_description_and_source_and_no_empty_tags(collected: tuple[Grid, Plan]) -> None:
    grid, _ = collected
    with tracking._store(tracking.store_uri(grid)):
        (run,) = tracking.rows.runs(["reprune/cifar10"])
    assert run.info.run_name == "gmp 90 % s0 · resnet20_cifar"
    assert run.data.tags["mlflow.note.content"].startswith("**91.00 %** of 10,000 test images")
    assert run.data.tags["mlflow.source.name"] == "methods/gmp.py"
    assert run.data.tags["mlflow.source.git.commit"] == "0123456789abcdef"
    assert all(run.data.tags.values())
    assert "None" not in run.data.params.values()


def test_the_saved_view_has_columns_that_runs_have(collected: tuple[Grid, Plan]) -> None:
    grid, _ = collected
    with tracking._store(tracking.store_uri(grid)) as client:
        view = json.loads(client.get_experiment_by_name("reprune/cifar10").tags[looks.VIEW])
        (run,) = tracking.rows.runs(["reprune/cifar10"])
    state = json.loads(zlib.decompress(base64.b64decode(view["state"].removeprefix("deflate;"))))
    known = {f"tags.`{name}`" for name in run.data.tags} | {f"metrics.`{name}`" for name in METRICS}
    assert set(state["selectedColumns"]) <= known
    assert state["orderByKey"] in state["selectedColumns"]
