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
    bounds = {"initial": "[-1000000, 1000000]", "decay": "[0, 1]"}

    def build(self, run: Run) -> None:
        """A trainable s for every prunable tensor; all in one vector, which is cheaper to train than scalars."""
        import torch  # planning loads this file without torch

        dtype = next(run.model.parameters()).dtype
        s = torch.nn.Parameter(torch.zeros(len(run.parameters), dtype=dtype))
        run.extras["thresholds"] = torch.nn.ParameterDict({"s": s})

    def on_train_start(self, run: Run) -> None:
        """Where s starts."""
        shrinks = 1.0 if self.initial is not None else self.shrinkage(run)
        for place, weight in zip(_s(run).data, run.weights.values(), strict=True):
            place.fill_(_logit(weight, run.target) / shrinks if self.initial is None else self.initial)
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
        from bench.thresholding import soft_threshold

        return soft_threshold(run.parameters, _s(run).sigmoid())

    def penalty(self, run: Run) -> torch.Tensor | float:
        """decay/2·Σ s²."""
        if not self.decay:
            return 0.0
        return (self.decay / 2 * _s(run).square()).sum()

    def update_masks(self, run: Run) -> None:
        """The masks are what the thresholds leave, as 1."""
        from bench.thresholding import soft_threshold

        left = soft_threshold(run.weights, _s(run).detach().sigmoid())
        run.masks.copy_(left.abs().sign())

    def on_after_step(self, run: Run) -> None:
        """What is evaluated and kept has the thresholds of the end."""
        if run.step == run.steps - 1:
            self.update_masks(run)


def _s(run: Run) -> torch.nn.Parameter:
    """One per prunable tensor, in their order."""
    return run.extras["thresholds"].get_parameter("s")


def _logit(weight: torch.Tensor, sparsity: float) -> float:
    """The s whose threshold is that quantile of |weight|, at most 0: decay cannot raise a threshold beyond 1/2."""
    import torch

    rank = max(1, round(sparsity * weight.numel()))
    quantile = weight.abs().flatten().double().sort().values[rank - 1]
    return float(torch.logit(quantile.clamp(1e-6, 0.5)))
