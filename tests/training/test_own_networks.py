"""Networks that users bring along are pruned and counted rightly, or refused in one sentence before any training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from bench import archs, catalog, data
from bench.archs import digests
from bench.counting.flops import dense_macs
from bench.counting.graph import companions
from bench.errors import UserError
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.recipe.prunable import check_stored
from bench.results.record import Record
from bench.spec import RunSpec
from bench.structure import check_filters
from bench.training.run import execute
from bench.weights import saved_state
from tests.own_networks import COMPUTED, IMAGE, SUITABLE, two

RECIPE = {
    "batch_size": 300,
    "train": {"steps": 2, "lr": 0.05},
    "finetune": {"steps": 2, "lr": 0.01},
    "initialisation": {"weights": "kaiming_normal"},
}

# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPUTED)
def test_a_weight_that_is_computed_from_others_is_refused(name: str) -> None:
    with pytest.raises(
        UserError, match=r"^architecture 'mine': 'weight' of 'layers\.b' is computed from '[\w.]+'.*last;"
    ):
        check_stored(COMPUTED[name](), "mine")


@pytest.mark.parametrize("lazy", [nn.LazyConv2d(8, 3), nn.LazyLinear(3), nn.LazyBatchNorm2d()])
def test_a_lazy_module_is_refused(lazy: nn.Module) -> None:
    with pytest.raises(UserError, match="architecture 'mine': '1' is a lazy module, without weights"):
        check_stored(nn.Sequential(nn.Conv2d(1, 8, 3), lazy), "mine")


@pytest.mark.parametrize("name", SUITABLE)
def test_all_others_are_not(name: str) -> None:
    check_stored(SUITABLE[name](), "mine")


# -- multiply-adds, worked out by hand -------------------------------------------------------------------------------
SMALL, LARGE = 8 * 1 * 9 * 64, 8 * 8 * 9 * 64
"""Of convolutions from 1 and from 8 channels to 8 at 64 places, with kernels of 9."""
MACS = {
    "one-dimensional": {"layers.a.weight": 16 * 8 * 3 * 8, "layers.b.weight": 16 * 4 * 3 * 6, "fc.weight": 160},
    "rows": {"conv.weight": 4 * 3 * 8 * 8, "fc.weight": 320},
    "three-dimensional": {"layers.a.weight": 8 * 9 * 36, "fc.weight": 80},
    "transposed": {"layers.a.weight": 8 * 9 * 16, "layers.b.weight": 8 * 6 * 4 * 16, "fc.weight": 120},
    "tied": {"layers.a.weight": SMALL, "layers.b.weight": 2 * LARGE, "fc.weight": 80},
    "twice": {"layers.a.weight": SMALL, "layers.b.weight": 2 * LARGE, "fc.weight": 80},
    "reflect": {"layers.a.weight": SMALL, "layers.b.weight": LARGE, "fc.weight": 80},
    "circular": {"layers.a.weight": SMALL, "layers.b.weight": LARGE, "fc.weight": 80},
    "depthwise": {"layers.a.weight": SMALL, "layers.b.weight": SMALL, "fc.weight": 80},
}


@pytest.mark.parametrize("name", SUITABLE)
def test_multiply_adds(name: str) -> None:
    assert dense_macs(SUITABLE[name](), IMAGE) == MACS[name]


# -- runs ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("own")
    data.prepare("digits", found / "data")
    return found


def run(method: str, network: str, results: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """A run of a few steps on the digits, with a network that is registered for it."""
    name = f"own_{network.replace(' ', '_').replace('-', '_')}"
    monkeypatch.setitem(archs._MODELS, name, ("own", network, {}))
    monkeypatch.setattr(archs, "own", lambda _name, **_settings: SUITABLE[network]())
    monkeypatch.setattr(digests, "deviation", lambda _name: {})
    made = catalog.create(method, {})
    recipe = Recipe.read(RECIPE, "the test")
    for point in (0.7, 0.75):
        points = (point,) if made.meaning != "none" else ()
        spec = RunSpec(
            dataset="digits", architecture=name, method=method, points=points, seed=0, recipe=recipe, recipe_text="test"
        )
        if not made.skip(spec):
            break
    return execute(identify(spec), results)


def check(found: Record, network: str, results: Path) -> None:
    """What is saved is the network that was counted: its zeros, its parameters, and it loads again."""
    (result,) = found.results
    state = saved_state(results / "runs" / found.id / result.weights)
    model = SUITABLE[network]()
    model.load_state_dict(state)
    parameters = list(model.parameters())  # a weight of two layers once
    assert result.counts.parameters == sum(parameter.numel() for parameter in parameters)
    assert result.counts.parameters_kept == sum(int(parameter.count_nonzero()) for parameter in parameters)
    for layer in result.layers:
        assert layer.kept == int(state[layer.name].count_nonzero())
        assert layer.macs == pytest.approx(MACS[network][layer.name] * layer.kept / state[layer.name].numel())


@pytest.mark.parametrize(
    ("method", "network"),
    [("sr_ste", "tied"), ("topkast", "twice"), ("l1_filter", "one-dimensional"), ("gmp", "three-dimensional")],
)
def test_what_is_saved_is_what_is_counted(
    method: str, network: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run(method, network, results, monkeypatch)
    assert found.outcome == "ok", found.reason
    check(found, network, results)


def test_a_tensor_of_two_layers_is_zero_in_both(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run("sr_ste", "tied", results, monkeypatch)
    state = saved_state(results / "runs" / found.id / found.results[0].weights)
    assert torch.equal(state["layers.b.weight"], state["layers.c.weight"])
    assert int((state["layers.c.weight"] == 0).sum()) == 432  # three of every four of 576


REFUSED = {
    ("l1_filter", "transposed"): "'layers.b.weight' is a transposed convolution's, in which filters are no rows",
    ("greg", "tied"): "'layers.b.weight' has values in common with another layer",
    ("ftwt", "transposed"): "convolutions that an image passes once, and 'layers.b' is a ConvTranspose2d",
    ("fbs", "twice"): "convolutions that an image passes once, and it passes 'layers.b' several times",
}


@pytest.mark.parametrize(("method", "network"), REFUSED)
def test_what_does_not_suit_a_method_is_said_before_any_training(
    method: str, network: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run(method, network, results, monkeypatch)
    assert (found.outcome, found.cost.epochs) == ("error", 0)
    assert REFUSED[method, network] in found.reason


@pytest.mark.long
@pytest.mark.parametrize("network", SUITABLE)
@pytest.mark.parametrize("method", [name for name in catalog.names() if name != "dpf"])  # which wants two drops
def test_every_method_prunes_them_or_says_why_not(
    method: str, network: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run(method, network, results, monkeypatch)
    if found.outcome == "ok":
        check(found, network, results)
    else:
        assert found.outcome == "collapsed" or (found.outcome == "error" and found.cost.epochs == 0), found.reason


def test_a_bias_of_two_layers_belongs_to_no_filter_of_one() -> None:
    network = two(nn.Conv2d(8, 8, 3, padding=1))
    network.layers["a"].bias = network.layers["b"].bias
    for name in ("layers.a.weight", "layers.b.weight"):
        with pytest.raises(UserError, match=f"removes whole filters, and '{name}' has values in common"):
            check_filters(network, [name], "mine")


# -- batch norms behind filters --------------------------------------------------------------------------------------


def test_batch_norms_of_any_dimension_go_with_their_filters() -> None:
    found = companions(SUITABLE["one-dimensional"](), ["layers.a.weight", "layers.b.weight"], torch.zeros(1, *IMAGE))
    assert found["norms.a.bias"] == found["layers.a.bias"] == "layers.a.weight"
    assert found["norms.b.weight"] == "layers.b.weight"


def test_a_batch_norm_without_scale_has_none_that_goes() -> None:
    network = two(nn.Conv2d(8, 8, 3))
    network.norms["b"] = nn.BatchNorm2d(8, affine=False)
    assert set(companions(network, ["layers.b.weight"], torch.zeros(1, *IMAGE))) == {"layers.b.bias"}


def test_a_batch_norm_behind_two_layers_is_refused() -> None:
    network = two(nn.Conv2d(8, 8, 3))
    network.norms["b"] = network.norms["a"]
    with pytest.raises(UserError, match=r"the batch norm 'norms\.a' stands behind 'layers\.a', 'layers\.b'"):
        companions(network, ["layers.a.weight", "layers.b.weight"], torch.zeros(1, *IMAGE))
