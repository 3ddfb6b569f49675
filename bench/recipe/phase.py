"""One stretch of training, in the unit that its paper gives: epochs or optimizer steps."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bench.base.schema import Strict


class Phase(Strict):
    """One stretch of training: how long, and at which learning rate.

    Attributes:
        epochs: length in epochs; give either this or `steps`.
        steps: length in optimizer steps.
        lr: the peak learning rate.
        schedule: ``constant``, ``multistep`` (times `gamma` at each milestone), ``cosine`` (to `minimum_lr`).
        milestones: where the rate drops, in the unit of the length.
        gamma: what the rate is multiplied by at each milestone.
        minimum_lr: where the cosine ends.
        warmup: length of a linear warm-up from 0, in the unit of the length.
        per: whether the rate changes once per ``epoch`` or at every ``step``.
        scheduler_first: the scheduler is stepped at the start of an epoch, so each change lands one epoch earlier.
    """

    epochs: float | None = Field(default=None, gt=0, le=1e9)
    steps: int | None = Field(default=None, gt=0, le=10**12)
    lr: float = Field(gt=0, le=1e6)
    schedule: Literal["constant", "multistep", "cosine"] = "constant"
    milestones: tuple[Annotated[float, Field(ge=0)], ...] = ()
    gamma: float = Field(default=0.1, ge=0, le=1e6)
    minimum_lr: float = Field(default=0.0, ge=0, le=1e6)
    warmup: float = Field(default=0.0, ge=0, le=1e12)
    per: Literal["epoch", "step"] = "epoch"
    scheduler_first: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either 'epochs' or 'steps'")
        if self.schedule == "multistep" and not self.milestones:
            raise ValueError("the schedule 'multistep' needs 'milestones'")
        if list(self.milestones) != sorted(set(self.milestones)) or any(m >= self.length for m in self.milestones):
            raise ValueError(f"'milestones' must increase and lie below the length {self.length:g}")
        return self

    @property
    def length(self) -> float:
        """The phase's length in its own unit (epochs or steps)."""
        return float(self.epochs if self.epochs is not None else self.steps or 0)

    def scaled(self, budget: float) -> Phase:
        """The phase at `budget` times its length; milestones and warm-up scale along."""
        length: dict[str, Any] = (
            {"epochs": self.epochs * budget}
            if self.epochs is not None
            else {"steps": max(1, round((self.steps or 0) * budget))}
        )
        milestones = tuple(m * budget for m in self.milestones)
        return Phase(**(self.model_dump() | length | {"milestones": milestones, "warmup": self.warmup * budget}))

    def total_steps(self, steps_per_epoch: int) -> int:
        """Optimizer steps in the whole phase, at least 1."""
        return self.steps if self.steps is not None else max(1, round(float(self.epochs or 0) * steps_per_epoch))

    def to_steps(self, position: float, steps_per_epoch: int) -> int:
        """A position in the phase's own unit (a milestone, say) as a step."""
        return round(position * steps_per_epoch) if self.epochs is not None else round(position)
