"""How fast sparse networks really are on this machine: ``python -m benchmarks.sparse_inference`` prints a table.

Random masks and random filters on real architectures: latency depends on where zeros are, not on what was learned.
`reprune latency RUN` measures a trained network in the same way.
"""

from __future__ import annotations

import torch
from torch import nn

from bench import archs
from bench.counting.flops import dense_macs
from bench.counting.graph import companions
from bench.counting.thinning import thin
from bench.latency import Timing
from bench.latency.backends import Setting
from bench.latency.timing import REPETITIONS, compare, machine
from bench.recipe.prunable import layer_weights

SHAPE = (3, 32, 32)

WAYS = ("masked", "csr", "csr where faster", "thinned", "onnx", "onnx thinned")

NETWORKS = (
    *(("resnet20_cifar", "weights", sparsity, (1, 64)) for sparsity in (0.9, 0.95, 0.98, 0.99)),
    *(("resnet20_cifar", "filters", sparsity, (1, 64)) for sparsity in (0.5, 0.75)),
    *(("vgg16_bn_cifar", "weights", sparsity, (1, 8)) for sparsity in (0.95, 0.99)),
    ("vgg16_bn_cifar", "filters", 0.5, (1, 8)),
)
"""Architecture, what is removed, how much of it in every layer, and batch sizes."""


def fresh(architecture: str) -> nn.Module:
    """The architecture with random weights, the same each time."""
    torch.manual_seed(0)
    return archs.create(architecture, 10, SHAPE[0], SHAPE[1]).eval()


@torch.no_grad()
def pruned(architecture: str, unit: str, sparsity: float) -> nn.Module:
    """The same with a random part gone: weights, or filters with what belongs to them (not of the classifier)."""
    model = fresh(architecture)
    weights = {
        name: weight for name, weight in layer_weights(model).items() if unit == "weights" or name != "fc.weight"
    }
    if unit == "weights":
        for weight in weights.values():
            weight.mul_(torch.rand_like(weight) >= sparsity)
        return model
    belongs = companions(model, list(weights), torch.zeros(1, *SHAPE))
    for name, weight in weights.items():
        gone = torch.randperm(len(weight))[: round(sparsity * len(weight))]
        for parameter in (name, *(other for other, of in belongs.items() if of == name)):
            model.get_parameter(parameter)[gone] = 0
    return model


def macs_kept(model: nn.Module, unit: str) -> float:
    """The theoretical share of multiply-adds: of weights that are not zero, or of the network that is thinned."""
    dense = dense_macs(model, SHAPE)
    if unit == "filters":
        return sum(dense_macs(thin(model, SHAPE)[0], SHAPE).values()) / sum(dense.values())
    weights = layer_weights(model)
    return sum(macs * float((weights[name] != 0).double().mean()) for name, macs in dense.items()) / sum(dense.values())


def line(timings: list[Timing], batch: int) -> list[str]:
    """Dense milliseconds with quartiles, and the speed-up of every way; a dash for what was refused."""
    found = {each.backend: each for each in timings if each.batch == batch}
    dense = found["dense"]
    speedups = [f"{found[way].speedup:.2f}" if way in found else "–" for way in WAYS]
    return [str(batch), f"{dense.median:.2f} ({dense.lower:.2f}–{dense.upper:.2f})", *speedups]


def main() -> None:
    """Measure all `NETWORKS` and print the table."""
    setting = Setting()
    print(f"{machine(setting).describe()}; medians of {REPETITIONS} interleaved rounds; × dense.\n")
    head = ("Network", "Gone, at random", "MACs kept (theoretical)", "Batch", "Dense, ms (quartiles)", *WAYS)
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for architecture, unit, sparsity, batches in NETWORKS:
        sparse = pruned(architecture, unit, sparsity)
        share = f"{100 * macs_kept(sparse, unit):.1f} %"
        timings, _ = compare(fresh(architecture), sparse, SHAPE, batches, setting)
        for batch in batches:
            row = (architecture, f"{100 * sparsity:g} % of {unit}", share, *line(timings, batch))
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
