"""How distiller's tables prune: by hand on small tensors, and what is computed once changes nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from bench import archs
from bench.recompute.metric import Metric
from bench.recompute.question import Question
from bench.recompute.sources import distiller, distiller_ssl


def question(procedure: str, sparsity: float, layer: str = "conv1") -> Question:
    arguments: dict[str, Any] = {"layer": layer, "sparsity": sparsity}
    return Question("a", "dense", procedure, arguments, (Metric.TOP1,))


def network() -> Any:
    torch.manual_seed(0)
    return archs.create("resnet8_cifar", 10, 3, 8).eval()


@pytest.mark.parametrize(
    ("sparsity", "kept"),
    [(0.0, [1, 1, 1, 1, 1]), (0.39, [1, 0, 1, 1, 1]), (0.4, [0, 0, 1, 1, 1]), (0.6, [0, 0, 0, 1, 1])],
)
def test_the_smallest_elements_go(sparsity: float, kept: list[int]) -> None:
    weight = torch.tensor([-0.2, 0.1, 0.4, -0.5, 0.9])
    assert distiller.kept(weight, question("prune_elements", sparsity)).int().tolist() == kept


def test_what_is_as_small_as_the_last_goes_too() -> None:
    weight = torch.tensor([0.3, -0.3, 0.3, 0.4])
    assert distiller.kept(weight, question("prune_elements", 0.25)).tolist() == [False, False, False, True]


def test_filters_go_by_their_mean_magnitude() -> None:
    weight = torch.tensor([[[[1.0, -1.0]]], [[[0.5, 0.5]]], [[[-3.0, 0.0]]]])  # means of 1, 0.5 and 1.5
    mask = distiller.kept(weight, question("prune_filters", 0.67))
    assert mask.shape == (3, 1, 1, 1)
    assert mask.flatten().tolist() == [False, False, True]


def test_the_pieces_in_turn_are_the_network() -> None:
    net, images = network(), torch.rand(4, 3, 8, 8)
    with torch.no_grad():
        assert torch.allclose(distiller.segments(net)(images), net(images), atol=1e-6)


def test_a_pruned_weight_comes_back_whatever_happens() -> None:
    net = network()
    before = net.conv1.weight.detach().clone()
    mask = distiller.kept(net.conv1.weight, question("prune_elements", 0.5))
    with pytest.raises(ZeroDivisionError), distiller.pruned(net.conv1.weight, mask):
        assert int((net.conv1.weight == 0).sum()) == before.numel() // 2
        raise ZeroDivisionError
    assert torch.equal(net.conv1.weight, before)


def test_a_block_without_its_layers_is_its_input_twice() -> None:
    net, images = network(), torch.rand(2, 16, 8, 8)
    for conv in (net.layer1[0].conv1, net.layer1[0].conv2, net.layer2[0].conv2):
        nn.init.zeros_(conv.weight)
    whole = copy.deepcopy(net)
    distiller_ssl.remove_zero_layers(net)
    first, second, old = net.layer1[0], net.layer2[0], whole.layer2[0]
    with torch.no_grad():
        assert torch.allclose(first(images.clone()), 2 * images)
        expected = torch.relu(torch.relu(old.bn1(old.conv1(images))) + old.downsample(images))
        assert torch.allclose(second(images.clone()), expected, atol=1e-6)
    assert isinstance(net.layer3[0].conv1, nn.Conv2d)
