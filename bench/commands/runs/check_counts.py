"""Whether a record's counts follow from its layers, and these from the network: arithmetic, without any weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from bench import data
from bench.commands.runs import networks
from bench.commands.runs.finding import Finding
from bench.errors import UserError
from bench.results.record import Counts, Layer, Record, Result

OTHER_NETWORK = "the code of its network has changed since, so that sizes and multiply-adds were not counted again"


def findings(found: Record, path: Path) -> Iterator[Finding]:
    """What does not add up in a record."""
    several = len(found.results) > 1
    for result in found.results:
        at = f"{found.spec.spelling.name(result.point)}: " if several else ""
        yield from (Finding(path, f"{at}{said}") for said in _sums(result))
        yield from (Finding(path, f"{at}{said}") for said in _images(found, result))
    yield from _against_network(found, path)


def _sums(result: Result) -> Iterator[str]:
    """Layers against each other, and counts against layers."""
    counts, layers = result.counts, result.layers
    for layer in layers:
        yield from _layer(layer)
    prunable = [layer for layer in layers if layer.prunable]
    kept, size = sum(layer.kept for layer in prunable), sum(math.prod(layer.shape) for layer in prunable)
    sums = {
        "prunable_weights": (counts.prunable_weights, size),
        "prunable_sparsity": (counts.prunable_sparsity, 1 - kept / max(1, size)),
        "global_sparsity": (counts.global_sparsity, 1 - counts.parameters_kept / max(1, counts.parameters)),
        "macs_dense": (counts.macs_dense, sum(layer.macs_dense for layer in layers)),
        "macs": (counts.macs, sum(layer.macs for layer in layers)),
    }
    for name, (recorded, computed) in sums.items():
        if not _same(recorded, computed):
            yield f"its {name} is {_shown(recorded)}, and the layers beside it give {_shown(computed)}"
    if sorted(result.empty_layers) != sorted(layer.name for layer in prunable if not layer.kept):
        yield "its empty_layers are not the layers of which nothing is kept"
    yield from _bounds(counts, kept, size)


def _layer(layer: Layer) -> Iterator[str]:
    size = math.prod(layer.shape)
    if layer.prunable and layer.kept > size:
        yield f"'{layer.name}' keeps {layer.kept:,} of {size:,} weights"
    density = layer.kept / max(1, size) if layer.prunable else 1.0
    if not _same(layer.density, density):
        yield f"'{layer.name}' has the density {_shown(layer.density)}, and its counts give {_shown(density)}"
    macs = layer.macs_dense * density
    if not _same(layer.macs, macs):
        yield f"'{layer.name}' has {_shown(layer.macs)} MACs, and its density gives {_shown(macs)}"


def _bounds(counts: Counts, kept: int, size: int) -> Iterator[str]:
    """What cannot be whatever the network: dead paths add zeros, and parameters are at least the prunable weights."""
    if not kept <= counts.parameters_kept <= counts.parameters - (size - kept):
        yield f"it keeps {counts.parameters_kept:,} of {counts.parameters:,} parameters, and {kept:,} prunable weights"
    if counts.active_zeros > size - kept:
        yield f"it has {counts.active_zeros:,} active zeros, and only {size - kept:,} weights are 0"
    effective = counts.effective_sparsity
    if effective is not None and effective < counts.prunable_sparsity - 1e-9:
        yield f"its effective_sparsity {_shown(effective)} is below its prunable_sparsity"
    if counts.effective_macs is not None and counts.effective_macs > counts.macs * (1 + 1e-9):
        yield f"its effective_macs {_shown(counts.effective_macs)} are more than its MACs"


def _images(found: Record, result: Result) -> Iterator[str]:
    """Accuracies are counts of images; losses are those of a run that ended well."""
    try:
        info = data.info(found.spec.dataset)
    except UserError:
        return
    if result.test_images != info.test_images:
        yield f"it tells of {result.test_images:,} test images, and {info.name} has {info.test_images:,}"
    on_test = {"accuracy": result.accuracy, "selected_accuracy": result.selected_accuracy}
    on_test |= {} if found.spec.recipe.data.validation else {"best_accuracy": result.best_accuracy}
    for name, value in on_test.items():
        right = (value or 0.0) * result.test_images / 100
        if abs(right - round(right)) > 1e-6:
            yield f"its {name} {_shown(value)} % is no share of {result.test_images:,} images"
    if found.outcome == "ok" and not 0 <= result.loss < math.inf:
        yield f"its loss is {result.loss}, and it ended well"


def _against_network(found: Record, path: Path) -> Iterator[Finding]:
    """Sizes and multiply-adds against those of the network that the code builds."""
    if not found.results:
        return
    try:
        network = networks.of(found.spec.architecture, found.spec.dataset)
    except UserError as error:
        yield Finding(path, f"its network was not counted again: {error}", harmless=True)
        return
    if network is None:
        yield Finding(path, OTHER_NETWORK, harmless=True)
        return
    total = sum(network.parameters.values())
    for result in found.results:
        if result.counts.parameters != total:
            yield Finding(path, f"it has {result.counts.parameters:,} parameters, and its network has {total:,}")
        if {layer.name for layer in result.layers} != set(network.macs):
            yield Finding(path, "its layers are not those of its network")
            continue
        for layer in result.layers:
            size = network.parameters.get(layer.name)
            if layer.macs_dense != network.macs[layer.name]:
                counted = f"{layer.macs_dense:,} dense MACs, and the network gives {network.macs[layer.name]:,}"
                yield Finding(path, f"'{layer.name}' has {counted}")
            if size is not None and math.prod(layer.shape) != size:
                yield Finding(path, f"'{layer.name}' has {math.prod(layer.shape):,} weights, and the network {size:,}")


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def _shown(value: float | None) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.8g}"
