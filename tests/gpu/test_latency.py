"""2:4 products on a GPU that has them."""

import pytest
import torch

from bench import archs
from bench.latency.backends import Setting
from bench.latency.timing import compare
from bench.recipe.prunable import layer_weights
from bench.structure import NM

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def test_two_four_gives_the_masked_networks_outputs_and_is_timed():
    model = archs.create("resnet18_cifar", 10, 3, 32)
    with torch.no_grad():
        for weight in layer_weights(model).values():
            if weight[0].numel() % 4 == 0:
                weight.mul_(NM(2, 4).select(weight.abs()))
    timings, refusals = compare(model, model, (3, 32, 32), [64], Setting("cuda", "float16"), repetitions=5)
    assert "2:4" in {each.backend for each in timings}, refusals
