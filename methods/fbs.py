"""FBS: channels are boosted or suppressed for every image."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Literal

from bench.errors import UserError
from bench.method import Dense, Method, Run, Stage
from bench.schedule import Never

if TYPE_CHECKING:
    import torch

    from bench.gating import Gate


class FBS(Method):
    """Gao et al. 2019, arXiv:1810.05331: a linear layer on the pooled input scales each channel; the largest stay.

    The scale takes the place of the batch norm's own, a learned constant that of its shift. The target is d, the share
    of channels that stays in every layer. Read: the official code (deep-fry/mayo), not the paper's text.

    Attributes:
        pool: how a map is summarised; ``l1`` and ``l2`` are the means of absolute values and of squares.
        rounds: after training at d = 1, in so many equal steps d falls to the target, each with a training of its own.
            The authors say "gradually" and no number.
        penalty_l1: factor of the scales' sum over layers and channels in the loss, a mean over images.
    """

    schedule = Never()
    meaning = "dynamic"
    needs_extras = True
    pool: Literal["avg", "max", "l1", "l2"] = "avg"
    rounds: int = 2
    penalty_l1: float = 0.0
    bounds = {"points": "(0, 1]", "rounds": "[1, 100]", "penalty_l1": "[0, 1000]"}
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
        """Dense training; the same network with all channels scaled; then fewer and fewer of them."""
        shares = [1 - (1 - points[0]) * number / self.rounds for number in range(self.rounds + 1)]
        found = [Stage("pretrain", method=Dense())]
        for number, share in enumerate(shares if points[0] < 1 else [1.0]):
            found.append(Stage(f"gated{number}", share, "finetune", (found[-1].name,)))
        found[-1] = Stage(found[-1].name, points[0], "finetune", found[-1].parents, yields=points)
        return found

    def build(self, run: Run) -> None:
        """Put a gate behind every convolution with a batch norm, whose own scale and shift are frozen."""
        import torch

        from bench.gating import gates_for

        drawn = run.generator("scales")
        for gate in gates_for(run, self.look, partial(self.let_through, run.target)):
            norm = run.model.get_submodule(gate.layer.norm)
            if type(norm).__name__ != "BatchNorm2d":
                raise UserError(
                    f"method 'fbs': '{gate.layer.norm}' is not a plain batch norm, whose scale it replaces."
                )
            norm.requires_grad_(False)
            torch.nn.init.trunc_normal_(gate.predictor.weight, std=0.05, a=-0.1, b=0.1, generator=drawn)
            torch.nn.init.ones_(gate.predictor.bias)
            shift = torch.full_like(gate.predictor.bias.detach(), 0.1)
            gate.register_parameter("shift", torch.nn.Parameter(shift))
            gate.attach(run.model, gate.layer.norm)

    def on_train_start(self, run: Run) -> None:
        """Batch norms only normalise; later stages go on with the scales of the one before."""
        from bench.gating import gates_of

        for gate in gates_of(run):
            norm = run.model.get_submodule(gate.layer.norm)
            norm.get_parameter("weight").data.fill_(1.0)
            norm.get_parameter("bias").data.fill_(0.0)
        (parent,) = run.stage.parents
        if parent != "pretrain":
            run.extras.load_state_dict(run.parent(parent)["extras"])

    def look(self, gate: Gate, x: torch.Tensor) -> None:
        """The scales before their ReLU."""
        x = x.abs() if self.pool == "l1" else x.square() if self.pool == "l2" else x
        gate.logits = gate.predictor(x.amax((2, 3)) if self.pool == "max" else x.mean((2, 3)))

    def let_through(self, share: float, gate: Gate, output: torch.Tensor, training: bool) -> torch.Tensor:
        """Scale and shift what is normalised; channels whose scale is not among the largest become 0."""
        scale = gate.logits.relu()
        gate.mask = largest(scale.detach(), share).to(output.dtype)
        gate.loss = (scale * gate.mask).sum(1).mean()
        shifted = output * scale[:, :, None, None] + gate.get_parameter("shift")[:, None, None]
        return shifted * gate.mask[:, :, None, None]

    def penalty(self, run: Run) -> torch.Tensor | float:
        """The sum of the scales that are in use, where it is wanted."""
        from bench.gating import losses_of

        losses = losses_of(run)
        return self.penalty_l1 * sum(losses) if self.penalty_l1 else 0.0

    def diagnostics(self, run: Run) -> dict[str, float]:
        """What the gates save on the test images."""
        from bench.gated_macs import measure

        return measure(run, (images for images, _ in run.batches.evaluation("test")))


def largest(scale: torch.Tensor, share: float) -> torch.Tensor:
    """Which scales are above the (k + 1)-th largest of their image, k = ⌈share · channels⌉; (images, channels).

    Equal scales at the threshold all fall, so dead ones leave fewer than k. With k the number of channels all stay.
    """
    channels = scale.shape[1]
    kept = math.ceil(round(share * channels, 6))
    if kept == channels:
        return scale >= 0
    return scale > scale.topk(kept + 1, dim=1).values[:, -1:]
