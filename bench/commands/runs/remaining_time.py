"""How long the rest of a grid takes, if it goes on at the pace of its finished runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench.base.grouping import grouped
from bench.commands.runs.activity import Activity
from bench.plan.grid import Plan
from bench.results import record
from bench.workflow import workload

HOW = (
    "{epochs:.0f} epochs at the median pace of {runs} finished run{plural} of the same network and recipe, those of "
    "the same method where there are any, {at_once} at a time{why}; evaluation and starting jobs come on top"
)


def left(plan: Plan, results: Path, runs: Mapping[str, Activity]) -> dict[str, Any]:
    """Seconds until all runs are done, None if nothing tells, and how they were estimated.

    The work to be done is counted as `bench.workflow.workload` does, stages that runs share once; what running stages
    have done already, as their logs tell, is taken off. A finished run's pace is its seconds of training per epoch of
    its own.
    """
    undone = [run for run in runs.values() if run.state != "done"]
    if not undone:
        return {"seconds": 0.0, "how": "nothing to do"}
    done = {run for run, each in runs.items() if each.state == "done"}
    pieces = [piece for piece in workload.pieces(plan, results, done) if not piece.done and piece.epochs]
    by_method, by_network = _paces(plan, results, done)
    missing = {piece.network for piece in pieces} - by_network.keys()
    if missing:
        dataset, architecture, recipe = sorted(missing)[0]
        return {"seconds": None, "how": f"no run of {architecture} on {dataset} under recipe {recipe} is finished"}
    paces = [median(by_method.get((p.network, p.method)) or by_network[p.network]) for p in pieces]
    seconds = sum(piece.epochs * each for piece, each in zip(pieces, paces, strict=True))
    specs = {spec.id: spec for spec in plan.runs}
    for run in undone:
        network = workload.network(specs[run.run])
        if run.epoch is not None and network in by_network:
            seconds -= run.epoch * median(by_network[network])
    running = sum(run.state == "running" for run in undone)
    at_once = min(running or os.cpu_count() or 1, len(undone))
    finished = sum(map(len, by_network.values()))
    how = HOW.format(
        epochs=sum(piece.epochs for piece in pieces),
        runs=finished,
        plural="s" * (finished != 1),
        at_once=at_once,
        why=" as now" if running else ", as many as there are cores",
    )
    return {"seconds": max(0.0, seconds) / at_once, "how": how}


Paces = dict[Any, list[float]]


def _paces(plan: Plan, results: Path, done: set[str]) -> tuple[Paces, Paces]:
    """Seconds per epoch of finished runs, by (network, method) and by network."""
    rows = {run: cell.method for cell in plan.cells for _, run in cell.runs}
    specs = [spec for spec in plan.runs if spec.id in done]
    found = [(spec, record.readable(results / "runs" / spec.id / "record.json")) for spec in specs]
    costs = [(spec, each.cost) for spec, each in found if each and each.cost.own_epochs and each.cost.seconds]
    paces = [(workload.network(spec), rows[spec.id], cost.seconds / cost.own_epochs) for spec, cost in costs]
    by_method = grouped(((network, method), pace) for network, method, pace in paces)
    return by_method, grouped((network, pace) for network, _, pace in paces)
