"""Which neurons stay, and what takes the place of the others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.archs.lenet import Perceptron
from bench.recompute.sources import neuron_merging as source
from tests.recompute.brought import brought


def test_the_norm_counts_bias_and_sign() -> None:
    neurons = torch.tensor([[0.5, 0.5, 0.0], [-2.0, 0.0, 0.0], [0.0, 0.0, 3.0], [0.1, 0.1, 0.1]])
    assert source.strongest(neurons, 2).tolist() == [1, 2]
    assert source.strongest(neurons, 3).tolist() == [0, 1, 2]


def test_a_neuron_that_goes_becomes_a_multiple_of_the_most_similar() -> None:
    neurons = torch.tensor([[3.0, 4.0], [6.0, 8.0], [0.0, -1.0], [1.0, 0.0]])
    kept = torch.tensor([1, 3])
    # Row 0 is half of row 1; row 2 is at right angles to row 3 and points away from row 1.
    assert source.merging(neurons, kept).tolist() == [[0.5, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]


def test_similarity_has_a_threshold() -> None:
    neurons = torch.tensor([[1.0, 0.0], [0.44, (1 - 0.44**2) ** 0.5], [0.46, (1 - 0.46**2) ** 0.5]])
    found = source.merging(neurons, torch.tensor([0]))
    assert found.flatten().tolist() == pytest.approx([1.0, 0.0, 1.0])


def network() -> Perceptron:
    """Four and four hidden neurons, of which each second one is half of the one before."""
    torch.manual_seed(0)
    model = Perceptron((4, 4), 3, img_size=(1, 6))
    with torch.no_grad():
        for layer in (model.fc1, model.fc2):
            layer.weight[1::2], layer.bias[1::2] = layer.weight[::2] / 2, layer.bias[::2] / 2
    return model.eval()


def answers(model: torch.nn.Module) -> Tensor:
    torch.manual_seed(1)
    with torch.no_grad():
        return model(torch.randn(8, 1, 1, 6))


def test_merging_multiples_changes_nothing() -> None:
    thin = source.smaller(network(), 0.5, merge=True)
    assert [layer.weight.shape for layer in (thin.fc1, thin.fc2, thin.fc)] == [(2, 6), (2, 2), (3, 2)]
    assert torch.allclose(answers(thin), answers(network()), atol=1e-6)


def test_removing_is_zeroing_outgoing_weights() -> None:
    zeroed = network()
    with torch.no_grad():
        zeroed.fc2.weight[:, 1::2] = 0
        zeroed.fc.weight[:, 1::2] = 0
    thin = source.smaller(network(), 0.5, merge=False)
    assert torch.allclose(answers(thin), answers(zeroed), atol=1e-6)
    assert not torch.allclose(answers(thin), answers(network()), atol=1e-2)


def test_the_published_network_is_the_expected_one() -> None:
    dense = source.load(brought("neuron_merging", "lenet-300-100"))
    thin = source.smaller(dense, 0.8, merge=True)
    assert (thin.fc1.out_features, thin.fc2.out_features) == (60, 20)
