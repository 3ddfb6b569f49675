"""A method that runs another one."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from bench import catalog, names
from bench.allocation import Allocation
from bench.method import Dense, Method
from bench.schedule import Schedule
from bench.structure import Weights
from bench.zeros import Zeros

if TYPE_CHECKING:
    import torch

    from bench.context import Run
    from bench.spec import RunSpec
    from bench.tensors import NamedTensors


class Wrapper(Method):
    """Another method, hook by hook; a subclass overrides those in which it does something else.

    The choices (schedule, allocation, …) are those of the other method and are set inside `of`.

    Attributes:
        of: the method, with hyper-parameters if wanted: ``rigl[schedule.every=10]``; dense training if empty.
        inner: that method (no hyper-parameter).
    """

    of: str = ""
    schedule: Schedule = field(init=False)
    allocation: Allocation = field(init=False)
    structure: Weights = field(init=False)
    zeros: Zeros = field(init=False)
    step_on_update: bool = field(init=False)

    def __post_init__(self) -> None:
        self.inner = catalog.create(*names.parse(self.of)) if self.of else Dense()
        self.schedule, self.allocation, self.structure = (
            self.inner.schedule,
            self.inner.allocation,
            self.inner.structure,
        )
        self.zeros, self.step_on_update = self.inner.zeros, self.inner.step_on_update

    @property
    def borrows(self) -> tuple[str, ...]:
        """The other method's file."""
        return (self.inner.name, *self.inner.borrows) if self.of else ()

    def skip(self, spec: RunSpec) -> str:
        """The other method's reason."""
        return self.inner.skip(spec)

    def build(self, run: Run) -> None:
        """As the other method."""
        self.inner.build(run)

    def parameter_groups(self, run: Run) -> list[dict[str, Any]]:
        """As the other method."""
        return self.inner.parameter_groups(run)

    def on_train_start(self, run: Run) -> None:
        """As the other method."""
        self.inner.on_train_start(run)

    def saliency(self, run: Run) -> NamedTensors:
        """As the other method."""
        return self.inner.saliency(run)

    def update_masks(self, run: Run) -> None:
        """As the other method."""
        self.inner.update_masks(run)

    def effective(self, run: Run) -> dict[str, torch.Tensor]:
        """As the other method."""
        return self.inner.effective(run)

    def penalty(self, run: Run) -> torch.Tensor | float:
        """As the other method."""
        return self.inner.penalty(run)

    def on_after_backward(self, run: Run) -> None:
        """As the other method."""
        self.inner.on_after_backward(run)

    def on_after_step(self, run: Run) -> None:
        """As the other method."""
        self.inner.on_after_step(run)

    def on_train_end(self, run: Run) -> None:
        """As the other method."""
        self.inner.on_train_end(run)

    def diagnostics(self, run: Run) -> dict[str, float]:
        """As the other method."""
        return self.inner.diagnostics(run)
