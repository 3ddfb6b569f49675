"""Carrying out the stages of a run: find what is finished, resume what was cut off, train the rest.

A stage lives in ``results/stages/<identity>/``: ``final.pt`` once it is finished, ``checkpoint.pt`` until then, and
``snapshot-<step>.pt`` where a later stage rewinds to (``rewinding-<step>.pt`` until one that was not taken the first
time is). A lock per stage keeps two jobs from training it at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench import catalog, data
from bench.base import distributed
from bench.base.atomic import sweep
from bench.base.heartbeat import Pulse
from bench.base.locks import held
from bench.context import Run
from bench.counting import flops
from bench.counting.macs import TrainingMacs
from bench.data.batches import batches_of
from bench.initialise import build
from bench.method import Dense, Stage
from bench.plan.lineage import identities, method_of, stages_of
from bench.recipe.prunable import prunable
from bench.results.ancestry import Ancestry, Parent, parents_in
from bench.results.record import Curve
from bench.spec import RunSpec
from bench.training import checkpoint, lone_images
from bench.training.tally import Tally
from bench.training.train import Trainer, start

log = logging.getLogger(__name__)

UNFINISHED = "checkpoint.pt"
"""Where a training goes on that was cut off."""


class Workshop:
    """Everything the stages of one run share.

    Args:
        spec: the run.
        results: the results folder, with the prepared data in it.
        device: where to train.
        checkpoint_seconds: time between two checkpoints of a stage.
        workers: processes that decode the photographs of an image folder.
        watch: called with the trainer of every stage before it trains; it may look at it from another thread.

    Attributes:
        pulse: says where the run is.
        data_sha256: the fingerprint of the data: the registered one, or that of the folder as it was indexed.
        curves, progress, ancestry: of every stage that was trained or loaded, by stage name; also of one that failed.
    """

    def __init__(
        self,
        spec: RunSpec,
        results: Path,
        device: torch.device,
        checkpoint_seconds: float = 30.0,
        workers: int = 0,
        watch: Callable[[Trainer], None] | None = None,
    ) -> None:
        self.spec, self.results, self.device, self.watch = spec, results, device, watch
        self.checkpoint_seconds = checkpoint_seconds
        self.pulse = Pulse(results / "runs" / spec.id)
        self.method = method_of(spec)
        self.stages = stages_of(spec, self.method)
        self.identities = identities(spec, self.method)
        self.info = data.info(spec.dataset)
        images = data.load(spec.dataset, results / "data", device)
        self.data_sha256 = images.sha256 or self.info.sha256
        self.batches = batches_of(images, self.info, spec.recipe, spec.seed, device, distributed.share(), workers)
        self.dense_macs = flops.count(spec.architecture, self.info, results / "archs")
        model = self.model()
        flops.positions(model, self.dense_macs)  # refuses a count of another version of the architecture
        scores = any(map(catalog.asks_for_gradients, (spec.method, *self.method.borrows)))
        lone_images.check(model, spec.recipe, self.info, scores)
        self.curves: dict[str, Curve] = {}
        self.progress: dict[str, Tally] = {}
        self.ancestry: dict[str, Ancestry] = {}
        self._states: dict[str, dict[str, Any]] = {}

    def model(self) -> nn.Module:
        """A freshly initialised network; the same for every method at one seed."""
        info = self.info
        size = (info.height, info.width)
        return build(self.spec.architecture, info.classes, info.channels, size, self.spec.recipe, self.spec.seed).to(
            self.device
        )

    def run(self, stage: Stage) -> Run:
        """The state of a stage before its first step, without what its parents contribute."""
        model = self.model()
        run = Run(
            stage.method or self.method,
            model,
            prunable(model, self.spec.prunable),
            self.spec.recipe,
            self.batches,
            stage,
            self.spec.seed,
            parents=self.state,
        )
        run.method.build(run)
        run.extras.to(self.device)
        return run

    def check(self) -> None:
        """Set up the first stage of the method's own: what it can't do with the network is known before any training.

        Raises:
            UserError: the network does not suit the method.
        """
        own = next((stage for stage in self.stages if not is_shared(stage)), None)
        if own is not None and own is not self.stages[0]:
            with suppress(KeyError):  # what earlier stages end with is not there yet
                self.run(own)

    def finish(self, stage: Stage) -> Run:
        """Bring a stage to its end, by loading or by training, and return its state there."""
        run = self.run(stage)
        with self._lock(stage):
            state = self._load(stage, "final.pt")
            missing = distributed.anyone(state is None)  # all have looked before one of them writes it
            if state is None or missing:
                self._train(stage, run)
                state = self._states[stage.name]
            else:
                start(run, state)
            checkpoint.remove(self._folder(stage) / UNFINISHED)
        self._remember(stage, state)
        run.at(run.steps)
        return run

    def state(self, reference: str) -> Mapping[str, Any]:
        """The state at the end of a stage (``pretrain``) or at a snapshot of it (``pretrain@2``)."""
        stage, step = self._meant(reference)
        if step is None:
            return self._states[stage.name]
        with self._lock(stage):
            found = self._load(stage, f"snapshot-{step}.pt")
            return found if found is not None else self._rewound(stage, step)

    def _meant(self, reference: str) -> tuple[Stage, int | None]:
        """The stage that a reference names, and the step of the snapshot, None for the stage's end."""
        name, _, position = reference.partition("@")
        stage = next(stage for stage in self.stages if stage.name == name)
        return stage, self._phase_step(stage, float(position)) if position else None

    # -- training ---------------------------------------------------------------------------------------------------

    def _train(self, stage: Stage, run: Run) -> None:
        folder, owner = self._folder(stage), self.identities[stage.name]
        parents = self._begin(stage, run)
        trainer = self._trainer(stage, run)
        trainer.parents = parents
        resumed = self._goes_on(stage, trainer, UNFINISHED)
        self._tell(stage, trainer.parents)
        self.curves[stage.name], self.progress[stage.name] = trainer.curve, trainer.progress
        distributed.same(f"stage '{stage.name}': the checkpoints", str(trainer.progress.step))
        if stage.phase is None:
            run.method.on_train_start(run)
            run.method.on_train_end(run)
        else:
            self._watched(trainer).train(resumed)
        trainer.inspection.stage_ended()
        distributed.share_buffers(run.model, run.extras)
        weights = [*run.model.state_dict().values(), *run.extras.state_dict().values(), *run.masks.values()]
        distributed.same(f"stage '{stage.name}', at its end: the weights and masks", weights)
        self._states[stage.name] = trainer.state()
        checkpoint.save(folder / "final.pt", owner, self._states[stage.name])

    def _begin(self, stage: Stage, run: Run) -> tuple[Parent, ...]:
        """Give a stage what its first parent ended with; returns which states all of its parents had."""
        states = {reference: self.state(reference) for reference in stage.parents}
        if states:
            start(run, dict(states[stage.parents[0]]), with_extras=False)
        return tuple(self._parent(reference, state) for reference, state in states.items())

    def _parent(self, reference: str, state: Mapping[str, Any]) -> Parent:
        stage, step = self._meant(reference)
        sha256 = checkpoint.content_digest(state)
        return Parent(reference=reference, identity=self.identities[stage.name], step=step, sha256=sha256)

    def _goes_on(self, stage: Stage, trainer: Trainer, unfinished: str) -> bool:
        """Put a trainer where the last job that trained this was cut off, if one was."""
        state = self._load(stage, unfinished)
        if state is None:
            return False
        trainer.restore(state)
        log.info("%s goes on from step %d of %d", stage.name, trainer.progress.step, trainer.run.steps)
        trainer.sign()
        return True

    def _watched(self, trainer: Trainer) -> Trainer:
        if self.watch is not None:
            self.watch(trainer)
        return trainer

    def _trainer(self, stage: Stage, run: Run, unfinished: str = UNFINISHED, stop_after: int | None = None) -> Trainer:
        folder, owner = self._folder(stage), self.identities[stage.name]
        sizes = {name: weight.numel() for name, weight in run.weights.items()}
        return Trainer(
            run,
            TrainingMacs(self.dense_macs, sizes, run.method.zeros),
            save=lambda state: checkpoint.save(folder / unfinished, owner, state),
            snapshots={step: self._snapshot(stage, step) for step in self._wanted_snapshots(stage)},
            stop_after=stop_after,
            checkpoint_seconds=self.checkpoint_seconds,
            beat=self.pulse.beat,
        )

    def _wanted_snapshots(self, stage: Stage) -> set[int]:
        references = (parent.partition("@") for other in self.stages for parent in other.parents)
        return {self._phase_step(stage, float(at)) for name, _, at in references if name == stage.name and at}

    def _snapshot(self, stage: Stage, step: int) -> Any:
        path = self._folder(stage) / f"snapshot-{step}.pt"
        return lambda state: checkpoint.save(path, self.identities[stage.name], state)

    def _rewound(self, stage: Stage, step: int) -> dict[str, Any]:
        """A snapshot that was not taken when the stage was trained: its first steps again, with the same bits."""
        log.info("%s: training its first %d steps again for a snapshot", stage.name, step)
        run = self.run(stage)
        if stage.parents:
            start(run, dict(self.state(stage.parents[0])), with_extras=False)
        unfinished = f"rewinding-{step}.pt"
        trainer = self._trainer(stage, run, unfinished, stop_after=step)
        resumed = self._goes_on(stage, trainer, unfinished)
        self._watched(trainer).train(resumed)
        distributed.wait()  # for rank 0, which writes the snapshot
        checkpoint.remove(self._folder(stage) / unfinished)
        found = self._load(stage, f"snapshot-{step}.pt")
        assert found is not None
        return found

    def _phase_step(self, stage: Stage, position: float) -> int:
        return self.spec.recipe.phase(stage.phase or "train", stage.name).to_steps(
            position, self.batches.steps_per_epoch
        )

    # -- files ------------------------------------------------------------------------------------------------------

    def _folder(self, stage: Stage) -> Path:
        return self.results / "stages" / self.identities[stage.name][:32]

    def _load(self, stage: Stage, name: str) -> dict[str, Any] | None:
        return checkpoint.load(self._folder(stage) / name, self.identities[stage.name], self.device)

    def _remember(self, stage: Stage, state: dict[str, Any]) -> None:
        self._states[stage.name] = state
        self.progress[stage.name] = Tally(**state["progress"])
        # Whoever trained a shared stage may name it otherwise.
        self.curves[stage.name] = Curve(**state["progress"]["curve"] | {"stage": stage.name})
        self._tell(stage, parents_in(state), checkpoint.content_digest(state))

    def _tell(self, stage: Stage, parents: tuple[Parent, ...] | None, sha256: str | None = None) -> None:
        identity = self.identities[stage.name]
        self.ancestry[stage.name] = Ancestry(stage=stage.name, identity=identity, sha256=sha256, parents=parents)

    @contextmanager
    def _lock(self, stage: Stage) -> Iterator[None]:
        """One job at a time per stage; the system frees the lock of a job that dies. Rank 0 holds it for all ranks."""
        if distributed.rank():
            distributed.wait()
            yield
            return
        folder = self._folder(stage)
        with held(folder / "lock", lambda: log.info("%s is being trained by another job; waiting for it", stage.name)):
            sweep(folder)
            distributed.wait()
            yield


def is_shared(stage: Stage) -> bool:
    """Whether other methods use the same stage: it is dense training."""
    return isinstance(stage.method, Dense)
