"""One line per cell: what the seeds of a cell say together."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.published import margins
from bench.report.per_input import is_target
from bench.results import diagnostics
from bench.results.measurements import key
from bench.statistics import interval, summarise
from bench.statistics.standing import Place, Standing, standings

if TYPE_CHECKING:
    from bench.plan.grid import Cell, Plan
    from bench.spec import RunSpec

FEWEST = 3
"""Seeds below which nothing is set in bold and nothing is marked."""

MEANS = (
    "best_accuracy",
    "loss",
    "test_images",
    "prunable_sparsity",
    "global_sparsity",
    "effective_sparsity",
    "parameters",
    "macs_dense",
    "epochs",
    "training_macs_relative",
    "mask_updates",
    "empty_layers",
    "seconds",
    "peak_memory",
    *diagnostics.PER_INPUT,
    *diagnostics.NESTED,
)
"""Columns of `bench.results.measurements` that are averaged over seeds as they are."""


def cells(plan: Plan, table: pd.DataFrame) -> pd.DataFrame:
    """The cells of a plan, in its order.

    Columns:
        dataset, architecture, method, point, prunable, recipe, budget: which cell.
        expected, n: seeds planned, and those whose run ended well; only these count in what follows.
        mean, std, low, high: accuracy in %, its sample standard deviation and 95 % t-interval.
        drop: from the mean of our own dense network, in points.
        parameters_kept, macs_kept, effective_macs_kept: fractions of the dense network's.
        epochs_relative: passes over the data, parents included, as a multiple of the dense training's.
        best: whether it is the highest mean of its column.
        standing, seeds_to_tell: of the others, seen from it (`bench.statistics.standing`): within the margin, worse or
            open, and how many seeds would tell.
        failures: what went wrong, a line per outcome and reason; empty if nothing did.
        and `MEANS`.
    """
    specs = {spec.id: spec for spec in plan.runs}
    default = plan.runs[0] if plan.runs else None
    lines = [_line(cell, _of(table, cell), specs.get(cell.runs[0][1]) if cell.runs else default) for cell in plan.cells]
    frame = pd.DataFrame(lines)
    if frame.empty:
        return frame
    dense = {(line["dataset"], line["architecture"]): line for line in lines if line["method"] == "dense"}
    baselines = [dense.get((line["dataset"], line["architecture"]), {}) for line in lines]
    frame["drop"] = [base.get("mean", math.nan) - line["mean"] for base, line in zip(baselines, lines, strict=True)]
    frame["epochs_relative"] = [
        line["epochs"] / base["epochs"] if base.get("epochs") else math.nan
        for base, line in zip(baselines, lines, strict=True)
    ]
    frame["best"], places = _marks(plan, table, lines)
    frame["standing"] = [each.place if each else "" for each in places]
    frame["seeds_to_tell"] = [each.seeds if each and each.seeds else math.nan for each in places]
    return frame


def accuracies(table: pd.DataFrame, cell: Cell) -> list[float]:
    """The accuracies of a cell's runs that ended well, by seed."""
    chosen = _of(table, cell)
    return [float(value) for value in chosen.loc[chosen["outcome"] == "ok", "accuracy"].dropna()]


def _of(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    return table[table["key"].isin({key(run, cell.point) for _, run in cell.runs})]


def _line(cell: Cell, runs: pd.DataFrame, spec: RunSpec | None) -> dict[str, Any]:
    good = runs[runs["outcome"] == "ok"]
    values = [float(value) for value in good["accuracy"].dropna()]
    low, high = interval(values)
    n, mean, std = summarise(values)
    line: dict[str, Any] = {
        "dataset": cell.dataset,
        "architecture": cell.architecture,
        "method": cell.method,
        "point": math.nan if cell.point is None else cell.point,
        "prunable": spec.prunable if spec else "",
        "recipe": spec.recipe_text if spec else "",
        "budget": spec.budget if spec else math.nan,
        "expected": len(cell.runs),
        **{"n": n, "mean": mean, "std": std, "low": low, "high": high},
        "parameters_kept": (good["parameters_kept"] / good["parameters"]).mean(),
        "macs_kept": (good["macs"] / good["macs_dense"]).mean(),
        "effective_macs_kept": (good["effective_macs"] / good["macs_dense"]).mean(),
        "failures": f"skipped: {cell.skipped}" if cell.skipped else _failures(runs),
        "warnings": "; ".join(sorted({text for text in good["warnings"] if text})),
    }
    return line | {name: good[name].mean() for name in MEANS}


def _failures(runs: pd.DataFrame) -> str:
    """``diverged: the loss is NaN (seeds 0, 2)``, a line each."""
    seeds: dict[str, list[str]] = defaultdict(list)
    for outcome, reason, seed in zip(runs["outcome"], runs["reason"], runs["seed"], strict=True):
        if outcome != "ok":
            seeds[f"{outcome}: {reason}" if reason else outcome].append(str(seed))
    return "\n".join(f"{what} (seed{'s' * (len(which) > 1)} {', '.join(which)})" for what, which in seeds.items())


def _marks(plan: Plan, table: pd.DataFrame, lines: list[dict[str, Any]]) -> tuple[list[bool], list[Standing | None]]:
    """Which cells are best in their column, and where the others stand, seen from the best; None without a column.

    A column is a point within a data set, an architecture, a recipe and a prunable set. It has no marks if its highest
    mean rests on fewer than `FEWEST` seeds or has no rival that does not; rivals with fewer are open. Points that are
    no sparsities (filters chosen per input, thresholds that are learned) are no column: what they cost is an outcome.
    """
    columns: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for index, line in enumerate(lines):
        if line["n"] and not math.isnan(line["point"]) and is_target(line["method"]):
            same = tuple(line[name] for name in ("dataset", "architecture", "recipe", "prunable", "point"))
            columns[same].append(index)
    best: list[bool] = [False] * len(lines)
    places: list[Standing | None] = [None] * len(lines)
    for column in columns.values():
        top = max(column, key=lambda index: float(lines[index]["mean"]))
        rivals = [index for index in column if index != top and lines[index]["n"] >= FEWEST]
        if lines[top]["n"] < FEWEST or not rivals:
            continue
        best[top] = True
        for index in column:
            places[index] = None if index == top else Standing(Place.OPEN, FEWEST)
        values = [accuracies(table, plan.cells[rival]) for rival in rivals]
        delta = margins.margin(lines[top]["dataset"], lines[top]["architecture"], lines[top]["point"])
        for rival, found in zip(rivals, standings(accuracies(table, plan.cells[top]), values, delta), strict=True):
            places[rival] = found
    return best, places
