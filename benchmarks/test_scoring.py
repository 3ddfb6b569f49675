"""What scoring costs beyond the forward and backward passes that the score consists of."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from bench.context import Run
from bench.masks import Masks
from bench.tensors import NamedTensors
from benchmarks.loops import trainer


def gradient(run: Run, passes: int = 1) -> None:
    """The gradient of the loss on a batch: what SNIP and a round of FORCE need."""
    images, labels = run.batches.scoring(0, "bare")
    run.model.train()
    for _ in range(passes):
        torch.autograd.grad(cross_entropy(run.model(images), labels), run.parameters.tensors())


def hessian_times_gradient(run: Run) -> None:
    """The gradient, and the derivative of its product with itself (Wang et al. 2020, algorithm 2), over two halves."""
    images, labels = run.batches.balanced(10, 0, "bare")
    halves = list(zip(images.chunk(2), labels.chunk(2), strict=True))
    weights = run.parameters.tensors()
    run.model.train()
    found = [torch.autograd.grad(cross_entropy(run.model(x) / 200, y), weights) for x, y in halves]
    total = [a + b for a, b in zip(*found, strict=True)]
    for x, y in halves:
        again = torch.autograd.grad(cross_entropy(run.model(x) / 200, y), weights, create_graph=True)
        product = torch.stack([(a * b).sum() for a, b in zip(total, again, strict=True)]).sum()
        torch.autograd.grad(product, weights)


def flow(run: Run) -> None:
    """The barest hundred rounds of SynFlow to a tenth of the weights, in float64 as its own.

    A round needs the mask of the one before. So a threshold is part of it: torch's `kthvalue`, as in the authors' code,
    by which weights are zeroed in place. Nothing is counted or checked, and ties may keep too few.
    """
    model = copy.deepcopy(run.model).double().eval()
    named = dict(model.named_parameters())
    weights, ones = [named[name] for name in run.masks], torch.ones(1, 3, 32, 32, dtype=torch.float64)
    size = sum(weight.numel() for weight in weights)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    for number in range(1, 101):
        slopes = torch.autograd.grad(model(ones).sum(), weights)
        with torch.no_grad():
            scores = [weight * slope for weight, slope in zip(weights, slopes, strict=True)]
            removed = int((1 - 0.1 ** (number / 100)) * size)
            threshold = torch.cat([score.flatten() for score in scores]).kthvalue(removed).values
            for weight, score in zip(weights, scores, strict=True):
                weight.mul_(score > threshold)


@pytest.mark.parametrize(
    ("method", "bare", "passes", "rounds"),
    [
        ("snip", gradient, "a gradient", 9),
        ("grasp", hessian_times_gradient, "a gradient and a Hessian's product", 7),
        ("synflow", flow, "100 gradients on one image and thresholds", 5),
        ("force", lambda run: gradient(run, 60), "60 gradients", 2),
    ],
    ids=["snip", "grasp", "synflow", "force"],
)
def test_scoring(ratio: Any, method: str, bare: Callable[[Run], None], passes: str, rounds: int) -> None:
    """The whole mask update at 90 %, selection and all (and FORCE's measure of what it reached)."""
    run = trainer(method).run

    def update() -> None:
        run.masks.copy_(NamedTensors((name, torch.ones_like(mask)) for name, mask in run.masks.items()))
        run.method.update_masks(run)

    ratio(
        *(f"scoring by {method}", update, passes, lambda: bare(run)),
        target=1.15,
        rounds=rounds,
        warm_up=int(method != "force"),
    )


def test_exact_global_selection(ratio: Any) -> None:
    """The tenth of 25 million weights with the largest scores kept, in fifty layers, against sorting all scores."""
    from bench.allocation import Global
    from bench.structure import Weights

    drawn = torch.Generator().manual_seed(0)
    scores = {str(layer): torch.randn(1000, 500, generator=drawn).abs() for layer in range(50)}
    masks = Masks(scores, Global(), Weights(), ties=lambda: torch.Generator().manual_seed(0))
    flat = torch.cat([score.flatten() for score in scores.values()])
    ratio(
        *("exact global selection of 25 million", lambda: masks.keep(scores, 0.9), "torch.sort", lambda: _sort(flat)),
        target=0.15,
        rounds=5,
    )


def _sort(values: torch.Tensor) -> None:
    values.sort()
