"""Sketch: per-input filter gating (Elkerdawy et al. 2022, arXiv:2110.08232), decoupled, max pooling."""

import torch
from torch import nn

from bench.method import Dense, Method, Run, Stage
from bench.schedule import Never


class Ftwt(Method):
    """A predictor per convolution gates filters by input; its labels are the filters with a mass r of activation."""

    schedule = Never()
    meaning = "dynamic"
    needs_extras = True

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """Dense training, then training with gates."""
        return [
            Stage("pretrain", method=Dense()),
            Stage("gated", points[0], "finetune", ("pretrain",), yields=points),
        ]

    def build(self, run: Run) -> None:
        """Attach a predictor to every convolution that a batch norm follows."""
        modules = dict(run.model.named_modules())
        pairs = [(n, m) for n, m in modules.items() if isinstance(m, nn.Conv2d)]
        run.extras["predictors"] = nn.ModuleDict(
            {name.replace(".", "_"): nn.Linear(conv.in_channels, conv.out_channels) for name, conv in pairs}
        )
        self._losses: list[torch.Tensor] = []
        for name, conv in pairs:
            conv.register_forward_hook(self._gate(run, name.replace(".", "_")))

    def _gate(self, run: Run, name: str):  # type: ignore[no-untyped-def]
        def hook(conv: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            pooled = inputs[0].detach().amax(dim=(2, 3)).softmax(dim=1)
            logits = run.extras["predictors"][name](pooled)
            if conv.training:
                labels = mass_mask(output.detach(), run.target)
                self._losses.append(nn.functional.binary_cross_entropy_with_logits(logits, labels))
            return output * (logits > 0).to(output.dtype)[:, :, None, None]

        return hook

    def penalty(self, run: Run) -> torch.Tensor:
        """The predictors' loss, averaged over layers."""
        losses, self._losses = self._losses, []
        return torch.stack(losses).mean()


def mass_mask(output: torch.Tensor, r: float) -> torch.Tensor:
    """1 for the strongest filters that hold a fraction r of the activation mass; shape (batch, filters)."""
    peak = output.abs().amax(dim=(2, 3))
    share = peak / peak.sum(dim=1, keepdim=True)
    ordered, order = share.sort(dim=1, descending=True)
    keep = (ordered.cumsum(dim=1) - r <= 1e-5).to(output.dtype)
    return torch.zeros_like(share).scatter(1, order, keep)
