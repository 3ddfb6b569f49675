"""A stand-in for CUDA graphs that runs anywhere: the same kernels on the same memory again, and no Python.

As a graph does, it records without leaving a trace, bakes numbers in, and refuses to hand a value to the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Call = tuple[Any, tuple[Any, ...], dict[str, Any], list[torch.Tensor]]


def _tensors(values: Any) -> list[torch.Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, torch.Tensor)]


def _memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class _Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.made: set[int] = set()
        self.before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("the step asks for the value of a tensor, for which a GPU would have to be waited for")
        for tensor in _tensors((args, kwargs)):
            if _memory(tensor) not in self.made and _memory(tensor) not in self.before:
                self.before[_memory(tensor)] = (tensor.untyped_storage(), tensor.untyped_storage().clone())
        out = func(*args, **(kwargs or {}))
        self.made |= {_memory(tensor) for tensor in _tensors(out)} - set(self.before)
        self.calls.append((func, args, kwargs or {}, _tensors(out)))
        return out


def tape(work: Callable[[], None]) -> Callable[[], None]:
    """Record `work` as `bench.training.capture.cuda_graph` does."""
    recorder = _Tape()
    with torch.random.fork_rng(devices=[]), recorder:
        work()
    for storage, content in recorder.before.values():
        storage.copy_(content)

    def replay() -> None:
        with torch.no_grad():
            for func, args, kwargs, outputs in recorder.calls:
                read = {_memory(tensor) for tensor in _tensors((args, kwargs))}
                for place, value in zip(outputs, _tensors(func(*args, **kwargs)), strict=True):
                    if _memory(place) not in read:  # neither a view of what was read nor the result of work in place
                        place.copy_(value)

    return replay
