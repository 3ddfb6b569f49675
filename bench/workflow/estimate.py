"""How long a grid will take and how much disk, from what its networks do in a second and what there is to do.

Time is measured speed (`bench.workflow.probe`) times the images that pass through the networks
(`bench.workflow.workload`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import data
from bench.base import devices
from bench.plan.grid import Cell, Grid, Plan
from bench.workflow import workload
from bench.workflow.workload import Network, Piece

if TYPE_CHECKING:
    from bench.workflow.probe import Sizes, Speed

PROBED = "Time: dense training of each network was measured just now, {images} images of it on {hardware}, {clock}."
COUNTED = (
    "Times the images of all stages, those that runs share counted once, and of all evaluations. Not included: scoring "
    "and mask updates, what a method does in each step beyond dense training, and starting a job's process (seconds)."
)
DECODING = "Decoding photographs is not included either: it keeps up with training where there are enough workers."
NOT_PROBED = "Time: not estimated, since nothing was probed."
DISK = (
    "Disk: exported weights, finished stages, test predictions before compression, and while a run is at work a "
    "checkpoint and the one before. Not included: records (some 15 kB each), logs, the tracking store, the data."
)


@dataclass(frozen=True)
class Estimate:
    """What a grid comes to.

    Attributes:
        device: ``cpu`` or ``cuda``; `hardware` says it for people.
        speeds: of each network; empty if nothing was probed, and then there are no hours.
        sizes: of each network's files.
    """

    grid: Grid
    plan: Plan
    device: str
    speeds: Mapping[Network, Speed]
    sizes: Mapping[Network, Sizes]
    hardware: str = ""

    @cached_property
    def done(self) -> set[str]:
        """Runs that have a record, by id."""
        return workload.finished(self.plan, Path(self.grid.results))

    @cached_property
    def pieces(self) -> list[Piece]:
        """All the work, done or not."""
        return workload.pieces(self.plan, Path(self.grid.results), self.done)

    @property
    def left(self) -> list[Piece]:
        """The work that is to be done yet."""
        return [piece for piece in self.pieces if not piece.done]

    @property
    def at_once(self) -> int:
        """How many runs this machine carries out at once; those that share a card count as one."""
        cores = self.grid.threads + self._decoders
        return max(1, len(devices.gpus()) if self.device == "cuda" else (os.cpu_count() or 1) // cores)

    @property
    def _decoders(self) -> int:
        """Processes per run that decode photographs; 0 without an image folder."""
        return self.grid.workers if any(data.info(name).folder for name in self.grid.datasets) else 0

    def seconds(self, pieces: Iterable[Piece]) -> float:
        """One run after the other, each with its threads, or a card to itself."""
        return sum(
            piece.trained * self.speeds[piece.network].training
            + piece.evaluated * self.speeds[piece.network].evaluation
            for piece in pieces
        )

    def hours(self, pieces: Iterable[Piece]) -> float | None:
        """GPU-hours, or core-hours, where each of a run's threads counts; None if nothing was probed."""
        each = self.grid.threads if self.device == "cpu" else 1
        return self.seconds(pieces) * each / 3600 if self.speeds else None

    def disk(self, pieces: Iterable[Piece]) -> int:
        """Bytes that stay."""
        return sum(
            piece.states * self.sizes[piece.network].state
            + piece.results * (self.sizes[piece.network].weights + predictions(piece.network[0]))
            for piece in pieces
        )

    @property
    def checkpoints(self) -> int:
        """Bytes at most while runs are at work."""
        return self.at_once * 2 * max((each.checkpoint for each in self.sizes.values()), default=0)

    def values(self) -> dict[str, Any]:
        """Everything as JSON-like values.

        ``left`` is what is not done yet, of ``all``; ``clock`` is how long that takes on this machine, in hours.
        Disk is in bytes.
        """
        left = self.left
        return {
            "grid": self.grid.name,
            "title": self.grid.title,
            "budget": self.grid.budget,
            "runs": len(self.plan.runs),
            "done": len(self.done),
            "cells": len(self.plan.cells),
            "skipped": [{"cell": self._name(cell), "reason": cell.skipped} for cell in self.plan.cells if cell.skipped],
            "device": self.device,
            "at_once": self.at_once,
            "unit": "core-hours" if self.device == "cpu" else "GPU-hours",
            "hours": {
                "all": self.hours(self.pieces),
                "left": self.hours(left),
                "clock": self.seconds(left) / 3600 / self.at_once if self.speeds else None,
            },
            "disk": {"all": self.disk(self.pieces), "left": self.disk(left), "checkpoints": self.checkpoints},
            "methods": [self._method(name) for name in dict.fromkeys(cell.method for cell in self.plan.cells)],
            "networks": [self._network(network) for network in self.sizes],
            "rests_on": self._basis(),
        }

    def _name(self, cell: Cell) -> str:
        point = "" if cell.point is None else f" · {self.plan.spelling.percent(cell.point)}"
        return f"{cell.dataset} · {cell.architecture} · {cell.method}{point}"

    def _method(self, name: str) -> dict[str, Any]:
        """A method's runs, its own epochs per run, without shared dense stages, and their hours."""
        own = [piece for piece in self.pieces if piece.method == name]
        runs = len({run for cell in self.plan.cells if cell.method == name for _, run in cell.runs})
        epochs = sum(piece.epochs for piece in own)
        return {
            "method": name,
            "runs": runs,
            "epochs_per_run": epochs / runs if runs else 0.0,
            "hours": self.hours(own),
        }

    def _network(self, network: Network) -> dict[str, Any]:
        found: dict[str, Any] = dict(zip(("dataset", "architecture", "recipe"), network, strict=True))
        found["bytes"] = asdict(self.sizes[network])
        if speed := self.speeds.get(network):
            found |= {"training_images_per_second": 1 / speed.training, "probed_images": speed.images}
            found |= {"evaluation_images_per_second": 1 / speed.evaluation}
        return found

    def _basis(self) -> list[str]:
        if not self.speeds:
            return [NOT_PROBED, DISK]
        counts = sorted({speed.images for speed in self.speeds.values()})
        images = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
        busy = f"while {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores were busy"
        clock = "in CPU time, so other load hardly matters" if self.device == "cpu" and self.grid.threads == 1 else busy
        probed = PROBED.format(images=images, hardware=self.hardware or self.device, clock=clock)
        return [probed, COUNTED, *([DECODING] if self._decoders else []), DISK]


def of(grid: Grid, plan: Plan, probe: bool = True) -> Estimate:
    """The estimate of a grid on this machine; with `probe` each network is measured, on a GPU once one is free."""
    from bench.workflow import probe as probes

    specs = {workload.network(spec): spec for spec in plan.runs}
    sizes = {network: probes.sizes(spec) for network, spec in specs.items()}
    if not probe:
        return Estimate(grid, plan, "cuda" if devices.gpus() else "cpu", {}, sizes)
    with devices.device_slot(grid.slots_per_gpu) as device:
        speeds = {network: probes.speed(spec, device, grid.threads) for network, spec in specs.items()}
        return Estimate(grid, plan, device, speeds, sizes, probes.hardware(device, grid.threads))


def predictions(dataset: str) -> int:
    """Bytes of a class (uint16) and the logits (float16) of every test image."""
    info = data.info(dataset)
    return 2 * info.test_images * (1 + info.classes)
