"""Measured speed-ups in a grid's tables, beside the theoretical multiply-adds. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from bench import latency
from bench.latency import Latency, Machine, Timing
from bench.layout import Block, Text, percent

if TYPE_CHECKING:
    from bench.grid import Plan
    from bench.measurements import Source

Measured = Mapping[str, Latency]
"""Measurements by run id."""


def collect(records: Mapping[str, Source]) -> tuple[dict[str, Latency], list[str]]:
    """What lies beside the records, and sentences on what of it is not shown because the weights are others."""
    found, stale = {}, []
    for run, source in records.items():
        measured = latency.read(latency.beside(source.path))
        if measured is None:
            continue
        if measured.is_stale(source.record):
            stale.append(f"run {run} was measured with other weights; `reprune latency {run}` measures it again")
        else:
            found[run] = measured
    return found, stale
