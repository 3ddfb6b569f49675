"""Real runs of some tenths of a second each, shared by the tests of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import data
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.results.record import Record
from bench.spec import RunSpec
from bench.training.run import execute

RECIPE = {
    "batch_size": 64,
    "train": {"epochs": 2, "lr": 0.05},
    "finetune": {"epochs": 1, "lr": 0.05},
    "optimizer": {"momentum": 0.9},
    "initialisation": {"weights": "kaiming_normal"},
}


def spec(method: str = "snip", seed: int = 0, points: tuple[float, ...] = (0.9,)) -> RunSpec:
    """A short run on the digits."""
    return identify(
        RunSpec(
            dataset="digits",
            architecture="convnet_small",
            method=method,
            points=points,
            seed=seed,
            recipe=Recipe.read(RECIPE, "these tests"),
            recipe_text="these tests",
        )
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results with two seeds of snip, and the dense network pruned by magnitude."""
    folder = tmp_path_factory.mktemp("results")
    data.prepare("digits", folder / "data")
    for each in (spec(), spec(seed=1), spec("magnitude")):
        assert execute(each, folder).outcome == "ok"
    return folder


@pytest.fixture
def found(results: Path) -> tuple[Record, Path]:
    """The record of snip's first seed."""
    from bench.results.record import read

    path = results / "runs" / spec().id / "record.json"
    return read(path), path
