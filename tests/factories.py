"""Synthetic plans and records: what the results side is tested on."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from dataclasses import fields
from pathlib import Path
from typing import Any

from bench import names
from bench.plan.grid import Cell, Grid, Plan
from bench.published import Protocol, Row
from bench.published.comparison import Compared
from bench.published.outcomes import Outcome
from bench.published.verdict import Verdict
from bench.recipe import Recipe
from bench.recipe.phase import Phase
from bench.report.cell import CellResult, Ended, Means
from bench.results import record as records
from bench.results.record import Cost, Counts, Curve, Layer, Record, Result
from bench.spec import RunSpec
from bench.statistics import Summary, summarise

UNKNOWN = summarise([])

RECIPE = Recipe(name="short", batch_size=128, train=Phase(epochs=10, lr=0.1))


def grid(folder: Path, **changes: Any) -> Grid:
    """A grid whose results and reports lie under `folder`."""
    fields: dict[str, Any] = {
        "name": "synthetic",
        "title": "Synthetic",
        "recipe": "cifar10",
        "datasets": ("cifar10",),
        "architectures": ("resnet20_cifar",),
        "methods": ("gmp",),
        "sparsities": (0.9,),
        "seeds": (0, 1, 2),
        "results": str(folder / "results"),
        "reports": str(folder / "reports"),
    }
    return Grid(**(fields | changes))


def spec(method: str = "gmp", point: float | None = 0.9, seed: int = 0, **changes: Any) -> RunSpec:
    """One run of a method such as ``gmp[allocation=global]``; its identity is a hash of its fields."""
    name, hyperparameters = names.parse(method)
    fields: dict[str, Any] = {
        "dataset": "cifar10",
        "architecture": "resnet20_cifar",
        "method": name,
        "hyperparameters": hyperparameters,
        "points": () if point is None else (point,),
        "seed": seed,
        "recipe": RECIPE,
        "recipe_text": "short",
    }
    fields |= changes
    identity = hashlib.sha256(repr(sorted(fields.items())).encode()).hexdigest()
    return RunSpec(**fields, identity=identity)


def result(point: float | None = 0.9, accuracy: float = 91.0, **changes: Any) -> Result:
    """A result whose counts follow from its sparsity, for a network of 1,000 weights and 10,000 MACs."""
    sparsity = point or 0.0
    counts = Counts(
        target=point,
        prunable_weights=1000,
        prunable_sparsity=sparsity,
        global_sparsity=sparsity * 1000 / 1100,
        parameters=1100,
        parameters_kept=round(1100 - 1000 * sparsity),
        macs_dense=10_000,
        macs=10_000 * (1 - sparsity),
        effective_sparsity=sparsity,
        effective_macs=10_000 * (1 - sparsity),
    )
    layer = Layer(
        name="fc.weight",
        shape=(10, 100),
        prunable=True,
        kept=round(1000 * (1 - sparsity)),
        density=1 - sparsity,
        macs_dense=10_000,
        macs=10_000 * (1 - sparsity),
    )
    fields: dict[str, Any] = {
        "point": point,
        "stage": "train",
        "accuracy": accuracy,
        "loss": 0.3,
        "test_images": 10_000,
        "best_accuracy": accuracy + 0.2,
        "best_epoch": 9.0,
        "selected_accuracy": accuracy + 0.1,
        "counts": counts,
        "layers": [layer],
        "weights": "weights.safetensors",
        "weights_sha256": "0" * 64,
        "predictions": "predictions.npz",
    }
    return Result(**(fields | changes))


def record(run: RunSpec, accuracy: float = 91.0, **changes: Any) -> Record:
    """A record with a result at each point of the run, two entries of a curve and some provenance."""
    fields: dict[str, Any] = {
        "id": run.id,
        "spec": run,
        "outcome": "ok",
        "results": [result(point, accuracy) for point in run.points or (None,)],
        "curves": [
            Curve(
                stage="train",
                epoch=[5.0, 10.0],
                step=[50, 100],
                train_loss=[1.0, 0.5],
                accuracy=[accuracy - 10, accuracy],
                loss=[0.9, 0.3],
                learning_rate=[0.1, 0.01],
                sparsity=[0.5, run.points[0] if run.points else 0.0],
                mask_changes=[0.1, 0.0],
                seconds=[1.0, 2.0],
            )
        ],
        "cost": Cost(epochs=10, own_epochs=10, training_macs=3e6, training_macs_relative=1.0, seconds=2.0),
        "provenance": {"git": {"commit": "0123456789abcdef", "dirty": False}, "packages": {"torch": "2.13.0"}},
    }
    return Record(**(fields | changes))


def write(one: Record, results: Path) -> Path:
    """Put a record where its run would."""
    path = results / "runs" / one.id / "record.json"
    records.write(one, path)
    return path


Accuracies = dict[tuple[str, float | None], list[float]]


def plan(accuracies: Accuracies, **changes: Any) -> tuple[Plan, list[Record]]:
    """A plan with a cell per (method, point) and a seed per accuracy, and the records of its runs."""
    runs, cells, made = [], [], []
    for (method, point), values in accuracies.items():
        specs = [spec(method, point, seed, **changes) for seed in range(len(values))]
        runs += specs
        made += [record(run, value) for run, value in zip(specs, values, strict=True)]
        pairs = tuple((run.seed, run.id) for run in specs)
        cells.append(Cell(specs[0].dataset, specs[0].architecture, method, point, pairs))
    return Plan(runs, cells), made


def result_of(method: str = "gmp", point: float | None = 0.9, *accuracies: float, **means: float) -> CellResult:
    """A cell whose runs ended at these accuracies; what `means` does not give of means and diagnostics is NaN."""
    runs = tuple(Ended(seed, f"{method}-s{seed}", "ok", "", one) for seed, one in enumerate(accuracies))
    cell = Cell("cifar10", "resnet20_cifar", method, point, tuple((run.seed, run.run) for run in runs))
    known = {field.name: means.pop(field.name, math.nan) for field in fields(Means)}
    return CellResult(cell, "short", "all", 1.0, runs, Means(**known), defaultdict(lambda: math.nan, means), "")


def compared(row: Row, accuracies: Summary = UNKNOWN, *, anchor: bool = True, **verdict: Any) -> Compared:
    """A published row beside the cell that it is about; `verdict` are its fields, not comparable unless they say so."""
    cell = Cell(row.dataset, row.architecture, row.method, row.sparsity or None)
    judged = Verdict(**({"outcome": Outcome.NOT_COMPARABLE} | verdict))
    protocol = Protocol(recipe="cifar10", prunable="all", report="last", source="here")
    return Compared(cell, spec(row.method, cell.point), row, protocol, judged, anchor, accuracies, math.nan)
