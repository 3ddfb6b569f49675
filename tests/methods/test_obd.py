"""Optimal Brain Damage against the whole Hessian of a network that is small enough for one."""

import torch

from bench import catalog
from tests.methods.by_hand import linear, trainer_for

IMAGES, LABELS = [[1.0, 2.0, -0.5], [0.3, -1.0, 1.5]], [0, 1]
FIRST, SECOND = [[0.5, -0.2, 0.3], [0.1, 0.4, -0.6]], [[0.4, -0.3], [-0.5, 0.8]]


def run_for(**fields):
    model = torch.nn.Sequential(*linear(FIRST), torch.nn.Tanh(), *linear(SECOND))
    return trainer_for(catalog.create("obd", fields), model, IMAGES, LABELS, 0.5).run


def flat(tensors):
    return torch.cat([tensor.flatten() for tensor in tensors])


def hessian():
    """Of the mean cross-entropy, over all ten weights."""

    def loss(weights):
        first, second = weights[:6].view(2, 3), weights[6:].view(2, 2)
        logits = (torch.tensor(IMAGES, dtype=torch.float64) @ first.T).tanh() @ second.T
        return torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS))

    return torch.autograd.functional.hessian(loss, flat(run_for().weights.values()).clone())


def test_a_probe_gives_the_diagonal_and_the_cross_terms_that_average_out():
    run = run_for(probes=1)
    run.at(0)
    signs = flat(run.normal().sign().values())
    run.at(0)  # the same draw again
    found = flat(run.method.saliency(run).values())
    weights = flat(run.weights.values())
    torch.testing.assert_close(found, signs * (hessian() @ signs) * weights**2 / 2)
    assert set(signs.tolist()) == {-1.0, 1.0}


def test_many_probes_find_h_w_squared_over_two():
    run, whole = run_for(probes=1000), hessian()
    expected = whole.diagonal() * flat(run.weights.values()) ** 2 / 2
    found = flat(run.method.saliency(run).values())
    # A probe's variance at weight k is the sum of the squares of the other entries of row k.
    spread = (whole.square().sum(1) - whole.diagonal() ** 2).sqrt() * flat(run.weights.values()) ** 2 / 2
    assert bool(((found - expected).abs() < 5 * spread / 1000**0.5).all())
    assert bool((spread / 1000**0.5 < 0.2 * expected.abs().max()).all()), "so that the bound says something"
