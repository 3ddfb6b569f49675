"""Synthetic records: the schema, names and sizes are those of real runs, the numbers are invented and say so.

They fill a results folder as a thousand runs of ResNet-20 under a paper's protocol would (an evaluation after each of
160 epochs, 20 layers), so that what is done with records can be timed without training. Nothing here is a measurement
of a network; every record carries a warning and a fact of provenance that say so.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from bench import catalog
from bench.identity import digest
from bench.plan.grid import Grid, Plan, expand, load
from bench.results import record
from bench.results.record import Cost, Counts, Curve, Layer, Record, Result
from bench.spec import RunSpec

EPOCHS = 160
LABEL = "synthetic: nothing was trained, all numbers are invented"

_WIDTHS = [(3, 16, 32), *[(16, 16, 32)] * 6, (16, 32, 16), *[(32, 32, 16)] * 5, (32, 64, 8), *[(64, 64, 8)] * 5]
LAYERS = {f"conv{i}.weight": (cout, cin, 3, 3, size) for i, (cin, cout, size) in enumerate(_WIDTHS)}
"""ResNet-20's convolutions: (out, in, height, width) of the weight, and the side of the output."""


def grid(folder: Path, seeds: int = 10, **changes: Any) -> Grid:
    """A grid of 100 runs per seed, whose results and reports lie under `folder`."""
    fields: dict[str, Any] = {
        "name": "synthetic",
        "title": "Synthetic records",
        "recipe": "cifar10",
        "datasets": ["cifar10"],
        "architectures": ["resnet20_cifar"],
        "methods": ["random", "random[allocation=erk]", "magnitude", "gmp", "snip", "rigl", "dpf", "set", "synflow"],
        "sparsities": [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99],
        "seeds": list(range(seeds)),
        "results": str(folder / "results"),
        "reports": str(folder / "reports"),
    }
    return load(fields | changes)


def fill(folder: Path, seeds: int = 10) -> tuple[Grid, Plan]:
    """Write a record for each run of `grid`."""
    made = grid(folder, seeds)
    plan = expand(made)
    for spec in plan.runs:
        record.write(invent(spec), Path(made.results) / "runs" / spec.id / "record.json")
    return made, plan


def invent(spec: RunSpec) -> Record:
    """A record of a run that never took place; the same for the same run."""
    draw = random.Random(spec.id)
    return Record(
        id=spec.id,
        spec=spec,
        hyperparameters=catalog.create(spec.method, spec.hyperparameters).hyperparameters,
        outcome="ok",
        warnings=[LABEL],
        results=[_result(point, draw) for point in spec.points or (None,)],
        curves=[_curve(draw)],
        cost=Cost(epochs=EPOCHS, own_epochs=EPOCHS, training_macs=1e15, training_macs_relative=1.0, seconds=3e3),
        provenance=_provenance(spec),
    )


def _result(point: float | None, draw: random.Random) -> Result:
    density = 1 - (point or 0.0)
    layers = [_layer(name, *shape, density=density) for name, shape in LAYERS.items()]
    weights = sum(cout * cin * high * wide for cout, cin, high, wide, _ in LAYERS.values())
    macs = sum(layer.macs_dense for layer in layers)
    counts = Counts(
        target=point,
        prunable_weights=weights,
        prunable_sparsity=1 - density,
        global_sparsity=1 - density,
        parameters=weights,
        parameters_kept=round(weights * density),
        macs_dense=macs,
        macs=macs * density,
        effective_sparsity=1 - density,
        effective_macs=macs * density,
    )
    accuracy = 92 - 6 * (1 - density) ** 8 + draw.gauss(0, 0.2)
    return Result(
        point=point,
        stage="train",
        accuracy=accuracy,
        loss=draw.uniform(0.3, 0.4),
        test_images=10_000,
        best_accuracy=accuracy + 0.1,
        best_epoch=EPOCHS - 1,
        counts=counts,
        layers=layers,
        weights="weights.safetensors",
        weights_sha256=digest(draw.random()),
        predictions="predictions.npz",
    )


def _layer(name: str, cout: int, cin: int, high: int, wide: int, size: int, density: float) -> Layer:
    weights = cout * cin * high * wide
    macs = weights * size * size
    kept = round(weights * density)
    shape = (cout, cin, high, wide)
    return Layer(
        name=name, shape=shape, prunable=True, kept=kept, density=kept / weights, macs_dense=macs, macs=macs * density
    )


def _curve(draw: random.Random) -> Curve:
    def noise() -> list[float]:
        return [draw.random() for _ in range(EPOCHS)]

    steps = [391 * epoch for epoch in range(1, EPOCHS + 1)]
    return Curve(
        stage="train",
        epoch=[float(epoch) for epoch in range(1, EPOCHS + 1)],
        step=steps,
        train_loss=noise(),
        accuracy=[100 * value for value in noise()],
        loss=noise(),
        learning_rate=noise(),
        sparsity=noise(),
        mask_changes=noise(),
        seconds=[0.05 * step for step in steps],
    )


def _provenance(spec: RunSpec) -> dict[str, Any]:
    """As many facts as a real record has, so that as many tags are logged."""
    names = ("reprune", "torch", "torchvision", "timm", "fvcore", "numpy", "safetensors", "pydantic")
    flags = ("deterministic_algorithms", "cudnn_benchmark", "tf32", "precision", "channels_last", "threads", "cuda")
    return {
        "synthetic": True,
        "git": {"commit": digest("synthetic")[:40], "dirty": False},
        "packages": dict.fromkeys(names, "synthetic"),
        "python": "synthetic",
        "platform": "synthetic",
        "cpu": {"model": "synthetic", "cores": 0},
        "device": "cpu",
        "threads": 1,
        "mode": spec.recipe.mode,
        "method_source_sha256": digest(spec.method),
        "data_sha256": digest(spec.dataset),
        "command": spec.command,
        "recipe": spec.recipe_text,
        "determinism": dict.fromkeys(flags, "synthetic"),
    }
