"""Soft thresholds beside their formula, as autograd takes it."""

import torch

from bench.tensors import NamedTensors
from bench.thresholding import soft_threshold


def tensors():
    """Two of different shapes, thresholds of 0.25 and 0.5, and a gradient for each."""
    a = torch.tensor([[1.0, -0.75, 0.25, 0.0], [-0.25, 0.125, -2.0, 0.3]], dtype=torch.float64)
    b = torch.tensor([[[0.5]], [[-1.5]], [[-0.0]]], dtype=torch.float64)
    return NamedTensors(a=a, b=b), torch.tensor([0.25, 0.5], dtype=torch.float64), (a + 3, b - 7)


def test_by_hand():
    weights, thresholds, _ = tensors()
    left = soft_threshold(weights, thresholds)
    assert left["a"].tolist() == [[0.75, -0.5, 0, 0], [0, 0, -1.75, 0.3 - 0.25]]
    assert left["b"].flatten().tolist() == [0, -1, 0]
    assert torch.equal(weights["a"], tensors()[0]["a"]), "latent weights stay"


def test_gradients_are_those_of_the_formula_to_the_last_bit():
    found = []
    for fused in (True, False):
        weights, thresholds, gradients = tensors()
        points = [thresholds.requires_grad_(), *(weight.requires_grad_() for weight in weights.values())]
        left = (
            soft_threshold(weights, thresholds).tensors()
            if fused
            else [w.sign() * torch.relu(w.abs() - t) for w, t in zip(weights.values(), thresholds, strict=True)]
        )
        found.append([*left, *torch.autograd.grad(left, points, gradients)])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*found, strict=True))
    # Of a: 1, −0.75, −2 and 0.3 are left, with gradients 4, 2.25, 1 and 3.3; of b −1.5, with −8.5.
    assert found[0][2].tolist() == [-(4 - 2.25 - 1 + 3.3), -8.5]


def test_a_threshold_of_nothing_and_one_above_all():
    weights, _, _ = tensors()
    left = soft_threshold(weights, torch.tensor([0.0, 9.0], dtype=torch.float64))
    assert torch.equal(left["a"], weights["a"])
    assert not left["b"].any()
