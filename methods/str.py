"""Soft threshold reparametrisation: every layer learns the threshold that prunes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.method import Method, Run
from bench.schedule import Periodic
from bench.zeros import Zeros

if TYPE_CHECKING:
    import torch


class STR(Method):
    """Kusupati et al. 2020, arXiv:2002.03231: W_eff = sign(W)·relu(|W| − sigmoid(s)), one learned s per layer.

    Weight decay pulls s towards 0 and so the threshold up. The sparsity that comes of it is an outcome. The target
    only chooses where s starts, if `initial` does not: such that, if nothing but decay moved s, the threshold would
    end at the target's quantile of the layer's initial |W|.

    A pruned weight gets no gradient; it returns through a falling threshold or its own momentum.

    Attributes:
        initial: s at the start, in every layer; the paper's networks have −3200 (ResNet-50) and −12800 (MobileNet).
            None derives it from the target.
        decay: weight decay of s, as a penalty decay/2·s², on top of the recipe's, which acts on s too.
    """

    schedule = Periodic(every=1)
    zeros = Zeros(value="live", gradient="zero", state="live")
    meaning = "reached"
    initial: float | None = None
    decay: float = 0.0

    def build(self, run: Run) -> None:
        """One trainable scalar per prunable tensor."""
        import torch  # planning loads this file without torch

        dtype = next(run.model.parameters()).dtype
        scalars = {_key(name): torch.nn.Parameter(torch.zeros((), dtype=dtype)) for name in run.parameters}
        run.extras["thresholds"] = torch.nn.ParameterDict(scalars)

    def on_train_start(self, run: Run) -> None:
        """Where s starts."""
        shrinks = 1.0 if self.initial is not None else self.shrinkage(run)
        for name, weight in run.weights.items():
            value = _logit(weight, run.target) / shrinks if self.initial is None else self.initial
            _thresholds(run)[_key(name)].data.fill_(value)
        self.update_masks(run)

    def shrinkage(self, run: Run) -> float:
        """The factor by which decay alone takes s towards 0 in this stage: exp(−Σ rate·decay/(1 − momentum))."""
        import math

        from bench.optimization import learning_rate

        optimizer = run.recipe.optimizer
        rates = sum(learning_rate(run.phase, step, run.batches.steps_per_epoch) for step in range(run.steps))
        gain = 1 - optimizer.momentum if optimizer.name == "sgd" else 1.0
        return math.exp(-rates * (optimizer.weight_decay + self.decay) / gain)

    def effective(self, run: Run) -> dict[str, torch.Tensor]:
        """Soft-thresholded weights."""
        import torch

        thresholds = _thresholds(run)
        return {
            name: weight.sign() * torch.relu(weight.abs() - torch.sigmoid(thresholds[_key(name)]))
            for name, weight in run.parameters.items()
        }

    def penalty(self, run: Run) -> torch.Tensor | float:
        """decay/2·Σ s²."""
        if not self.decay:
            return 0.0
        penalty: torch.Tensor = sum(self.decay / 2 * s.square() for s in _thresholds(run).values())
        return penalty

    def update_masks(self, run: Run) -> None:
        """The masks are what the thresholds leave."""
        for name, weight in run.weights.items():
            run.masks[name].copy_(weight.abs() > _thresholds(run)[_key(name)].detach().sigmoid())

    def on_after_step(self, run: Run) -> None:
        """What is evaluated and kept has the thresholds of the end."""
        if run.step == run.steps - 1:
            self.update_masks(run)


def _thresholds(run: Run) -> torch.nn.ParameterDict:
    found: torch.nn.ParameterDict = run.extras["thresholds"]  # type: ignore[assignment]
    return found


def _key(name: str) -> str:
    """Names of parameters must not have dots."""
    return name.replace(".", "_")


def _logit(weight: torch.Tensor, sparsity: float) -> float:
    """The s whose threshold is that quantile of |weight|, at most 0: decay cannot raise a threshold beyond 1/2."""
    import torch

    rank = max(1, round(sparsity * weight.numel()))
    quantile = weight.abs().flatten().double().kthvalue(rank).values
    return float(torch.logit(quantile.clamp(1e-6, 0.5)))
