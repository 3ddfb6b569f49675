"""Thresholds in units of each tensor's own deviation, biases among the tensors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.recompute.question import Question
from bench.recompute.sources import deephoyer_reproduction as source
from tests.recompute.brought import brought


def network() -> nn.Module:
    """A weight of deviation 2 (mean 2) and a bias of deviation 0.5 (mean 0)."""
    layer = nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 4.0, 0.0, 4.0], [0.0, 4.0, 0.0, 4.0]]))
        layer.bias.copy_(torch.tensor([0.5, -0.5]))
    return layer


@pytest.mark.parametrize(
    ("deviations", "magnitude", "expected"),
    [(0.0, 0.0, 6), (1.0, 0.0, 6), (1.01, 0.0, 4), (2.0, 0.0, 4), (2.01, 0.0, 0), (0.0, 0.5, 6), (0.0, 0.6, 4)],
)
def test_what_is_below_goes(deviations: float, magnitude: float, expected: int) -> None:
    assert source.left(network(), deviations, magnitude) == expected


def test_the_deviation_is_that_of_the_population() -> None:
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 3.0]]))
    # Deviation 1, where a sample's would be the root of 2.
    assert source.left(layer, deviations=1.0) == 2


def test_notebooks_are_parts() -> None:
    assert source.part(Question("a", "mnist-mlp:elt_0.001_1", "evaluate", {}, ())) == "mnist-mlp"


@pytest.mark.parametrize(("file", "printed"), [("mnist-mlp:elt_0.001_1", 5399), ("mnist-mlp:str_0.001_0", 58028)])
def test_published_networks_are_cut_to_the_printed_count(file: str, printed: int) -> None:
    question = Question("a", file, "cut", {}, ())
    found = source.load(question, brought("deephoyer_reproduction", file))
    assert source.left(found, deviations=0.25) == printed
