"""The training loop of one stage: resumable at any step, the same bits every time."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from bench.base import distributed
from bench.base.determinism import autocast
from bench.base.stopping import StopRequest
from bench.context import Run
from bench.counting.macs import TrainingMacs
from bench.errors import Diverged, Interrupted
from bench.optimization import build, learning_rate, restore, set_rate
from bench.results.ancestry import Parent, parents_in
from bench.results.record import Curve
from bench.seeds import reseed, seed_for
from bench.training import capture
from bench.training.bookkeeping import Bookkeeping
from bench.training.decay import OwnDecay
from bench.training.evaluate import evaluate
from bench.training.inspection import Inspection
from bench.training.tally import Tally

log = logging.getLogger(__name__)


Save = Callable[[dict[str, Any]], None]
Beat = Callable[[str, float, float], None]


class Trainer:
    """Trains one stage from its start or from a checkpoint to its end.

    Args:
        run: the stage's state.
        macs: counts what the training costs.
        save: writes what `checkpoint` returns.
        snapshots: {step: function that saves the state}, for stages that others rewind to.
        stop_after: stop at this step (a snapshot is wanted, not the end).
        checkpoint_seconds: time between two checkpoints; what a killed job loses at most.
        beat: hears of stage, epoch and epochs at every evaluation and checkpoint.

    Attributes:
        parents: the states that the stage began from, to be told in the record; None if that is not known.
    """

    def __init__(
        self,
        run: Run,
        macs: TrainingMacs,
        save: Save = lambda state: None,
        snapshots: dict[int, Save] | None = None,
        stop_after: int | None = None,
        checkpoint_seconds: float = 30.0,
        beat: Beat = lambda stage, epoch, epochs: None,
    ) -> None:
        self.run, self.save, self.beat = run, save, beat
        self.snapshots = snapshots or {}
        self.checkpoint_seconds = checkpoint_seconds
        self.stop = run.steps if stop_after is None else min(run.steps, stop_after)
        self.progress = Tally(step=run.phase.to_steps(run.stage.begin, run.batches.steps_per_epoch))
        self.curve = Curve(stage=run.stage.name)
        self.parents: tuple[Parent, ...] | None = None
        self.loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = run.loss
        self._sum = torch.zeros((), dtype=torch.float64, device=run.device)
        self.stop_request = StopRequest()
        self.decay = OwnDecay(run)
        run.optimizer = build(
            run.recipe.optimizer,
            [run.model, run.extras],
            self.decay.parameters,
            run.method.parameter_groups(run),
            run.device if capture.wanted(run) else None,
        )
        self.region: capture.Region = capture.Capture(run, self._region) if capture.wanted(run) else self._region
        self.inspection = Inspection(run)
        self.books = Bookkeeping(macs)

    # -- state ------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What a later stage may start from: weights, masks, what the method added, and what was measured."""
        run = self.run
        self.books.settle(self.progress)
        self.progress.loss = float(self._sum)
        self.progress.curve = self.curve.model_dump()
        return {
            "model": run.model.state_dict(),
            "masks": {name: mask != 0 for name, mask in run.masks.items()},
            "extras": run.extras.state_dict(),
            "state": run.state,
            "progress": vars(self.progress),
            "parents": None if self.parents is None else [parent.model_dump() for parent in self.parents],
        }

    def checkpoint(self) -> dict[str, Any]:
        """Everything needed to go on from here with the same bits: the state, and the optimizer's."""
        assert self.run.optimizer is not None
        return self.state() | {"optimizer": self.run.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint of this stage."""
        start(self.run, state)
        assert self.run.optimizer is not None
        restore(self.run.optimizer, state["optimizer"])
        self.progress = Tally(**state["progress"])
        self.curve = Curve(**self.progress.curve)
        self._sum.fill_(self.progress.loss)
        self.parents = parents_in(state)  # not those of today: a file may have been replaced since

    # -- the loop ---------------------------------------------------------------------------------------------------

    def train(self, resumed: bool = False) -> None:
        """Run to the end of the stage.

        Raises `Diverged` on a non-finite loss, `Collapsed` from a mask update, `Interrupted` after SIGTERM or SIGINT.
        """
        run = self.run
        run.at(self.progress.step)
        self.books.masks_are(run.masks)
        if not resumed:
            self._update(run.method.on_train_start)
        saved = started = time.monotonic()
        with self.stop_request.heard(), self.books.open(self.progress):
            while self.progress.step < self.stop:
                self._save_snapshot()
                self._step(self.progress.step)
                self.progress.step += 1
                if self.progress.step % run.batches.steps_per_epoch == 0 or self.progress.step == run.steps:
                    self.progress.seconds += time.monotonic() - started
                    self._end_of_epoch()
                    started = time.monotonic()
                now = time.monotonic()
                stop = distributed.anyone(self.stop_request.made)
                if stop or now - saved >= self.checkpoint_seconds:
                    self.progress.seconds += now - started
                    self.save(self.checkpoint())
                    self.sign()
                    saved = started = time.monotonic()
                if stop:
                    raise Interrupted
        self._save_snapshot()
        if self.progress.step == run.steps:
            self.inspection.training_ended()
            run.method.on_train_end(run)

    def _step(self, step: int) -> None:
        run = self.run
        run.at(step)
        own = distributed.apart()
        reseed(run.device, seed_for(run.seed, "step", run.stage.phase or "", run.stage.copy, step, *own))
        if run.method.schedule.fires(step, run.timeline):
            self._update(run.method.update_masks)
            self.progress.mask_updates += 1
            if not run.method.step_on_update:
                return
        images, labels = run.batches.train(
            run.epoch, step % run.batches.steps_per_epoch, phase=run.stage.phase or "train", copy=run.stage.copy
        )
        count = self._optimize(images, labels, step)
        self.progress.images += count
        self.progress.trained_images += count

    def _optimize(self, images: torch.Tensor, labels: torch.Tensor, step: int) -> int:
        """A step of the optimizer; returns the number of images in the batch, those of all ranks."""
        run, optimizer = self.run, self.run.optimizer
        assert optimizer is not None
        rate = learning_rate(run.phase, step, run.batches.steps_per_epoch)
        self.inspection.rate = rate
        set_rate(optimizer, rate)
        run.model.train()
        self.region(images, labels)
        run.method.on_after_step(run)
        distributed.share_buffers(run.model, run.extras)
        count = distributed.total(len(images))
        self.books.trained(count)
        return count

    def _region(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """The part of a step that is tensor operations only, from the forward pass to the masking of weights."""
        run, optimizer = self.run, self.run.optimizer
        assert optimizer is not None
        with autocast(run.recipe, run.device):
            loss = self.loss(images, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        loss, count = distributed.join_gradients(optimizer, loss.detach(), len(images))
        run.method.on_after_backward(run)
        run.mask_gradients()
        self.decay.apply(optimizer)
        if (limit := run.recipe.optimizer.clip_norm) is not None:
            torch.nn.utils.clip_grad_norm_(run.model.parameters(), limit)
        optimizer.step()
        optimizer.zero_grad()
        run.mask_weights()
        self._sum += loss * count

    def _update(self, hook: Callable[[Run], None]) -> None:
        """A hook that may change the masks, with what has to follow."""
        run = self.run
        before = run.masks.clone()
        with self.inspection.scoring():
            hook(run)
        if run.scoring_passes:
            self.books.scored(run.scoring_passes)
            run.scoring_passes = 0
        self.books.masks_are(run.masks, before)
        run.mask_weights()
        run.mask_optimizer()
        kept = (mask != 0 for mask in run.masks.values())  # a generator: nothing is computed in a job of one process
        distributed.same(f"stage '{run.stage.name}', step {run.step}: the masks", kept)

    # -- measuring --------------------------------------------------------------------------------------------------

    def _end_of_epoch(self) -> None:
        run, progress = self.run, self.progress
        loss = float(self._sum) / max(progress.images, 1)
        if progress.images and not math.isfinite(loss):
            raise Diverged(f"the training loss was {loss} in epoch {run.epoch + 1} of stage '{run.stage.name}'")
        last = progress.step == run.steps
        if last or (run.epoch + 1) % run.recipe.evaluate_every == 0:
            self.books.settle(progress)
            self._evaluate(loss)
            self._sum.zero_()
            progress.images, progress.changed = 0, 0.0

    def _evaluate(self, train_loss: float) -> None:
        if distributed.rank():  # only rank 0 evaluates; the others wait for it when they next join gradients
            return
        run, curve = self.run, self.curve
        held_out = run.recipe.data.validation > 0
        found = evaluate_run(run, "validation" if held_out else "test")
        epoch = self.progress.step / run.batches.steps_per_epoch
        if found.accuracy > self.progress.best_accuracy:
            self.progress.best_accuracy, self.progress.best_epoch = found.accuracy, epoch
            if held_out:
                self.progress.selected_accuracy = evaluate_run(run, "test").accuracy
        curve.epoch.append(epoch)
        curve.step.append(self.progress.step)
        curve.train_loss.append(train_loss)
        curve.accuracy.append(found.accuracy)
        curve.loss.append(found.loss)
        curve.learning_rate.append(learning_rate(run.phase, self.progress.step - 1, run.batches.steps_per_epoch))
        curve.sparsity.append(run.masks.sparsity())
        curve.mask_changes.append(self.progress.changed)
        curve.seconds.append(self.progress.seconds)
        log.info(
            "%s epoch %g/%g  loss %.4f  accuracy %.2f %%  sparsity %.2f %%",
            *(run.stage.name, epoch, run.steps / run.batches.steps_per_epoch),
            *(train_loss, found.accuracy, 100 * run.masks.sparsity()),
        )
        self.sign()

    def sign(self) -> None:
        """Say where the training is; of several ranks only rank 0 does."""
        if distributed.rank() == 0:
            epochs = self.run.batches.steps_per_epoch
            self.beat(self.run.stage.name, self.progress.step / epochs, self.run.steps / epochs)

    def _save_snapshot(self) -> None:
        if (save := self.snapshots.pop(self.progress.step, None)) is not None:
            save(self.state())


def evaluate_run(run: Run, split: str) -> Any:
    """Evaluate the effective network on ``test`` or ``validation``; see `bench.training.evaluate.evaluate`."""
    run.model.eval()
    with autocast(run.recipe, run.device):
        return evaluate(run.forward, run.batches.evaluation(split))


def start(run: Run, state: dict[str, Any], with_extras: bool = True) -> None:
    """Load weights, buffers, masks and (for the same stage) what the method added from a stage's state."""
    run.model.load_state_dict(state["model"])
    for name, mask in run.masks.items():
        if name in state["masks"]:  # a shared dense stage may have been trained under another prunable set
            mask.copy_(state["masks"][name])
    if with_extras:
        run.extras.load_state_dict(state["extras"])
        run.state.update({name: value.clone() for name, value in state["state"].items()})
