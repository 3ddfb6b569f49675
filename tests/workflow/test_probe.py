"""A real measurement on the smallest networks; nothing here depends on how fast the machine is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.plan import grid
from bench.plan.lineage import identities
from bench.spec import RunSpec
from bench.training import run
from bench.workflow import probe

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def dense(results: Path, **changes: Any) -> RunSpec:
    fields: dict[str, Any] = {
        **{"recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"], "methods": ["dense"]},
        **{"seeds": [0], "budget": 0.01, "results": str(results)},
    }
    return grid.expand(grid.load(fields | changes)).runs[0]


@pytest.fixture(autouse=True)
def _as_it_was() -> Any:
    """What `bench.base.determinism.configure` sets is set for the whole process."""
    strict, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(strict)
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    "recipe", ["digits", "digits[data.validation=98,data.drop_last=true,scoring.balanced=true,batch_size=70]"]
)
def test_a_network_is_measured_and_nothing_is_written(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the recipe's own length does not matter, nor is there any data
    found = probe.speed(dense(tmp_path, recipe=recipe), DEVICE, 1, seconds=0.01)
    assert found.images > 0
    assert found.training > 0 and found.evaluation > 0
    assert list(tmp_path.iterdir()) == []


def test_a_probe_ends_before_its_epoch(tmp_path: Path) -> None:
    found = probe.speed(dense(tmp_path), DEVICE, 1, seconds=1e9)
    # Batches of 64, a warm-up of one or of eight steps.
    assert found.images == (probe.LONGEST - (8 if DEVICE == "cuda" else 1)) * 64


def test_trained_weights_are_not_needed(tmp_path: Path) -> None:
    spec = dense(tmp_path)
    start = spec.recipe.initialisation.model_copy(update={"file": "none.pt", "sha256": "0" * 64})
    spec = spec.model_copy(update={"recipe": spec.recipe.model_copy(update={"initialisation": start})})
    # No time at all: one step, on the CPU of the smallest batch.
    assert probe.speed(spec, DEVICE, 1, seconds=0.0).images == (64 if DEVICE == "cuda" else probe.SMALLEST)


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    from bench import data

    data.prepare("digits", tmp_path / "data")
    spec = dense(tmp_path)
    run.execute(spec, tmp_path)
    found = probe.sizes(spec)
    (stage,) = identities(spec).values()
    weights = tmp_path / "runs" / spec.id / "weights.safetensors"
    final = tmp_path / "stages" / stage[:32] / "final.pt"
    # The header of the one, the curves in the other.
    assert found.weights == pytest.approx(weights.stat().st_size, rel=0.01)
    assert found.state == pytest.approx(final.stat().st_size, rel=0.03)
    # Stochastic gradient descent remembers one number per parameter, Adam two.
    parameters = found.checkpoint - found.state
    assert parameters == pytest.approx(4 * 73_000, rel=0.1)
    adam = spec.recipe.optimizer.model_copy(update={"name": "adamw"})
    adamw = spec.model_copy(update={"recipe": spec.recipe.model_copy(update={"optimizer": adam})})
    assert probe.sizes(adamw).checkpoint - found.state == pytest.approx(2 * parameters, rel=0.02)
