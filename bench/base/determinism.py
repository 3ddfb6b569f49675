"""Switches of torch that decide whether the same run gives the same bits again, and in which precision it computes."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from bench.recipe import Recipe

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"

LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
"""Environment variables that keep oneDNN and MKL from some of the processor's instructions."""


def configure(recipe: Recipe, threads: int) -> dict[str, Any]:
    """Set torch up for a recipe; to be called before CUDA is used.

    ``deterministic`` mode lets torch refuse operations that have no deterministic implementation, and choose
    cuDNN's algorithms by rule instead of by timing. Both modes seed the same way. TF32 is used only under precision
    ``tf32``, against torch's default for convolutions. The number of threads changes sums in their last bits, so
    it is set explicitly.

    Returns:
        The flags and the versions of CUDA and cuDNN (None on the CPU), for the record.
    """
    import torch
    import torch.utils.deterministic

    strict, tf32 = recipe.mode == "deterministic", recipe.precision == "tf32"
    if strict:
        os.environ[CUBLAS] = ":4096:8"  # cuBLAS reads it when CUDA starts; without it torch refuses matrix products
    torch.use_deterministic_algorithms(strict)
    # Filling every new tensor with NaN would only serve to find code that reads uninitialised memory; it costs time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not strict
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.set_num_threads(threads)
    return {
        "deterministic_algorithms": strict,
        "cudnn_benchmark": not strict,
        "tf32": tf32,
        "precision": recipe.precision,
        "channels_last": recipe.channels_last,
        "cublas_workspace_config": os.environ.get(CUBLAS),
        "threads": threads,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


def cpu_capability() -> str:
    """Which of the processor's instructions are used: ``AVX512``, ``AVX2``, ``DEFAULT``; others round otherwise.

    It is that of torch's own kernels, which the environment variable ``ATEN_CPU_CAPABILITY`` may lower. Limits on the
    libraries that torch calls stand behind it: ``AVX512, DNNL_MAX_CPU_ISA=AVX2``.
    """
    import torch

    limits = [f"{name}={os.environ[name]}" for name in LIMITS if name in os.environ]
    return ", ".join([torch.backends.cpu.get_cpu_capability(), *limits])


def autocast(recipe: Recipe, device: torch.device) -> AbstractContextManager[Any]:
    """The context of forward passes: bfloat16 autocast under precision ``bf16``, nothing otherwise."""
    import torch

    if recipe.precision != "bf16":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
