"""Measured speed-ups in a grid's tables, beside the theoretical multiply-adds. Needs no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import TYPE_CHECKING

from bench import latency
from bench.base.grouping import grouped
from bench.base.spelling import Spelling
from bench.errors import UserError
from bench.latency import Machine, Timing
from bench.report.layout import Block, Number, Text, Value, share, target

if TYPE_CHECKING:
    from bench.plan.grid import CellKey, Network, Plan
    from bench.report.cell import CellResult
    from bench.results.measurements import Source


@dataclass
class Speeds:
    """What was measured of a plan's runs.

    Attributes:
        timings: by cell and machine, of all seeds together.
        notes: what was measured and is not shown.
    """

    timings: dict[CellKey, dict[Machine, list[Timing]]] = field(default_factory=lambda: defaultdict(dict))
    notes: dict[Network, list[str]] = field(default_factory=lambda: defaultdict(list))


def read(plan: Plan, records: Mapping[str, Source]) -> Speeds:
    """Read the measurements beside the records of a plan."""
    found = Speeds()
    for cell in plan.cells:
        notes = found.notes[cell.network]
        for _, run in cell.runs:
            source = records.get(run)
            result = source.record.result(cell.point) if source else None
            if source is None or result is None:
                continue
            try:
                measured = latency.read(latency.beside(source.path))
            except UserError as error:
                notes.append(f"Not shown: {error}")
                continue
            if measured is None:
                continue
            network = measured.network(result)
            if network is None:
                notes.append(f"Not shown: the latency of run {run} is that of other weights; measure it again.")
                continue
            found.timings[cell.key].setdefault(measured.machine, []).extend(network.timings)
    return found


def blocks(results: Sequence[CellResult], speeds: Speeds) -> list[Block]:
    """A table for each machine that measured some of these cells.

    Args:
        results: from `bench.report.summary.cells`, all of one network.
        speeds: from `read`.
    """
    of_cells = ((each, speeds.timings.get(each.cell.key, {})) for each in results)
    found = grouped((machine, (each, timings)) for each, of_cell in of_cells for machine, timings in of_cell.items())
    spelling = Spelling.of(each.point for each in results)
    return [_block(machine, measured, spelling) for machine, measured in found.items()]


def _block(machine: Machine, measured: Sequence[tuple[CellResult, list[Timing]]], spelling: Spelling) -> Block:
    ways = list(dict.fromkeys(each.backend for _, timings in measured for each in timings if each.backend != "dense"))
    rows = []
    for result, timings in measured:
        for batch in sorted({each.batch for each in timings}):
            by_way = [_speedup(each for each in timings if (each.backend, each.batch) == (way, batch)) for way in ways]
            shares = [share(result.means.macs_kept), share(result.means.effective_macs_kept)]
            size = Number(batch, form="{:g}".format)
            values = (target(result.point, spelling), *shares, size, *by_way)
            rows.append((result.named, *map(Text, values)))
    head = ("Method", "Target", "MACs kept (theoretical)", "Effective MACs kept (theoretical)", "Batch", *ways)
    return Block(f"Measured speed-up over dense ({machine.describe()})", head, tuple(rows), terminal=True)


def _speedup(timings: Iterable[Timing]) -> Value:
    """The mean over seeds; below 1 is slower."""
    found = [each.speedup for each in timings]
    return Number(mean(found), unit="×") if found else "–"
