"""FTWT: which filters fire is predicted for every image."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from bench.method import Dense, Method, Run, Stage
from bench.schedule import Never

if TYPE_CHECKING:
    import torch

    from bench.gating import Gate


class FTWT(Method):
    """Elkerdawy et al. 2022, arXiv:2110.08232: predictors gate filters, their labels are the strongest activations.

    The target is r, the share of a layer's activation that the labels keep, the same in every layer. The network
    starts from the dense one. Read: the official code (selkerdawy/FTWT) and the authors' poster; not the paper's text.

    Attributes:
        pool: how a predictor summarises a map: ``avg`` as in the official code, ``max`` as the paper draws it.
        coupling: ``decoupled`` predictors leave the network alone, ``joint`` ones send their gradient into it.
        after_block: gate a block's last convolution behind the sum and its activation, not before.
        min_k: filters that the labels keep at least; the paper's rule keeps none if one filter holds more than r.
        cooldown: fraction of the phase, in whole epochs, after which the predictors' loss no longer counts.
        rate, momentum: of the predictors' own SGD: a constant rate, without weight decay.
        estimate_on: scoring batches on which the reduction is estimated before training.
    """

    schedule = Never()
    meaning = "dynamic"
    needs_extras = True
    pool: Literal["avg", "max"] = "avg"
    coupling: Literal["decoupled", "joint"] = "decoupled"
    after_block: bool = False
    min_k: int = 0
    cooldown: float = 0.5
    rate: float = 0.1
    momentum: float = 0.9
    estimate_on: int = 8
    bounds = {
        "points": "(0, 1]",
        "min_k": "[0, 100000]",
        "cooldown": "[0, 1]",
        "rate": "(0, 1000]",
        "momentum": "[0, 1)",
        "estimate_on": "[1, 100000]",
    }
    reports = {
        "reduction_strict": {
            "title": "MACs saved",
            "unit": "%",
            "better": "higher",
            "meaning": "multiply-adds that skipping exactly what the gates turn off saves, means over the test images",
        },
        "reduction_paper": {
            "title": "Saved by the paper's count",
            "unit": "%",
            "better": "higher",
            "meaning": "the same as FTWT's authors count it: gated convolutions alone, predictors for free",
        },
        "reduction_strict_estimated": {
            "title": "MACs saved, estimated",
            "unit": "%",
            "meaning": "with the dense network's labels as masks, on training images, before the gates are trained",
        },
        "reduction_paper_estimated": {
            "title": "By the paper's count, estimated",
            "unit": "%",
            "meaning": "the same by the count of FTWT's authors",
        },
        "predictors": {
            "title": "Predictors' MACs",
            "unit": "%",
            "better": "lower",
            "meaning": "what all predictors take, of the dense network's multiply-adds",
        },
        "filters_kept": {"title": "Filters kept", "unit": "%", "meaning": "of the gated ones"},
        "layers_empty": {"title": "Layers without filters", "unit": "%", "meaning": "of the gated ones"},
    }

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """Dense training, then the same network with gates for the recipe's ``finetune`` phase."""
        dynamic = Stage("dynamic", points[0], "finetune", ("pretrain",), yields=points)
        return [Stage("pretrain", method=Dense()), dynamic]

    def build(self, run: Run) -> None:
        """Put a gate behind every convolution with a batch norm, except on shortcuts."""
        from bench.gating import gates_for

        for gate in gates_for(run, self.look, partial(self.let_through, run.target)):
            block = gate.layer.name.rpartition(".")[0]
            behind = self.after_block and not gate.layer.activation and block
            gate.attach(run.model, block if behind else gate.layer.norm)

    def look(self, gate: Gate, x: torch.Tensor) -> None:
        """The predictor's logits, from the softmax over channels of the pooled input."""
        x = x.detach() if self.coupling == "decoupled" else x
        pooled = x.mean((2, 3)) if self.pool == "avg" else x.amax((2, 3))
        gate.logits = gate.predictor(pooled.softmax(1))

    def let_through(self, r: float, gate: Gate, output: torch.Tensor, training: bool) -> torch.Tensor:
        """The filters with a probability above one half; in training also the loss, a sum over filters.

        While it observes, the labels are the mask, and everything is let through.
        """
        from torch.nn.functional import binary_cross_entropy_with_logits

        gate.mask = (gate.logits.detach() > 0).to(output.dtype)
        if training or gate.mode == "observe":
            labels = mass_mask(gate.activate(output.detach()), r, self.min_k).to(output.dtype)
            gate.loss = binary_cross_entropy_with_logits(gate.logits, labels, reduction="none").sum(1).mean()
        if gate.mode == "observe":
            gate.mask = labels
            return output
        return output * gate.mask[:, :, None, None]

    def parameter_groups(self, run: Run) -> list[dict[str, Any]]:
        """The predictors, at a constant rate."""
        settings = {"lr": self.rate, "momentum": self.momentum, "nesterov": False, "weight_decay": 0.0}
        return [{"params": list(run.extras.parameters())} | settings]

    def penalty(self, run: Run) -> torch.Tensor:
        """The predictors' loss, a mean over layers; 0 after the cool-down, when only momentum still moves them."""
        import torch

        from bench.gating import losses_of

        loss = torch.stack(losses_of(run)).mean()
        return loss * (run.progress < (self.end_of_mask_loss(run) - 0.5) / run.steps)

    def end_of_mask_loss(self, run: Run) -> int:
        """The step at which the predictors' loss stops: after int(cooldown · epochs) epochs; in steps if that is 0."""
        epoch = run.batches.steps_per_epoch
        return int(self.cooldown * run.steps / epoch) * epoch or round(self.cooldown * run.steps)

    def on_train_start(self, run: Run) -> None:
        """Estimate the reduction from the dense network: its own labels, on training images, as masks."""
        import torch

        from bench.gated_macs import measure
        from bench.gating import gates_of, in_mode

        with in_mode(gates_of(run), "observe"):
            found = measure(run, (run.batches.scoring(number, "estimate")[0] for number in range(self.estimate_on)))
        for name in ("reduction_paper", "reduction_strict"):
            run.state[f"{name}_estimated"] = torch.tensor(found[name], dtype=torch.float64)

    def diagnostics(self, run: Run) -> dict[str, float]:
        """What the gates save on the test images, what was estimated before training, and the difference in points."""
        from bench.gated_macs import measure

        found = measure(run, (images for images, _ in run.batches.evaluation("test")))
        for name in ("reduction_paper", "reduction_strict"):
            found[f"{name}_estimated"] = float(run.state[f"{name}_estimated"])
            found[f"{name}_error"] = found[f"{name}_estimated"] - found[name]
        return found


def mass_mask(output: torch.Tensor, r: float, min_k: int = 0) -> torch.Tensor:
    """The labels: which filters hold the share r of the activation; boolean, (images, filters).

    A filter's activation is the largest absolute value of its map. The strongest are kept as long as their sum stays
    within r + 1e-5, so the one that crosses r is dropped. At r = 1 all are kept but those with a share up to 1e-5.
    Where no filter is active all are kept.

    Args:
        output: activations, (images, filters, H, W).
        r: in (0, 1].
        min_k: the strongest `min_k` filters are kept in any case.
    """
    peak = output.abs().amax((2, 3))
    total = peak.sum(1, keepdim=True)
    share = peak / total.where(total > 0, 1)
    ordered, order = share.sort(dim=1, descending=True, stable=True)
    rank = order.argsort(1)
    dropped = share <= 1e-5 if r == 1 else (running_sum(ordered) - r > 1e-5).gather(1, rank)
    return ~dropped | (total == 0) | (rank < min_k)


def running_sum(x: torch.Tensor) -> torch.Tensor:
    """Cumulative sums of rows by doubling strides; torch's own has no deterministic version on GPUs."""
    from torch.nn.functional import pad

    stride = 1
    while stride < x.shape[1]:
        x = x + pad(x[:, :-stride], (stride, 0))
        stride *= 2
    return x
