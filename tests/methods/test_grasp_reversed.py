"""GraSP with the reversed sign: what SynFlow's code keeps, worked out by autograd of its objective."""

import torch
from torch import nn

from tests.methods.test_rounds_on_resnet20 import real_run, top


def expected_scores(run, batches):
    """−θ times the gradient of Σ ½‖g_b‖², g_b the gradient of a batch's cross-entropy."""
    weights = run.parameters.tensors()
    total = 0.0
    for number in range(batches):
        images, labels = run.batches.scoring(number)
        loss = nn.functional.cross_entropy(run.model.train()(images), labels)
        gradient = torch.autograd.grad(loss, weights, create_graph=True)
        total = total + sum(value.square().sum() for value in gradient) / 2
    slopes = torch.autograd.grad(total, weights)
    return {
        name: -(weight.detach() * slope) for name, weight, slope in zip(run.parameters, weights, slopes, strict=True)
    }


def masks_after(run):
    run.method.update_masks(run)
    return {name: mask.bool() for name, mask in run.masks.items()}


def test_every_batch_has_its_own_gradient_and_hessian():
    found = masks_after(real_run("grasp_reversed", batches=2))
    kept = sum(int(mask.sum()) for mask in found.values())
    expected = top(expected_scores(real_run("grasp_reversed"), batches=2), kept)
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_it_keeps_what_grasp_at_temperature_1_removes():
    found = masks_after(real_run("grasp_reversed", point=0.3))
    options = {"temperature": 1.0, "per_class": None, "parts": 1, "linear": "trained"}
    opposite = masks_after(real_run("grasp", point=0.7, **options))
    overlap = sum(int((found[name] & opposite[name]).sum()) for name in found)
    assert overlap <= 1  # both counts are rounded up
