"""The second counter's file against real networks, and the first counter's layers against the file.

Written anew by ``PYTHONPATH=. python tests/counts/test_counts_traced.py`` when a network is added.
"""

from __future__ import annotations

import csv
import io
import math
from functools import cache

import pytest

from bench import archs
from bench.counting.flops import dense_macs
from bench.counts.networks import NETWORKS, all_kept
from bench.counts.traced import FILE, tensors
from bench.recipe.prunable import layer_weights

TRACED = ("resnet18", "resnet34", "resnet50", "mobilenetv1_100", "resnet56a_cifar", "resnet110a_cifar")


@cache
def lines(network: str) -> list[tuple[str, str, str, int]]:
    """Network, tensor, shape and multiply-adds of each weight tensor."""
    classes, side = (10, 32) if network.endswith("_cifar") else (1000, 224)
    model = archs.create(network, classes, 3, (side, side))
    macs = dense_macs(model, (3, side, side))
    return [(network, name, "x".join(map(str, each.shape)), macs[name]) for name, each in layer_weights(model).items()]


def listed() -> str:
    """The file's text."""
    text = io.StringIO()
    rows = [line for network in TRACED for line in lines(network)]
    csv.writer(text, lineterminator="\n").writerows([("network", "tensor", "shape", "macs"), *rows])
    return text.getvalue()


def test_the_file_has_the_layers_of_the_networks() -> None:
    assert FILE.read_text(encoding="utf-8") == listed(), "run this file as a script"


@pytest.mark.parametrize("network", TRACED)
def test_both_counters_see_the_same_layers(network: str) -> None:
    layers = NETWORKS[network](all_kept)
    found = sorted((each.weights, each.macs) for each in tensors(network))
    assert found == sorted((layer.weights, layer.weights * layer.positions) for layer in layers)
    assert [math.prod(each.shape[:2]) for each in tensors(network)][-1] == layers[-1].weights


if __name__ == "__main__":
    FILE.write_text(listed(), encoding="utf-8")
