"""When the masks change, and how much is pruned by then.

Positions are fractions of a stage, or the name of a learning-rate drop of its recipe, so a budget scales them. Periods
(`every`) are in optimizer steps and are never scaled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.recipe.phase import Phase

DROPS = {"first_drop": 0, "second_drop": 1, "last_drop": -1}


@dataclass(frozen=True)
class Timeline:
    """A stage's length in optimizer steps, its learning-rate drops as fractions of that length, and steps per epoch."""

    steps: int
    drops: tuple[float, ...] = ()
    epoch: int = 0

    @classmethod
    def of(cls, phase: Phase, steps: int, epoch: int = 0) -> Timeline:
        """The timeline of a recipe's phase that takes `steps` optimizer steps, `epoch` of them per epoch."""
        return cls(steps, tuple(milestone / phase.length for milestone in phase.milestones), epoch)

    def at(self, position: float | str) -> int:
        """The step of a position. Raises `UserError` if it names a drop which the recipe does not have."""
        if position == "end":
            return self.steps
        if isinstance(position, str):
            return round(self._drop(position) * self.steps)
        return round(position * self.steps)

    def _drop(self, name: str) -> float:
        if name not in DROPS:
            raise UserError(f"'{name}' is no position; allowed are a fraction, 'end', {', '.join(DROPS)}.")
        if len(self.drops) <= max(DROPS[name], 0):
            raise UserError(
                f"the schedule ends at the '{name}' of the learning rate, but this phase has {len(self.drops)} drop(s)."
            )
        return self.drops[DROPS[name]]


@dataclass(frozen=True)
class Schedule:
    """The base: never changes a mask."""

    def fires(self, step: int, timeline: Timeline) -> bool:
        """Whether the masks are updated before the forward pass of `step` (counted from 0)."""
        return False

    def sparsity(self, step: int, target: float, timeline: Timeline) -> float:
        """The sparsity to reach at an update in `step`."""
        return target

    def check(self, timeline: Timeline) -> None:
        """Raise `UserError` if the schedule does not fit the stage."""


@dataclass(frozen=True)
class Never(Schedule):
    """Masks stay as they are: dense training, or methods that do everything in hooks."""


@dataclass(frozen=True)
class AtInit(Schedule):
    """Once, before the first step."""

    def fires(self, step: int, timeline: Timeline) -> bool:
        """True for step 0."""
        return step == 0


@dataclass(frozen=True)
class OneShot(AtInit):
    """Once, at the start of the fine-tuning that follows the stage `after`."""

    after: str = "pretrain"


@dataclass(frozen=True)
class Periodic(Schedule):
    """Every so many steps, at constant sparsity.

    Attributes:
        every: steps between updates.
        start, until: the positions of the first update and of the end, at which there is none any more.
    """

    every: int = 100
    start: float | str = 0.0
    until: float | str = 1.0
    bounds: ClassVar[dict[str, str]] = {"every": "[1, 1e9]", "start": "[0, 1)", "until": "(0, 1]"}

    def fires(self, step: int, timeline: Timeline) -> bool:
        """True at start, start + every, … while below until."""
        start = timeline.at(self.start)
        return start <= step < timeline.at(self.until) and (step - start) % self.every == 0

    def check(self, timeline: Timeline) -> None:
        """The two positions must exist and be in order."""
        _check_span(self.every, timeline.at(self.start), timeline.at(self.until))


@dataclass(frozen=True)
class Listed(Schedule):
    """At given positions, which a budget scales.

    Attributes:
        at: the positions.
    """

    at: tuple[float, ...] = (0.0,)
    bounds: ClassVar[dict[str, str]] = {"at": "[0, 1)"}

    def fires(self, step: int, timeline: Timeline) -> bool:
        """True at each position; once, if several fall on one step."""
        return step in {timeline.at(position) for position in self.at}

    def passed(self, step: int, timeline: Timeline) -> int:
        """How many positions lie at or before `step`."""
        return sum(timeline.at(position) <= step for position in self.at)


@dataclass(frozen=True)
class Doubling(Periodic):
    """Periodic, with a period that doubles; the first update comes after one period.

    Attributes:
        at: the positions from which on the period is twice what it was.
    """

    at: tuple[float, ...] = ()
    bounds: ClassVar[dict[str, str]] = {"at": "(0, 1]"}

    def fires(self, step: int, timeline: Timeline) -> bool:
        """True at multiples of the present period after start and below until."""
        start = timeline.at(self.start)
        period = self.every * 2 ** sum(step >= timeline.at(position) for position in self.at)
        return start < step < timeline.at(self.until) and (step - start) % period == 0


@dataclass(frozen=True)
class EndOfEpoch(Schedule):
    """Between two epochs, at constant sparsity: after every epoch but the last."""

    def fires(self, step: int, timeline: Timeline) -> bool:
        """True for the first step of every epoch but the first."""
        return step > 0 and step % timeline.epoch == 0


@dataclass(frozen=True)
class Cubic(Schedule):
    """The cubic ramp s(t) = s_f + (s_i − s_f)·(1 − (t − t₀)/(t₁ − t₀))³ (Zhu & Gupta 2017, arXiv:1710.01878, eq. 1).

    Attributes:
        every: steps between updates; the first comes `offset` steps after `start`.
        offset: steps between `start` and the first update; ``every``: as many as between updates.
        start, until: t₀ and t₁. A last update falls on t₁ itself, so that the target is met exactly.
        initial: s_i.
        reselect: whether updates go on every `every` steps after t₁, at the final sparsity.
    """

    every: int = 100
    start: float | str = 0.0
    until: float | str = 1.0
    offset: int | Literal["every"] = 0
    initial: float = 0.0
    reselect: bool = False
    bounds: ClassVar[dict[str, str]] = {
        "every": "[1, 1e9]",
        "start": "[0, 1)",
        "until": "(0, 1]",
        "offset": "[0, 1e9]",
        "initial": "[0, 1)",
    }

    def fires(self, step: int, timeline: Timeline) -> bool:
        """True at start + offset + k·every below until (or without end, if it reselects), and at until."""
        start, end = timeline.at(self.start), min(timeline.at(self.until), timeline.steps - 1)
        since = step - start - (self.every if self.offset == "every" else self.offset)
        return step == end or (since >= 0 and (self.reselect or step < end) and since % self.every == 0)

    def sparsity(self, step: int, target: float, timeline: Timeline) -> float:
        """The ramp's value, constant before start and after until."""
        start, end = timeline.at(self.start), min(timeline.at(self.until), timeline.steps - 1)
        if step >= end:
            return target
        done = max(0, step - start) / (end - start)
        return target + (self.initial - target) * (1 - done) ** 3

    def check(self, timeline: Timeline) -> None:
        """The two positions must exist and be in order."""
        _check_span(self.every, timeline.at(self.start), timeline.at(self.until))


@dataclass(frozen=True)
class Ramp:
    """The base of ramps without training in between: a target approached in `steps` rounds of scoring.

    One round is one-shot pruning at the target itself, whatever the ramp.

    Attributes:
        steps: the number of rounds.
    """

    steps: int = 60
    bounds: ClassVar[dict[str, str]] = {"steps": "[1, 100000]"}

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"the ramp's 'steps' is {self.steps}; it must be at least 1.")

    def ramp(self, target: float) -> Iterator[float]:
        """The sparsities after each round; the last is exactly `target`."""
        for step in range(1, self.steps):
            yield self.sparsity(step / self.steps, target)
        yield target

    def sparsity(self, done: float, target: float) -> float:
        """The sparsity when the fraction `done` of the rounds is over."""
        raise NotImplementedError


@dataclass(frozen=True)
class Exponential(Ramp):
    """Sparsities that divide what is kept by a constant factor per round: kept_t = kept^(t/T), t = 1 … T.

    FORCE and Iterative SNIP (arXiv:2006.09081) call this the exponential schedule; SynFlow (arXiv:2006.05467) uses it
    too.
    """

    def sparsity(self, done: float, target: float) -> float:
        """1 − (1 − target)^done."""
        return float(1 - (1 - target) ** done)


@dataclass(frozen=True)
class Linear(Ramp):
    """Sparsities that remove equally many weights in every round: kept_t = 1 − (t/T)·(1 − kept)."""

    def sparsity(self, done: float, target: float) -> float:
        """The fraction `done` of the target."""
        return done * target


@dataclass(frozen=True)
class Cosine:
    """The drop fraction of dynamic sparse training, f(t) = f₀/2·(1 + cos(π t / T)), 0 from T on (RigL, eq. 1).

    With `final` it falls to f₁ instead of 0: f(t) = f₁ + (f₀ − f₁)/2·(1 + cos(π t / T)), as `CosineAnnealingLR` does.

    Attributes:
        initial, final: f₀ and f₁.
    """

    initial: float = 0.3
    final: float = 0.0
    bounds: ClassVar[dict[str, str]] = {"initial": "[0, 1]", "final": "[0, 1]"}

    def fraction(self, step: int, end: int) -> float:
        """f(step) for T = `end`."""
        span = self.initial - self.final
        return self.final + span / 2 * (1 + math.cos(math.pi * step / end)) if step < end else self.final


def _check_span(every: int, start: int, until: int) -> None:
    if every < 1:
        raise UserError(f"the schedule's 'every' is {every}; it must be at least 1.")
    if not start < until:
        raise UserError(f"the schedule starts at step {start}, which is not before its end at step {until}.")
