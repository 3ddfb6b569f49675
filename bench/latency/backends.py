"""The ways to run a sparse network that are measured, each made of the network as it was saved, zeros included."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from io import BytesIO
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from bench.counting.thinning import UnthinnableError, thin
from bench.latency.layers import csr_layers, has_two_four, two_four_layer

Call = Callable[[Tensor], Tensor]

SPARSE = 0.5
"""The fraction of zeros from which on a layer is tried as a sparse one."""

PROBES = 9
"""How often each layer is timed to choose how it is computed."""

MARGIN = 0.9
"""A layer counts as faster by CSR if it takes less than this share of the time of the dense one."""


@dataclass(frozen=True)
class Setting:
    """Where and how is measured: torch's names of device and dtype, and the threads of the CPU."""

    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 1

    @property
    def uses_processor_time(self) -> bool:
        """On one thread of a CPU the time of the processor is the latency, whoever else uses the machine."""
        return self.device == "cpu" and self.threads == 1

    def seconds(self, call: Call, images: Tensor) -> float:
        """How long one call takes."""
        self._wait()
        start = self.clock()
        call(images)
        self._wait()
        return self.clock() - start

    def clock(self) -> float:
        """Seconds since some moment."""
        return time.process_time() if self.uses_processor_time else time.perf_counter()

    def _wait(self) -> None:
        if self.device != "cpu":
            torch.cuda.synchronize()


@dataclass(frozen=True)
class Backend:
    """A way to run the network: images (N, C, H, W) to logits, and what should be known about it."""

    name: str
    call: Call
    detail: str = ""


@dataclass(frozen=True)
class Refused:
    """A way that is not measured, and why not."""

    name: str
    reason: str


def sparse_backends(model: nn.Module, images: Tensor, setting: Setting) -> list[Backend | Refused]:
    """Every way but the dense ones, in the order of the table.

    Args:
        model: with its zeros, in evaluation mode, on the setting's device and of its dtype.
        images: a batch, (N, C, H, W); what is fastest depends on its size.
        setting: where is measured.
    """
    builders = (_csr, _two_four, _thinned, _onnx)
    return [found for build in builders for found in build(model, images, setting)]


# --- CSR ----------------------------------------------------------------------------------------------------------


def _csr(model: nn.Module, images: Tensor, setting: Setting) -> Sequence[Backend | Refused]:
    """All sparse layers by CSR, each in the faster way; and only those that are faster so than dense."""
    if setting.device != "cpu" or setting.dtype != "float32":
        return [Refused("csr", "is measured on the CPU in float32")]
    ways = {name: [layer, *csr_layers(layer)] for name, layer in model.named_modules() if _zeros(layer) >= SPARSE}
    ways = {name: each for name, each in ways.items() if len(each) > 1}
    if not ways:
        return [Refused("csr", f"no layer has {SPARSE:.0%} zeros")]
    seconds = _probe(model, ways, images, setting)
    best = {name: min(each[1:], key=seconds.__getitem__) for name, each in ways.items()}
    faster = {name: way for name, way in best.items() if seconds[way] < MARGIN * seconds[ways[name][0]]}
    everywhere = Backend("csr", _with(model, best), f"{len(best)} layers")
    if not faster:
        return [everywhere, Refused("csr where faster", "no layer is faster by CSR than dense")]
    return [everywhere, Backend("csr where faster", _with(model, faster), f"{len(faster)} of {len(best)} layers")]


def _zeros(layer: nn.Module) -> float:
    if not isinstance(layer, nn.Conv2d | nn.Linear):
        return 0.0
    return float((layer.weight == 0).double().mean())


def _with(model: nn.Module, layers: Mapping[str, nn.Module]) -> nn.Module:
    """A copy of a network with other layers in it."""
    copy = deepcopy(model)
    for name, layer in layers.items():
        copy.set_submodule(name, layer)
    return copy


def _probe(
    model: nn.Module, ways: Mapping[str, Sequence[nn.Module]], images: Tensor, setting: Setting
) -> dict[nn.Module, float]:
    """The median seconds of every way to compute a layer, in the midst of the network: alone it has warm caches."""
    most = max(map(len, ways.values()))
    chosen = [{name: each[number % len(each)] for name, each in ways.items()} for number in range(most)]
    networks = [(_with(model, layers), layers) for layers in chosen]
    found: dict[nn.Module, list[float]] = {}
    for round_ in range(1 + PROBES):
        for network, layers in networks:
            for layer, seconds in _layer_seconds(network, layers.values(), images, setting).items():
                found.setdefault(layer, []).extend([seconds] if round_ else [])  # the first is to warm up
    return {layer: median(seconds) for layer, seconds in found.items()}


def _layer_seconds(
    network: nn.Module, layers: Iterable[nn.Module], images: Tensor, setting: Setting
) -> dict[nn.Module, float]:
    """What each of some layers takes of one pass."""
    found: dict[nn.Module, float] = {}

    def start(layer: nn.Module, _inputs: Any) -> None:
        found[layer] = -setting.clock()

    def stop(layer: nn.Module, _inputs: Any, _output: Any) -> None:
        found[layer] += setting.clock()

    handles = [layer.register_forward_pre_hook(start) for layer in layers]
    handles += [layer.register_forward_hook(stop) for layer in layers]
    network(images)
    for handle in handles:
        handle.remove()
    return found


# --- 2:4 ----------------------------------------------------------------------------------------------------------


def _two_four(model: nn.Module, _images: Tensor, setting: Setting) -> Sequence[Backend | Refused]:
    names = [name for name, layer in model.named_modules() if has_two_four(layer)]
    if not names:
        return [Refused("2:4", "no layer keeps at most 2 of every 4 consecutive weights")]
    if setting.device == "cpu" or torch.cuda.get_device_capability() < (8, 0):
        return [Refused("2:4", "needs a GPU with compute capability 8.0 or newer")]
    if setting.dtype == "float32":
        return [Refused("2:4", "needs --dtype float16 or bfloat16")]
    copy, taken = deepcopy(model), 0
    for name in names:
        try:
            copy.set_submodule(name, two_four_layer(copy.get_submodule(name)))
            taken += 1
        except RuntimeError:  # torch has kernels for multiples of certain sizes only
            continue
    if not taken:
        return [Refused("2:4", "torch has no kernel for layers of these sizes")]
    return [Backend("2:4", copy, f"{taken} of {len(names)} layers")]


# --- thinned, and ONNX Runtime ------------------------------------------------------------------------------------


def _thinned(model: nn.Module, images: Tensor, _setting: Setting) -> Sequence[Backend | Refused]:
    try:
        thinner, removed = thin(model, _shape(images))
    except UnthinnableError as error:
        return [Refused("thinned", str(error))]
    if not removed:
        return [Refused("thinned", "no filter is zero altogether or without a reader")]
    return [Backend("thinned", thinner, f"{removed} filters removed")]


def _onnx(model: nn.Module, images: Tensor, setting: Setting) -> Sequence[Backend | Refused]:
    """The network as it is, which has the runtime's own speed and makes no use of zeros, and the thinned one."""
    if not all(map(find_spec, ("onnx", "onnxruntime"))):
        return [Refused("onnx", "needs ONNX Runtime: pip install -e '.[latency]'")]
    if setting.device != "cpu" or setting.dtype != "float32":
        return [Refused("onnx", "is measured on the CPU in float32")]
    version = f"ONNX Runtime {metadata.version('onnxruntime')}"
    found = [Backend("onnx", _session(model, images, setting), version)]
    for thinned in _thinned(model, images, setting):
        if isinstance(thinned, Backend) and isinstance(thinned.call, nn.Module):
            found.append(Backend("onnx thinned", _session(thinned.call, images, setting), version))
    return found


def _session(model: nn.Module, images: Tensor, setting: Setting) -> Call:
    import onnxruntime

    file = BytesIO()
    with warnings.catch_warnings():
        # The exporter by tracing, which torch calls deprecated: it takes half a second for a ResNet-20 where its
        # successor takes twenty.
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (images,), file, dynamo=False, input_names=["images"])  # type: ignore[arg-type]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = setting.threads, 1
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    return lambda batch: torch.from_numpy(session.run(None, {"images": batch.numpy()})[0])


def _shape(images: Tensor) -> tuple[int, int, int]:
    return images.shape[1], images.shape[2], images.shape[3]
