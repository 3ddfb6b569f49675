"""``pytest benchmarks/`` measures: benchmarks enabled, everything in one process, on one thread, as a job is set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from bench.base import determinism
from bench.base.malloc import keep_freed_memory
from bench.recipe import load
from benchmarks.ratios import compare


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Undo what pyproject.toml sets for the unit tests: workers that disturb each other, and benchmarks disabled."""
    config.option.numprocesses, config.option.dist, config.option.tx = 0, "no", []
    config.option.benchmark_disable = False


@pytest.fixture(autouse=True)
def like_a_job() -> Iterator[None]:
    """One thread, deterministic mode, freed memory kept; what can be is put back."""
    threads = torch.get_num_threads()
    keep_freed_memory()
    determinism.configure(load("cifar10"), 1)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture
def ratio(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """`benchmarks.ratios.compare` for this test; what it finds is printed at once."""
    if benchmark.disabled:
        pytest.skip("ratios are measured by `pytest benchmarks/`")

    def measure(*arguments: Any, **options: Any) -> None:
        found = compare(benchmark, *arguments, **options)
        with capsys.disabled():
            print(f"\n{found.sentence()}")

    return measure


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Torch's version stands beside the processor in the JSON."""
    machine_info["torch"] = torch.__version__
