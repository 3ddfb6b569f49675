"""How long networks of a finished run really take: the file ``latency.json`` beside the run's record.

It is no part of the record and not in the tracking store: it is measured later, on any machine, and again whenever one
likes, while a record says once and for all what a training gave. Each network is named by the SHA-256 of its file of
weights, so that a measurement of other weights is noticed. Needs no torch.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import Field

from bench.base.atomic import write_text
from bench.base.schema import Strict, read_json
from bench.results.record import Part, Result

FORMAT = 1

FILE, KEPT = "latency.json", "latency"


class Machine(Strict):
    """Where and with what was measured.

    Attributes:
        device: the processor's or the graphics card's name.
        clock: ``processor time`` on one thread of a CPU, where it is the latency however busy the machine is; else
            ``wall time``.
    """

    device: str
    threads: int
    dtype: str
    torch: str
    clock: str

    def describe(self) -> str:
        """The machine in one line."""
        threads = f", {self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.device}{threads}, {self.dtype}, torch {self.torch}, {self.clock}"


class Timing(Part):
    """One way to run the network, at one batch size.

    Attributes:
        backend: ``dense`` (the architecture with fresh weights), ``masked`` (the saved network as it is), or a way
            that uses the zeros.
        median, lower, upper: milliseconds per batch, with the first and third quartile.
        speedup: median of dense over this median; below 1 is slower.
        difference: largest difference from the logits of ``masked``, in units of the largest logit.
        detail: what else there is to know, "12 of 21 layers" say.
    """

    backend: str
    batch: int
    repetitions: int
    median: float
    lower: float
    upper: float
    speedup: float
    difference: float
    detail: str = ""


class Refusal(Part):
    """A way that was not measured at a batch size, and why not."""

    backend: str
    batch: int
    reason: str


class Network(Part):
    """What was measured of a run's network at one point."""

    point: float | None
    weights_sha256: str
    timings: list[Timing] = Field(default_factory=list)
    refusals: list[Refusal] = Field(default_factory=list)


class Latency(Part):
    """All measurements of one call, on one machine."""

    format: int = FORMAT
    run: str
    machine: Machine
    networks: list[Network]

    def network(self, result: Result) -> Network | None:
        """The measurement of a result's network; None if there is none of these very weights."""
        found = (each for each in self.networks if each.weights_sha256 == result.weights_sha256)
        return next((each for each in found if each.point == result.point), None)


def beside(record: Path) -> Path:
    """Where the measurements of a record's run lie: in the run's folder, or in a kept folder's ``latency/``."""
    return record.with_name(FILE) if record.name == "record.json" else record.parent.parent / KEPT / record.name


def write(latency: Latency, path: Path) -> None:
    """Write the file atomically, as JSON that a person can read."""
    text = json.dumps(latency.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    write_text(path, text)


def read(path: Path) -> Latency | None:
    """Read the file; None if there is none. Raises `UserError` naming file and field if it is something else."""
    return read_json(Latency, path, path.parents[1]) if os.path.lexists(path) else None
