"""What `reprune plan` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.plan import grid
from bench.plan.grid import Grid
from bench.workflow import plan, probe
from bench.workflow.probe import Sizes, Speed

VALUES: dict[str, Any] = {
    **{"runs": 5, "done": 2, "cells": 5, "skipped": [], "unit": "GPU-hours", "at_once": 2},
    "hours": {"all": 12.4, "left": 7.0, "clock": 3.5},
    "disk": {"all": 65_400_000, "left": 318_472, "checkpoints": 2_500_000_000},
}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grid:
    monkeypatch.setattr(probe, "speed", lambda *_: Speed(training=0.01, evaluation=0.001, images=400))
    monkeypatch.setattr(probe, "sizes", lambda _: Sizes(weights=100_000, state=150_000, checkpoint=300_000))
    fields = {
        **{"title": "Small", "recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"]},
        **{"methods": ["gmp"], "sparsities": [0.5], "seeds": [5], "budget": 0.5, "results": str(tmp_path)},
    }
    return grid.load(fields)


def test_totals() -> None:
    assert plan.totals(VALUES) == [
        "5 runs, 2 of them done; 5 cells",
        "about 12 GPU-hours, 7 to come: 3.5 hours with 2 runs at once",
        "65.4 MB of disk, 318 kB to come; up to 2.5 GB of checkpoints meanwhile",
    ]
    nothing = {"all": 12.4, "left": 0.0, "clock": 0.0}
    assert plan.totals(VALUES | {"hours": nothing})[1] == "about 12 GPU-hours, nothing to come"
    assert len(plan.totals(VALUES | {"hours": dict.fromkeys(nothing)})) == 2


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0.001, "1 minute"),
        (1.4, "84 minutes"),
        (1.6, "1.6 hours"),
        (47, "47 hours"),
        (60, "2 days"),
        (2400, "100 days"),
    ],
)
def test_durations(hours: float, text: str) -> None:
    assert plan.duration(hours) == text


def test_people_see_counts_and_what_they_rest_on(small: Grid, capsys: pytest.CaptureFixture[str]) -> None:
    plan.show(small)
    printed = capsys.readouterr()
    assert printed.out.startswith("Small, scaled down to 0.5 of the recipe's length\n")
    lines = [" ".join(line.split()) for line in printed.out.splitlines()]
    # 1/0.01 and 1/0.001 images a second.
    assert "convnet_small on digits 100 1,000 100 kB 150 kB 300 kB" in lines
    assert any(line.startswith("gmp 1 12 ") for line in lines)
    assert "2 runs; 2 cells" in lines
    assert "400 images of it on" in " ".join(lines)
    assert "seed 5" not in printed.out
    assert printed.err.startswith("measuring")


def test_recipes_are_named_where_one_network_has_several(small: Grid, capsys: pytest.CaptureFixture[str]) -> None:
    other = {"methods": ["gmp"], "recipe": "digits[batch_size=32]"}
    config = grid.load(small.model_dump() | {"overrides": [other]})
    plan.show(config)
    printed = capsys.readouterr().out
    assert "convnet_small on digits, digits " in printed
    assert "digits[batch_size=32]" in printed


def test_runs_are_listed_when_asked_for(small: Grid, capsys: pytest.CaptureFixture[str]) -> None:
    plan.show(small, runs=True, probe=False)
    printed = capsys.readouterr()
    assert printed.out.startswith(
        "digits · convnet_small · dense · seed 5\ndigits · convnet_small · gmp · 50 % · seed 5\n"
    )
    assert printed.err == ""


def test_programs_get_json(small: Grid, capsys: pytest.CaptureFixture[str]) -> None:
    plan.show(small, runs=True, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["run_ids"] == [spec.id for spec in grid.expand(small).runs]
    assert found["networks"][0]["bytes"] == {"weights": 100_000, "state": 150_000, "checkpoint": 300_000}
    assert found["networks"][0]["training_images_per_second"] == pytest.approx(100)
    assert found["hours"]["clock"] <= found["hours"]["left"] == found["hours"]["all"]


def test_skipped_cells_are_said_once_per_reason(
    small: Grid, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench import catalog

    monkeypatch.setattr(catalog.method_class("gmp"), "skip", lambda self, spec: "it may not")
    plan.show(small.model_copy(update={"sparsities": (0.5, 0.9)}), probe=False)
    printed = capsys.readouterr().out
    assert "skipped: digits · convnet_small · gmp · 50 % and 1 more: it may not\n" in printed
    assert "1 run; 3 cells, 2 of them skipped" in printed
