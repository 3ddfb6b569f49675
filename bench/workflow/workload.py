"""What a grid has to train, evaluate and store, counted before anything runs; needs no torch.

The unit is a `Piece`: a stage, counted once however many runs share it, or the measuring of a run's results.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import data
from bench.method import Dense, Stage
from bench.plan.grid import Plan
from bench.plan.lineage import identities, method_of, stages_of
from bench.recipe.phase import Phase
from bench.results.record import glance
from bench.spec import RunSpec

Network = tuple[str, str, str]
"""Data set, architecture and recipe: what the speed of a step depends on."""


@dataclass(frozen=True)
class Piece:
    """A part of the work.

    Attributes:
        network: data set, architecture and recipe.
        method: whose work it is, as the table's row is called; dense training belongs to ``dense``, whoever needs it.
        epochs: of training.
        trained, evaluated: images that pass through the network, each as often as it does.
        states: files with weights and masks that stay: the end of a stage, and snapshots of it.
        results: exported networks with their predictions.
        done: whether it is there already, or only runs need it that have a record.
    """

    network: Network
    method: str
    epochs: float = 0.0
    trained: float = 0.0
    evaluated: int = 0
    states: int = 0
    results: int = 0
    done: bool = False


@dataclass
class _Training:
    """A stage as the runs that need it ask for it."""

    spec: RunSpec
    method: str
    stage: Stage
    snapshots: set[str] = field(default_factory=set)
    needed: bool = False


def network(spec: RunSpec) -> Network:
    """What a run trains, and how."""
    return spec.dataset, spec.architecture, spec.recipe_text


def finished(plan: Plan, results: Path) -> set[str]:
    """The ids of the runs that have a readable record other than an error's; the others will be run."""
    found = set()
    for spec in plan.runs:
        path = results / "runs" / spec.id / "record.json"
        if path.exists() and glance(path)[0] not in ("error", "broken"):
            found.add(spec.id)
    return found


def pieces(plan: Plan, results: Path, done: set[str]) -> list[Piece]:
    """The work of all runs of a plan, that of finished runs (`done`, by id) included and marked."""
    rows = {run: cell.method for cell in plan.cells for _, run in cell.runs}
    found = [_measuring(spec, rows[spec.id], spec.id in done) for spec in plan.runs]
    for identity, training in _trainings(plan.runs, rows, done).items():
        stored = (results / "stages" / identity[:32] / "final.pt").exists()
        found.append(_piece(training, done=stored or not training.needed))
    return found


def _trainings(runs: Iterable[RunSpec], rows: Mapping[str, str], done: set[str]) -> dict[str, _Training]:
    """The stages of all runs by identity."""
    found: dict[str, _Training] = {}
    snapshots: dict[str, set[str]] = defaultdict(set)
    for spec in sorted(runs, key=lambda spec: spec.method != "dense"):  # who shares a stage with dense runs comes later
        method = method_of(spec)
        names = identities(spec, method)
        for stage in stages_of(spec, method):
            foreign = isinstance(stage.method, Dense) and spec.method != "dense"
            owner = "dense" if foreign else rows[spec.id]
            training = found.setdefault(names[stage.name], _Training(spec, owner, stage))
            training.needed |= spec.id not in done
            for parent, at, position in (reference.partition("@") for reference in stage.parents):
                snapshots[names[parent]] |= {position} if at else set()
    for identity, training in found.items():
        training.snapshots = snapshots[identity]
    return found


def _piece(training: _Training, done: bool) -> Piece:
    spec, stage = training.spec, training.stage
    epochs, images, evaluations = (
        (0.0, 0, 0) if stage.phase is None else _length(spec, stage, spec.recipe.phase(stage.phase, stage.name))
    )
    return Piece(
        network=network(spec),
        method=training.method,
        epochs=epochs,
        trained=epochs * images,
        evaluated=evaluations * (spec.recipe.data.validation or data.info(spec.dataset).test_images),
        states=1 + len(training.snapshots),
        done=done,
    )


def _length(spec: RunSpec, stage: Stage, phase: Phase) -> tuple[float, int, int]:
    """Epochs of a stage, images in each, and how often it is evaluated on the way."""
    images = data.info(spec.dataset).train_images - spec.recipe.data.validation
    full, rest = divmod(images, spec.recipe.batch_size)
    dropped = rest if spec.recipe.data.drop_last else 0
    steps_per_epoch = max(1, full + (rest > dropped))
    steps, begin = phase.total_steps(steps_per_epoch), phase.to_steps(stage.begin, steps_per_epoch)
    epochs, every = -(-steps // steps_per_epoch), spec.recipe.evaluate_every
    evaluations = epochs // every - begin // steps_per_epoch // every + (epochs % every > 0)  # the last always is
    return (steps - begin) / steps_per_epoch, images - dropped, evaluations


def _measuring(spec: RunSpec, method: str, done: bool) -> Piece:
    """The results of a run: each network is exported, loaded back and evaluated."""
    count = max(1, len(spec.points))
    images = data.info(spec.dataset).test_images + spec.recipe.data.validation
    return Piece(network(spec), method, evaluated=count * images, results=count, done=done)
