"""Golden runs: the engine's numbers, one run a family, in float64.

They fail when the engine computes something else than it used to. If that was the intention, raise
`bench.identity.ENGINE_VERSION`, so that old results are not taken for new ones, and write the new numbers down here
(`pytest tests/bench/test_golden.py` prints them).
"""

import pytest

from bench.identity import ENGINE_VERSION
from bench.run import execute
from tests.contract.harness import Laboratory, spec_for

VERSION = 1
GOLDEN = {
    # method: (training loss of the last epoch, loss on the test images)
    "dense": (0.8898841335073947, 0.751622205780961),
    "random": (1.0651524727227906, 1.6681485826931393),
    "magnitude": (0.9001948143771518, 1.204788473192551),
    "gmp": (1.152805618297757, 1.1737286857105835),
    "snip": (1.013382840021017, 1.528960635557954),
    "rigl": (0.9150774375535337, 0.8858671165454163),
    "dpf": (0.9596682695973264, 1.0545240051247984),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A results folder."""
    return Laboratory(tmp_path_factory.mktemp("golden"))


def test_the_numbers_belong_to_this_version_of_the_engine():
    assert VERSION == ENGINE_VERSION


@pytest.mark.parametrize("method", GOLDEN)
def test_golden(lab, method):
    found = execute(spec_for(method, network="resnet8_cifar", precision="fp64"), lab.results)
    measured = (found.curves[-1].train_loss[-1], found.results[0].loss)
    print(f"\n    {method!r}: {measured},")
    assert measured == pytest.approx(GOLDEN[method], rel=1e-6)
