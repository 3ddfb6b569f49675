"""SynFlow behind a log-softmax: by hand for one layer, and in rounds on a ResNet-20."""

import math

import pytest
import torch

from tests.methods.test_rounds_at_init import prepared
from tests.methods.test_rounds_on_resnet20 import made_positive, real_run


def test_scores_of_one_layer():
    # z = |W| (1, 1) = (1, 2), its softmax (p, 1 − p) with p = 1 / (1 + e): ∂R/∂z = (1 − 2p, 1 − 2(1 − p)) = ±(1 − 2p).
    run = prepared("synflow_log_softmax", ([[0.25, -0.75], [-1.5, 0.5]],), [5.0, 7.0], 0.5).run
    slope = 1 - 2 / (1 + math.e)
    scores = run.method.saliency(run)["0.weight"].flatten().tolist()
    assert scores == pytest.approx([0.25 * slope, 0.75 * slope, 1.5 * slope, 0.5 * slope], rel=1e-12)


def test_masks_of_the_rounds_equal_a_network_made_positive():
    run = real_run("synflow_log_softmax", point=0.98, **{"ramp.steps": 10})
    mask = made_positive(run, lambda logits: logits.log_softmax(1).sum())
    run.method.update_masks(run)
    assert all(torch.equal(run.masks[name].bool(), mask[name]) for name in mask)
