"""What training costs, in multiply-adds: forward and backward of every image, at the density of that moment."""

from __future__ import annotations

from collections.abc import Mapping

from bench.zeros import Zeros


class TrainingMacs:
    """Counts multiply-adds of training and scoring passes; theoretical, like all MACs of sparse networks here.

    A training pass is a forward pass, the gradient with respect to activations and the gradient with respect to
    weights, each as large as the forward pass. Where masked weights receive a gradient (straight-through), the last of
    the three is dense; otherwise all follow the masks (RigL, appendix H; Zhu & Gupta).

    Args:
        dense: multiply-adds per image by weight name; products without weights under names of their own.
        sizes: number of weights of each prunable tensor.
        zeros: what the method does with masked entries.
    """

    def __init__(self, dense: Mapping[str, int], sizes: Mapping[str, int], zeros: Zeros) -> None:
        self.dense, self.sizes, self.zeros = dense, sizes, zeros
        self.total = float(sum(dense.values()))
        self.sparse = self.total

    def masks_changed(self, kept: Mapping[str, int]) -> None:
        """Take over how many weights each prunable tensor keeps."""
        pruned = sum(self.dense[name] * (1 - kept[name] / self.sizes[name]) for name in kept if name in self.dense)
        self.sparse = self.total - pruned

    def step(self, images: int) -> float:
        """Multiply-adds of a training step on so many images."""
        return images * (2 * self.sparse + (self.total if self.zeros.gradient == "live" else self.sparse))

    def scoring(self, images: int) -> float:
        """Multiply-adds of gradients for every weight, pruned ones too, at the masked network."""
        return images * (2 * self.sparse + self.total)
