"""What a record says of the process that made it."""

from __future__ import annotations

from typing import Any

from bench import catalog
from bench.base.malloc import peak
from bench.spec import RunSpec


def peak_memory(device: str) -> int:
    """Bytes: of the device's allocator on a GPU, of the process on the CPU."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    return peak()


def origins(collect: Any, spec: RunSpec, threads: int, device: str) -> dict[str, Any]:
    """Code, packages and hardware of a run, and its command; `collect` is `bench.results.provenance.collect`."""
    from bench import data
    from bench.base import determinism

    facts: dict[str, Any] = collect(
        threads=threads,
        mode=spec.recipe.mode,
        device=device,
        cpu_capability=determinism.cpu_capability(),
        method_source_sha256=catalog.source_digest(spec.method),
        data_sha256=data.info(spec.dataset).sha256,
    )
    return facts | {"command": spec.command, "recipe": spec.recipe_text}
