"""Weight decay on kept entries only, for weights that live on under a mask and a recipe that says so."""

from __future__ import annotations

import torch

from bench.context import Run
from bench.optimization import current_rate


class KeptDecay:
    """The decay that the training loop applies itself, because the optimizer's would also reach masked entries.

    Attributes:
        masked: the parameters concerned, with their masks; none where the optimizer's own decay is right.
    """

    def __init__(self, run: Run) -> None:
        self.settings = run.recipe.optimizer
        right = self.settings.decay_masked or run.method.zeros.value == "zero" or not self.settings.weight_decay
        self.masked: list[tuple[torch.nn.Parameter, torch.Tensor]] = (
            [] if right else [(parameter, run.masks[name]) for name, parameter in run.parameters.items()]  # type: ignore[misc]
        )

    def apply(self, optimizer: torch.optim.Optimizer) -> None:
        """Decay once, before the optimizer's step: SGD's through the gradient, AdamW's on the weights themselves."""
        for parameter, mask in self.masked:
            if self.settings.name == "sgd" and parameter.grad is not None:
                parameter.grad.add_(parameter.detach() * mask, alpha=self.settings.weight_decay)
            elif self.settings.name == "adamw":
                with torch.no_grad():
                    parameter.mul_(1 - current_rate(optimizer) * self.settings.weight_decay * mask)
