"""Powerpropagation: weights are powers of what is trained, so that small ones move less."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.method import Run, Stage
from bench.structure import Filters
from bench.wrapper import Wrapper

if TYPE_CHECKING:
    import torch

BY_MAGNITUDE = {"magnitude", "one_shot", "gmp", "topkast"}
"""Methods that look at nothing but |w|, whose ranking is that of |θ|."""


class Powerprop(Wrapper):
    """Schwarz et al. 2021, arXiv:2110.00296: w = θ·|θ|^(α − 1), and θ is trained, pruned by another method.

    The gradient of θ is α·|θ|^(α − 1) times that of w: what is large moves more, and many weights stay near 0. θ starts
    where w has its usual initial value. Biases and batch norms are trained as they are. By default the trained network
    is pruned at once, the same in every layer, and not trained again, as in the authors' notebook.

    Attributes:
        of: what prunes, by magnitude: ``topkast`` is the paper's combination.
        alpha: α; 1 is ordinary training. The notebook has 1 to 5.
    """

    of: str = "one_shot[of=magnitude[allocation=uniform]]"
    alpha: float = 2.0
    bounds = {"alpha": "[1, 10]"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if {self.inner.name, *self.inner.borrows} - BY_MAGNITUDE or isinstance(self.structure, Filters):
            raise UserError(
                f"powerprop[of]: '{self.of}' does not rank single weights by magnitude alone, as do "
                f"{', '.join(sorted(BY_MAGNITUDE))}."
            )

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """The other method's; the dense training is no other method's."""
        return [replace(stage, method=None) for stage in self.inner.stages(points)]

    def on_train_start(self, run: Run) -> None:
        """θ = sign(w)·|w|^(1/α), once; then as the other method."""
        if not run.stage.parents:
            for weight in run.weights.values():
                weight.copy_(_power(weight, 1 / self.alpha))
        super().on_train_start(run)

    def effective(self, run: Run) -> dict[str, torch.Tensor]:
        """w, under the mask straight-through where pruned weights are alive."""
        found = {name: _power(parameter, self.alpha) for name, parameter in run.parameters.items()}
        if self.zeros.value == "live":
            return {name: weight + (weight * run.masks[name] - weight).detach() for name, weight in found.items()}
        return found


def _power(value: torch.Tensor, exponent: float) -> torch.Tensor:
    """Like ``value · |value|^(exponent − 1)``, whose derivative at 0 is not a number where the exponent is below 2."""
    return value.sign() * value.abs() ** exponent
