"""What is known of a paper before anything runs: its numbers, what can be judged, what is missing, and the cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.commands.reproducing import choice
from bench.commands.reproducing.shares import Share, made, merged, shares
from bench.commands.reproducing.sought import Paper
from bench.commands.reproducing.wanted import Wanted, wanted
from bench.data.images import file_of
from bench.data.prepare import originals
from bench.errors import UserError
from bench.evidence.findings import RECOMPUTED, REPRODUCTIONS
from bench.evidence.papers import at_hand
from bench.plan.grid import Plan, expand, load
from bench.published import Published, Row
from bench.published.obstacles import Kind, Obstacle
from bench.published.search import hindrances
from bench.recompute import keeping
from bench.recompute.cells import Source
from bench.recompute.files import find
from bench.recompute.records import read_all
from bench.recompute.work import finished, tasks
from bench.workflow import estimate
from bench.workflow.estimate import Estimate
from bench.workflow.progress import relative


@dataclass(frozen=True)
class Places:
    """Where results go and originals lie."""

    results: Path
    data_dir: Path | None

    @property
    def fields(self) -> dict[str, str]:
        """As fields of a grid, those that are not the usual ones."""
        found = {"results": str(self.results)} if self.results != Path("results") else {}
        return found if self.data_dir is None else found | {"data_dir": str(self.data_dir)}


@dataclass(frozen=True)
class Outlook:
    """A paper and what is to be run of it.

    Attributes:
        cells: all that comparable rows ask for.
        shares: the grids that have the chosen ones.
        cost: of these grids, measured here; None if nothing was, or there is nothing to train.
        hours: what was asked for; None for everything.
    """

    paper: Paper
    published: Published
    places: Places
    cells: tuple[Wanted, ...]
    shares: tuple[Share, ...]
    cost: Estimate | None
    hours: float | None

    @cached_property
    def plan(self) -> Plan:
        """The runs of all grids."""
        return merged(share.plan for share in self.shares)

    @property
    def left(self) -> list[Wanted]:
        """Cells that do not fit the hours."""
        chosen = [cell for share in self.shares for cell in share.wanted]
        return [cell for cell in self.cells if cell not in chosen]

    @cached_property
    def apart(self) -> dict[str, list[Obstacle]]:
        """By the ids of the rows that no run is compared with, why."""
        asked = {row.id for cell in self.cells for row in cell.rows}
        return {row.id: why_not(self.published, row) for row in self.paper.rows if row.id not in asked}


def look(paper: Paper, published: Published, places: Places, hours: float | None, probe: bool) -> Outlook:
    """What a paper comes to, in all or in so many hours of this machine. Raises `UserError`."""
    if hours is not None and not hours > 0:
        raise UserError(f"--hours {hours:g} is not above 0.")
    if hours is not None and not probe:
        raise UserError("--hours needs the speed of this machine, so it does not go with --no-probe.")
    cells = wanted(paper, published)
    found = shares(paper, cells, places.fields, whole=hours is None)
    cost = _measured(found) if probe and found else None
    if hours is not None and cost is not None:
        spent = sum(_seconds_kept(source, places) for source in paper.sources) / 3600
        found = shares(paper, _fitting(paper, cells, places, cost, hours - spent), places.fields, whole=False)
        cost = replace(cost, plan=merged(each.plan for each in found))
    return Outlook(paper, published, places, tuple(cells), tuple(found), cost if found else None, hours)


def _measured(found: Sequence[Share]) -> Estimate:
    """What grids take on this machine; the first says with how many threads."""
    return estimate.of(found[0].grid, merged(each.plan for each in found))


def _fitting(paper: Paper, cells: Iterable[Wanted], places: Places, cost: Estimate, hours: float) -> list[Wanted]:
    """The cells that fit so many hours of the clock, all of this machine's cores or cards at work."""
    priced = []
    for cell in cells:
        plan = expand(load(made(paper, cell.setting, [cell])))
        price = choice.price(plan, places.results, lambda pieces: cost.seconds(pieces) / 3600 / cost.at_once)
        priced.append((cell, price))
    return choice.choose(priced, hours)


def why_not(published: Published, row: Row) -> list[Obstacle]:
    """Why no run of ours is compared with a row that no cell was made for."""
    found = hindrances(published, row)
    if not found and not at_hand(row):
        return [Obstacle(Kind.DATASET, f"nobody has registered the images of {row.dataset}")]
    return found or [Obstacle(Kind.EPOCH, "our recipe does not look at it, or the method leaves such a cell out")]


def _seconds_kept(source: Source, places: Places) -> float:
    """What measuring the parts of a source took when their committed records were made, parts done here left out."""
    here, committed = places.results / RECOMPUTED / source.name, REPRODUCTIONS / RECOMPUTED / source.name
    done = {task.name for task in tasks(source) if finished(task, here)}
    records = read_all(committed / keeping.RECORDS) if committed.is_dir() else []
    return sum(record.seconds for record in records if record.part not in done)


def values(found: Outlook) -> dict[str, Any]:
    """Everything as JSON-like values.

    ``hours`` of the ``cost`` is None where nothing was measured; ``gpus`` has the hours of the clock by the names of
    those that were.
    """
    paper, chosen = found.paper, [cell for share in found.shares for cell in share.wanted]
    prospects = [prospect for cell in found.cells for prospect in cell.prospects]
    enough = [each for cell in found.cells for each in cell.prospects if each.decided(len(cell.setting.seeds))]
    return {
        "paper": paper.title,
        "arxiv": paper.arxiv,
        "names": paper.shorts,
        "retrained": {
            "numbers": len(paper.rows),
            "comparable": len(prospects),
            "decidable": len(enough),
            "chosen": sum(len(cell.rows) for cell in chosen),
            "obstacles": dict(Counter(kind for each in found.apart.values() for kind in {one.kind for one in each})),
            "scatter": sorted({each.scatter.basis for each in prospects}),
            "grids": [_grid(share) for share in found.shares],
            "left": [_cell(cell) for cell in found.left],
        },
        "recomputed": [_source(source, found.places) for source in paper.sources],
        "counted": len(paper.counts),
        "missing": _absent(found),
        "cost": _cost(found),
    }


def _grid(share: Share) -> dict[str, Any]:
    return {
        "grid": relative(share.file),
        "made": bool(share.made),
        "runs": len(share.plan.runs),
        "cells": [_cell(cell) for cell in share.wanted],
    }


def _cell(cell: Wanted) -> dict[str, Any]:
    setting = cell.setting
    return {
        "dataset": setting.dataset,
        "architecture": setting.architecture,
        "method": cell.method,
        "points": list(cell.points),
        "recipes": list(setting.recipes),
        "seeds": list(setting.seeds),
        "rows": [row.id for row in cell.rows],
        "power": round(cell.power, 3),
    }


def _source(source: Source, places: Places) -> dict[str, Any]:
    return {
        "source": source.name,
        "cells": len(source.cells),
        "files": len(source.facts.files),
        "missing": find(source.facts, places.data_dir).missing,
        "seconds": round(_seconds_kept(source, places), 1),
    }


def _absent(found: Outlook) -> list[str]:
    """A sentence for each data set that is not on this machine; files of networks stand with their sources."""
    sentences = []
    for name in dict.fromkeys(cell.setting.dataset for cell in found.cells):
        folder = originals(name, found.places.data_dir)
        if folder and not folder.is_dir() and not file_of(name, found.places.results / "data").exists():
            sentences.append(f"data set {name}: its originals are not in {folder}")
    return sentences


def _cost(found: Outlook) -> dict[str, Any]:
    cost, plan = found.cost, found.plan
    told = {"runs": len(plan.runs), "multiply_adds": choice.multiply_adds(plan, found.places.results)}
    if cost is None:
        return told | {"hours": None, "gpus": {}}
    measured = cost.values()
    clock = measured["hours"]["clock"]
    gpus = {cost.hardware: clock} if cost.device == "cuda" else {}
    kept = ("done", "device", "at_once", "unit", "hours", "disk", "rests_on")
    return told | {name: measured[name] for name in kept} | {"hardware": cost.hardware, "gpus": gpus}
