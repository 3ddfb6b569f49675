"""Golden runs: the engine's numbers, one run a family, in float64.

They fail when the engine computes something else than it used to. If that was the intention, raise
`bench.identity.ENGINE_VERSION`, so that old results are not taken for new ones, and write the new numbers down here
(`pytest tests/training/test_golden.py` prints them).

The numbers are those of every processor: sums round in the sixteenth digit, of which training takes some away. Initial
weights are not drawn as usual, since torch's float32 draws depend on vector instructions in the seventh digit already.
"""

import math

import pytest
import torch

from bench import archs
from bench.identity import ENGINE_VERSION
from bench.training.run import execute
from tests.contract.harness import Laboratory, spec_for

VERSION = 1
NETWORK = "convnet_strided"
GOLDEN = {
    # method: (training loss of the last epoch, loss on the test images)
    "dense": (1.0200442080476528, 1.1251668905153345),
    "random": (1.151070997924071, 1.2071765546586641),
    "magnitude": (1.0303669327029827, 1.1262523530048598),
    "gmp": (1.2973310310835708, 1.3334323838079336),
    "snip": (1.1290332462516093, 1.1723714888643386),
    "rigl": (1.0214405855321285, 0.9534144602096519),
    "dpf": (1.1805582516873088, 1.2182723392579675),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A results folder."""
    return Laboratory(tmp_path_factory.mktemp("golden"))


def test_the_numbers_belong_to_this_version_of_the_engine():
    assert VERSION == ENGINE_VERSION


create = archs.create


def exactly(name, *arguments, **settings):
    """`bench.archs.create`, with whole numbers times a power of two for weights, about as large as He's."""
    model = create(name, *arguments, **settings)
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in (parameter for parameter in model.parameters() if parameter.dim() > 1):
            unit = 2.0 ** round(math.log2(math.sqrt(6 / weight[0].numel()) / 2**20))
            weight.copy_(torch.randint(-(2**20), 2**20 + 1, weight.shape, generator=draws) * unit)
    return model


@pytest.mark.parametrize("method", GOLDEN)
def test_golden(lab, monkeypatch, method):
    monkeypatch.setattr(archs, "create", exactly)
    given = {"weights": "architecture"}
    spec = spec_for(method, network=NETWORK, precision="fp64", initialisation=given)
    found = execute(spec, lab.results)
    measured = (found.curves[-1].train_loss[-1], found.results[0].loss)
    print(f"\n    {method!r}: {measured},")
    assert measured == pytest.approx(GOLDEN[method], rel=1e-6)
