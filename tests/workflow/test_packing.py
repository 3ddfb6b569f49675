from __future__ import annotations

from pathlib import Path

import pytest

from bench.base import devices
from bench.errors import UserError
from bench.plan import grid
from bench.workflow import packing
from bench.workflow.packing import Packing

ROOT = Path(__file__).parents[2]
VALUES = {
    "recipe": "digits",
    "datasets": ["digits"],
    "architectures": ["convnet_small"],
    "methods": ["dense"],
    "seeds": [0],
    "slots_per_gpu": "auto",
}


@pytest.mark.parametrize(
    ("rates", "memory", "slots"),
    [
        ({1: 100, 2: 190, 4: 300, 8: 320}, 0.01, 4),  # 8 bring 7 % more
        ({1: 100, 2: 105}, 0.01, 1),
        ({1: 100, 2: 200, 4: 400, 8: 800}, 0.2, 4),  # 8 would take 160 % of the memory
        ({1: 100, 2: 200, 4: 400}, 0.25, 2),  # 4 would fill the card
        ({1: 100, 2: 200, 4: 190, 8: 800}, 0.01, 2),
        ({1: 100}, 0.0, 1),
        ({}, 0.0, 1),
    ],
)
def test_doubled_as_long_as_it_pays_and_fits(rates: dict[int, float], memory: float, slots: int) -> None:
    assert Packing(rates, memory).slots == slots


def opened(tmp_path: Path, **changes: object) -> tuple[grid.Grid, grid.Plan]:
    found = grid.load(VALUES | {"results": str(tmp_path)} | changes)
    return found, grid.expand(found)


def test_a_number_is_taken_as_it_is(tmp_path: Path) -> None:
    assert packing.slots_per_gpu(*opened(tmp_path, slots_per_gpu=3)) == 3


@pytest.mark.parametrize("value", [0, -1, 1.5, "many", True])
def test_anything_else_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(UserError, match="neither a whole number above 0 nor 'auto'"):
        opened(tmp_path, slots_per_gpu=value)


def test_without_a_gpu_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert packing.slots_per_gpu(*opened(tmp_path)) == 1


def test_the_most_crowded_network_decides_and_nothing_is_measured_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRUNE_GPUS", "fake")
    found = {"convnet_small": Packing({1: 1.0, 2: 2.0, 4: 4.0}), "resnet8_cifar": Packing({1: 1.0, 2: 2.0, 4: 2.0})}
    asked: list[str] = []

    def measured(spec: packing.RunSpec, threads: int) -> Packing:
        asked.append(spec.architecture)
        return found[spec.architecture]

    monkeypatch.setattr(packing, "measured", measured)
    arguments = opened(
        tmp_path, architectures=["convnet_small", "resnet8_cifar"], methods=["dense", "random"], sparsities=[0.9]
    )
    assert packing.slots_per_gpu(*arguments, measure=False) == 1
    for _ in range(2):
        assert packing.slots_per_gpu(*arguments) == 2
    assert asked == ["convnet_small", "resnet8_cifar"]
    assert packing.slots_per_gpu(*arguments, measure=False) == 2


def test_memory_is_what_nvidia_smi_says_of_the_card_in_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\n[ "$1" = -L ] && exit 0\n[ "$4" = GPU-b ] && echo "1024, 143771"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-b")
    assert packing._memory() == (1024, 143771)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert packing._memory() == (0, 0)


@pytest.mark.long
def test_copies_are_really_trained_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRUNE_GPUS", "fake")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    spec = opened(tmp_path)[1].runs[0]
    found = packing.measured(spec, seconds=0.2, most=2, worthwhile=False)
    assert list(found.rates) == [1, 2]
    assert all(rate > 0 for rate in found.rates.values())
    assert devices._free_slots("fake", 1, Path(f"/tmp/reprune-{devices.os.getuid()}")), "the slot was given back"


def test_a_copy_that_fails_ends_the_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRUNE_GPUS", "fake")
    monkeypatch.setattr(packing.sys, "executable", "/bin/false")
    assert packing.measured(opened(tmp_path)[1].runs[0]) == Packing({})
