"""L1-norm filter pruning after training."""

from typing import TYPE_CHECKING

from bench.allocation import Allocation, Uniform
from bench.errors import UserError
from bench.method import Method, NamedTensors, Run
from bench.schedule import OneShot, Schedule
from bench.structure import Filters, Weights

if TYPE_CHECKING:
    import torch


class L1Filter(Method):
    """Li et al. 2017, arXiv:1608.08710: remove the filters with the smallest Σ|w| of every layer, fine-tune once.

    The same fraction of filters goes in every layer of the prunable set, of a fractional number the next larger one,
    as the paper's counts of parameters have it; a filter goes with its bias and with scale and shift of the batch norm
    behind it. Removed filters stay in the tensors as zeros.

    Attributes:
        greedy: layer by layer, a filter's sum leaves out the kernels on channels that are removed already. By default
            layers are ranked independently.
    """

    schedule: Schedule = OneShot(after="pretrain")
    allocation: Allocation = Uniform(rounding="down")
    structure: Weights = Filters()
    greedy: bool = False

    def saliency(self, run: Run) -> NamedTensors:
        """|w|; of a filter the mean of it, which orders the filters of a layer as the sum does."""
        return run.weights.abs()

    def update_masks(self, run: Run) -> None:
        """Rank the layers independently, or one after the other."""
        scores = self.saliency(run)
        if not self.greedy:
            run.masks.keep(scores, run.sparsity)
            return
        chosen = run.masks.clone()
        for name in chosen:
            run.masks.keep(scores * _read(run, chosen), run.sparsity)
            chosen[name].copy_(run.masks[name])
        for name, mask in chosen.items():
            run.masks[name].copy_(mask)


def _read(run: Run, masks: NamedTensors) -> NamedTensors:
    """1 for kernels whose input channel carries something under these masks, in the shape of the weights."""
    from bench.effective import effective_masks  # planning loads this file without torch

    images, _ = run.batches.scoring(0, "companions")
    live = effective_masks(run.model, masks, tuple(images.shape[1:]))  # type: ignore[arg-type]
    if live is None:
        raise UserError("l1_filter[greedy=true] needs a network in which paths can be followed: no attention or gates.")
    return NamedTensors((name, _whole_kernels(live[name]).to(mask.dtype)) for name, mask in masks.items())


def _whole_kernels(live: "torch.Tensor") -> "torch.Tensor":
    """A kernel on a live channel counts whole, also where its borders only meet padding."""
    return live.view(*live.shape[:2], -1).any(-1).view(*live.shape[:2], *[1] * (live.dim() - 2)).expand_as(live)
