"""Hours and bytes from a made-up probe, worked out by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bench.base import devices
from bench.plan import grid
from bench.workflow import estimate
from bench.workflow.estimate import Estimate
from bench.workflow.probe import Sizes, Speed
from tests import factories

NETWORK = ("digits", "convnet_small", "digits")
SPEED = Speed(training=0.01, evaluation=0.001, images=400)
SIZES = Sizes(weights=100, state=150, checkpoint=300)
# dense and two of snip train 24 epochs of 898 images, two of magnitude 8; one of four epochs is evaluated (899 images),
# and every run's result.
TRAINED = (3 * 24 + 2 * 8) * 898  # 79,024
EVALUATED = (3 * 6 + 2 * 2 + 5) * 899  # 24,273
SECONDS = TRAINED * 0.01 + EVALUATED * 0.001  # 814.513


def make(results: Path, device: str = "cpu", probed: bool = True, **changes: Any) -> Estimate:
    fields: dict[str, Any] = {
        **{"name": "small", "recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"]},
        **{"methods": ["magnitude", "snip"], "sparsities": [0.9, 0.95], "seeds": [0], "results": str(results)},
    }
    chosen = grid.load(fields | changes)
    return Estimate(chosen, grid.expand(chosen), device, {NETWORK: SPEED} if probed else {}, {NETWORK: SIZES})


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(devices, "gpus", lambda: ["a", "b"])


def test_core_hours(tmp_path: Path) -> None:
    found = make(tmp_path).values()
    assert found["unit"] == "core-hours"
    assert found["hours"]["all"] == found["hours"]["left"] == pytest.approx(SECONDS / 3600)
    # Eight runs at once on eight cores.
    assert found["hours"]["clock"] == pytest.approx(SECONDS / 3600 / 8)
    assert "in CPU time" in found["rests_on"][0]


def test_every_thread_of_a_run_counts(tmp_path: Path) -> None:
    found = make(tmp_path, threads=2).values()
    assert found["hours"]["all"] == pytest.approx(2 * SECONDS / 3600)
    assert found["hours"]["clock"] == pytest.approx(SECONDS / 3600 / 4)
    assert "of 8 cores were busy" in found["rests_on"][0]


def test_gpu_hours(tmp_path: Path) -> None:
    found = make(tmp_path, "cuda", threads=4, slots_per_gpu=3).values()
    assert (found["unit"], found["at_once"]) == ("GPU-hours", 2)
    assert found["hours"]["all"] == pytest.approx(SECONDS / 3600)
    assert found["hours"]["clock"] == pytest.approx(SECONDS / 3600 / 2)


def test_disk(tmp_path: Path) -> None:
    found = make(tmp_path).values()
    # Per result a class and ten logits of two bytes for 899 images: 19,778. Five stages, five results.
    assert estimate.predictions("digits") == 19_778
    assert found["disk"]["all"] == 5 * 150 + 5 * (100 + 19_778)
    assert found["disk"]["checkpoints"] == 8 * 2 * 300


def test_methods_share_the_work_out(tmp_path: Path) -> None:
    found = {each.pop("method"): each for each in make(tmp_path).values()["methods"]}
    assert {name: (each["runs"], each["epochs_per_run"]) for name, each in found.items()} == {
        "dense": (1, 24),
        "magnitude": (2, 8),
        "snip": (2, 24),
    }
    assert found["dense"]["hours"] == pytest.approx((24 * 898 * 0.01 + 7 * 899 * 0.001) / 3600)
    assert sum(each["hours"] for each in found.values()) == pytest.approx(SECONDS / 3600)


def test_what_is_done_is_not_left(tmp_path: Path) -> None:
    one = make(tmp_path)
    dense, *_, snip = one.plan.runs
    for run in (dense, snip):
        factories.write(factories.record(run), tmp_path)
    found = make(tmp_path).values()
    assert (found["runs"], found["done"]) == (5, 2)
    # One of snip's trainings and two results less; the dense training is needed again, since its stage is not there.
    assert found["hours"]["left"] == pytest.approx(
        (SECONDS - 24 * 898 * 0.01 - (6 + 2) * 899 * 0.001) / 3600, rel=1e-12
    )
    assert found["hours"]["all"] == pytest.approx(SECONDS / 3600)
    assert found["disk"]["left"] == 4 * 150 + 3 * (100 + 19_778)


def test_without_a_probe_there_are_no_hours(tmp_path: Path) -> None:
    found = make(tmp_path, probed=False).values()
    assert found["hours"] == {"all": None, "left": None, "clock": None}
    assert [each["hours"] for each in found["methods"]] == [None] * 3
    assert found["disk"]["all"] == 5 * 150 + 5 * (100 + 19_778)
    assert found["rests_on"][0] == estimate.NOT_PROBED


def test_skipped_cells_come_with_their_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import catalog

    monkeypatch.setattr(catalog.method_class("snip"), "skip", lambda self, spec: "it has no gradients")
    found = make(tmp_path).values()
    assert found["cells"] == 5
    assert found["skipped"] == [
        {"cell": f"digits · convnet_small · snip · {point} %", "reason": "it has no gradients"} for point in (90, 95)
    ]
    assert found["runs"] == 3
