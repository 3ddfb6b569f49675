"""Whole processes in turn: peak memory of a run, and the loop that most scripts have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.counting import flops
from bench.data import info
from bench.data.prepare import originals, prepare
from benchmarks.process import measure


def test_dense_training_against_the_usual_loop(ratio: Any) -> None:
    """Both on all cores of the machine and by the clock on the wall, for the usual loop has workers."""
    if not (found := originals("cifar10")) or not found.is_dir():
        pytest.skip("needs the files of CIFAR-10, in ./data or where REPRUNE_DATA says")
    root = str(Path(found).parent)
    ratio(
        *("images/s of dense training", lambda: measure("engine")["seconds"]),
        *("torchvision, transforms, DataLoader(2 workers)", lambda: measure("usual", root)["seconds"]),
        target=1.3,
        better="higher",
        rounds=3,
        warm_up=0,
    )


def test_freed_memory_is_kept(ratio: Any) -> None:
    """What `bench.base.malloc.keep_freed_memory` is worth to a step, in CPU time."""
    ratio(
        *("a step with freed memory kept", lambda: measure("engine", threads=1)["cpu"]),
        *("handed back to the system", lambda: measure("engine", "handed back", threads=1)["cpu"]),
        target=None,
        rounds=3,
        warm_up=0,
    )


def test_peak_memory_of_a_run(ratio: Any, tmp_path: Path) -> None:
    """From reading data to the record, against a script that trains and evaluates and does nothing else."""
    if not (found := originals("cifar10")) or not found.is_dir():
        pytest.skip("needs the files of CIFAR-10, in ./data or where REPRUNE_DATA says")
    prepare("cifar10", tmp_path / "data")
    flops.count("resnet20_cifar", info("cifar10"), tmp_path / "archs")  # which is a job of its own
    ratio(
        *("peak memory of a run", lambda: measure("job", str(tmp_path))["bytes"]),
        *("of the barest loop", lambda: measure("bare")["bytes"]),
        target=1.2,
        rounds=1,
        warm_up=0,
    )
