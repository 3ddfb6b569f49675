from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.utils.deterministic

from bench.base.determinism import CUBLAS, LIMITS, autocast, configure
from bench.recipe import Recipe
from bench.recipe.phase import Phase


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch's switches as they were before the test."""
    monkeypatch.delenv(CUBLAS, raising=False)
    deterministic, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    backends = torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    yield
    os.environ.pop(CUBLAS, None)
    torch.use_deterministic_algorithms(deterministic)
    torch.set_num_threads(threads)
    torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = backends


def recipe(**changes: Any) -> Recipe:
    return Recipe(batch_size=8, train=Phase(epochs=1, lr=0.1), **changes)


def test_deterministic_mode() -> None:
    flags = configure(recipe(), threads=1)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    assert not torch.backends.cudnn.benchmark
    assert os.environ[CUBLAS] == flags["cublas_workspace_config"] == ":4096:8"
    assert flags["deterministic_algorithms"] is True
    assert flags["cudnn_benchmark"] is False


def test_an_operation_without_a_deterministic_implementation_is_refused() -> None:
    configure(recipe(), threads=1)
    with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2))


def test_fast_mode_undoes_it() -> None:
    configure(recipe(), threads=1)
    flags = configure(recipe(mode="fast"), threads=1)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.benchmark
    assert flags["deterministic_algorithms"] is False
    assert flags["cudnn_benchmark"] is True


@pytest.mark.parametrize(("precision", "tf32"), [("fp32", False), ("tf32", True), ("bf16", False), ("fp64", False)])
def test_tf32_only_where_the_recipe_says_so(precision: str, tf32: bool) -> None:
    flags = configure(recipe(precision=precision), threads=1)
    assert torch.backends.cuda.matmul.allow_tf32 is tf32
    assert torch.backends.cudnn.allow_tf32 is tf32
    assert flags["tf32"] is tf32
    assert flags["precision"] == precision


def test_the_number_of_threads() -> None:
    assert configure(recipe(), threads=2)["threads"] == 2
    assert torch.get_num_threads() == 2
    configure(recipe(), threads=1)
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("tf32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_autocast_only_for_bf16(precision: str, dtype: torch.dtype) -> None:
    with autocast(recipe(precision=precision), torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_autocast_leaves_double_precision_alone() -> None:
    with autocast(recipe(precision="fp64"), torch.device("cpu")):
        assert (torch.ones(2, 2, dtype=torch.float64) @ torch.ones(2, 2, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize(
    ("limits", "capability"),
    [({}, "DEFAULT"), ({"DNNL_MAX_CPU_ISA": "SSE41"}, "DEFAULT, DNNL_MAX_CPU_ISA=SSE41")],
    ids=["torch", "torch and oneDNN"],
)
def test_the_capability_is_what_torch_and_its_libraries_were_limited_to(
    limits: dict[str, str], capability: str
) -> None:
    code = "from bench.base.determinism import cpu_capability; print(cpu_capability())"
    environment = {name: value for name, value in os.environ.items() if name not in LIMITS}
    environment |= {"ATEN_CPU_CAPABILITY": "default"} | limits
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == f"{capability}\n"
