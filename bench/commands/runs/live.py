"""What a person sees while a run goes on: on a terminal a bar per stage, elsewhere the lines of the log.

The bars look at the trainer from a thread of their own, at numbers that it has in Python anyway. They start no tensor
operation and never wait for a device, so they change no bit and cost next to nothing (docs/runs.md).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.workflow.progress import duration

if TYPE_CHECKING:
    from bench.training.train import Trainer

PER_SECOND = 2
"""How often the bars are drawn; each time takes the training a millisecond or two of Python's lock."""

BAR = 16
MOST = 8
"""Stages that have a line; of those before them only the number is shown."""


@dataclass
class Watched:
    """A stage as it is watched: where it began, and when."""

    trainer: Trainer
    began: float
    first: int
    ended: float | None = None


@dataclass
class Bars:
    """The stages of a run, as rich draws them."""

    clock: Callable[[], float] = time.monotonic
    stages: list[Watched] = field(default_factory=list)

    def watch(self, trainer: Trainer) -> None:
        """Follow a trainer, which is about to train (`bench.training.stages.Workshop`)."""
        now = self.clock()
        for stage in self.stages:
            stage.ended = stage.ended or now
        self.stages.append(Watched(trainer, now, trainer.progress.step))

    def __rich__(self) -> RenderableType:
        """A line per stage: the bar, epochs, loss, accuracy, sparsity, and the time left or taken."""
        if not self.stages:
            return Text("getting ready …", "dim")
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        earlier = len(self.stages) - MOST
        table.add_column(f"{earlier} before" if earlier > 0 else "", no_wrap=True, style="bold", max_width=14)
        for head in ("", "epoch", "loss", "accuracy", "sparsity", ""):
            table.add_column(head, justify="right" if head else "left", no_wrap=True)
        for stage in self.stages[-MOST:]:
            table.add_row(*self._row(stage))
        return table

    def _row(self, stage: Watched) -> list[RenderableType]:
        trainer, curve = stage.trainer, stage.trainer.curve
        step, steps, per_epoch = trainer.progress.step, trainer.stop, trainer.run.batches.steps_per_epoch
        # The training may be adding to these lists at this moment, one after the other.
        loss, accuracy, sparsity = (values[-1:] for values in (curve.train_loss, curve.accuracy, curve.sparsity))
        return [
            Text(curve.stage),
            ProgressBar(steps, step, BAR, complete_style="cyan", finished_style="green"),
            Text(_epochs(step, steps, per_epoch)),
            Text("".join(f"{value:.4f}" for value in loss)),
            Text("".join(f"{value:.2f} %" for value in accuracy), "green"),
            Text("".join(f"{100 * value:.2f} %" for value in sparsity), "cyan"),
            Text(self._time(stage, step, steps), "dim"),
        ]

    def _time(self, stage: Watched, step: int, steps: int) -> str:
        """How long the stage took, or how long it will if it goes on at this pace."""
        taken = (stage.ended or self.clock()) - stage.began
        if step >= steps or stage.ended:
            return duration(taken)
        done = step - stage.first
        return f"{duration(taken / done * (steps - step))} left" if done and taken >= 1 else "…"


def _epochs(step: int, steps: int, per_epoch: int) -> str:
    """``12/24``; with a digit behind the point where epochs are long, or their number is not whole."""
    whole = steps % per_epoch == 0
    now = f"{step / per_epoch:.{0 if whole and per_epoch <= 100 else 1}f}"
    return f"{now}/{steps / per_epoch:.{0 if whole else 1}f}"


class Above(logging.Handler):
    """Prints log lines above the bars, but for those that the bars replace."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line; those of the training loop itself only if something is wrong."""
        if record.levelno >= logging.WARNING or record.name != "bench.training.train":
            self.console.print(Text(record.getMessage(), "yellow" if record.levelno >= logging.WARNING else "dim"))


@contextmanager
def bars(console: Console) -> Iterator[Bars]:
    """Draw bars on a terminal until the run is over; what they showed last stays."""
    shown = Bars()
    with Live(get_renderable=shown.__rich__, console=console, refresh_per_second=PER_SECOND):
        yield shown
