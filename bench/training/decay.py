"""Weight decay that the training loop applies itself, because no optimizer of torch has it."""

from __future__ import annotations

import torch

from bench.context import Run
from bench.optimization import current_rate, decayed


class OwnDecay:
    """The decay of kept entries only, of weights that live on under a mask, and the decay of each step.

    Attributes:
        masked: the parameters of which only what is kept decays, with their masks; none unless a recipe says so.
        whole: those of which each step takes its share, all entries alike; none unless the recipe's decay is ``step``.
    """

    def __init__(self, run: Run) -> None:
        self.settings = run.recipe.optimizer
        right = self.settings.decay_masked or run.method.zeros.value == "zero" or not self.settings.weight_decay
        self.masked: list[tuple[torch.nn.Parameter, torch.Tensor]] = (
            [] if right else [(parameter, run.masks[name]) for name, parameter in run.parameters.items()]  # type: ignore[misc]
        )
        self.whole: list[torch.nn.Parameter] = []
        if self.settings.decay == "step":
            groups = run.method.parameter_groups(run)
            others = {id(parameter) for group in groups for parameter in group["params"]} | self.parameters
            self.whole = [p for p in decayed([run.model, run.extras], self.settings) if id(p) not in others]

    @property
    def parameters(self) -> set[int]:
        """The ids of all parameters that decay here, and so not in the optimizer."""
        return {id(parameter) for parameter, _ in self.masked} | set(map(id, self.whole))

    def apply(self, optimizer: torch.optim.Optimizer) -> None:
        """Decay once, before the optimizer's step: SGD's through the gradient, others on the weights themselves."""
        decay = self.settings.weight_decay
        with torch.no_grad():
            for parameter in self.whole:
                parameter.mul_(1 - decay)
            for parameter, mask in self.masked:
                if self.settings.decay == "step":
                    parameter.mul_(1 - decay * mask)
                elif self.settings.name == "adamw":
                    parameter.mul_(1 - current_rate(optimizer) * decay * mask)
                elif parameter.grad is not None:
                    parameter.grad.add_(parameter * mask, alpha=decay)
