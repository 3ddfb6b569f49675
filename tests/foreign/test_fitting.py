"""Names of somebody's weights in a network of ours; what it computes is compared, not only what it is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from bench.errors import UserError
from bench.foreign.fitting import fitted
from bench.weights import load_state


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 3))


IMAGES = torch.linspace(-1, 1, 128).reshape(2, 1, 8, 8)


def answers(model: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = model.eval()(IMAGES)
    return result


@pytest.mark.parametrize("prefix", ["", "net.", "module.", "model.", "backbone.module."])
def test_what_torch_pruned_and_did_not_make_permanent_is_multiplied_by_its_masks(tmp_path: Path, prefix: str) -> None:
    theirs = network()
    prune.l1_unstructured(theirs[0], "weight", 0.5)
    prune.random_structured(theirs[3], "weight", 1, dim=0)
    prune.l1_unstructured(theirs[3], "bias", 1)
    torch.save({f"{prefix}{name}": value for name, value in theirs.state_dict().items()}, tmp_path / "w.pt")
    ours = network()
    found = fitted(ours, load_state(tmp_path / "w.pt"))
    assert found.masked == 3
    ours.load_state_dict(found.state)
    assert torch.equal(answers(ours), answers(theirs))
    assert int((ours[0].weight == 0).sum()) == 18  # half of 36


def test_a_mask_beside_a_weight_of_its_own_name_counts_too() -> None:
    state = network().state_dict()
    mask = torch.zeros(4, 1, 3, 3)
    assert not fitted(network(), state | {"0.weight_mask": mask}).state["0.weight"].any()


@pytest.mark.parametrize(
    ("mask", "more", "said"),
    [
        (torch.full((4, 1, 3, 3), 0.5), {}, "a mask, '0.weight_mask', that is not one 0 or 1 for each value"),
        (torch.ones(4), {}, "a mask, '0.weight_mask', that is not one 0 or 1 for each value"),
        (torch.ones(4, 1, 3, 3), {"0.weight": torch.ones(4, 1, 3, 3)}, "hold '0.weight' and '0.weight_orig'"),
        (None, {}, "there is no '0.weight'; nothing is called '0.weight_orig'"),
    ],
)
def test_masks_that_are_none_are_refused(mask: torch.Tensor | None, more: dict[str, torch.Tensor], said: str) -> None:
    state = network().state_dict()
    state["0.weight_orig"] = state.pop("0.weight")
    state |= more | ({} if mask is None else {"0.weight_mask": mask})
    with pytest.raises(UserError, match=said):
        fitted(network(), state, "w.pt: the weights")


@pytest.mark.parametrize("prefix", ["model.", "net.", "network.", "backbone.", "model.net.", "model._orig_mod."])
def test_known_prefixes_are_taken_off_and_told(prefix: str) -> None:
    state = network().state_dict()
    found = fitted(network(), {f"{prefix}{name}": value for name, value in state.items()})
    assert found.prefix == prefix
    assert found.state.keys() == state.keys()


def test_a_prefix_that_is_the_network_s_own_stays() -> None:
    ours = nn.ModuleDict({"net": nn.Linear(2, 2), "model": nn.Linear(2, 2)})
    found = fitted(ours, ours.state_dict())
    assert (found.prefix, found.state.keys()) == ("", ours.state_dict().keys())
    alone = nn.ModuleDict({"net": nn.Linear(2, 2, bias=False)})
    masked = {"net.weight_orig": torch.ones(2, 2), "net.weight_mask": torch.eye(2)}
    assert torch.equal(fitted(alone, masked).state["net.weight"], torch.eye(2))


@pytest.mark.parametrize("wrapper", ["module", "_orig_mod", "_checkpoint_wrapped_module"])
def test_wrappers_of_a_part_of_a_network_are_taken_off(wrapper: str) -> None:
    ours = nn.ModuleDict({"features": nn.ModuleList([nn.Linear(2, 2)]), "fc": nn.Linear(2, 1)})
    state = ours.state_dict()
    theirs = {name.replace("features.", f"features.{wrapper}."): value for name, value in state.items()}
    assert fitted(ours, theirs).state.keys() == state.keys()


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int64, torch.bool])
def test_whole_numbers_are_no_weights(kind: torch.dtype) -> None:
    state = network().state_dict()
    state["3.weight"] = state["3.weight"].mul(100).to(kind)
    with pytest.raises(UserError, match=r"'3\.weight' holds whole numbers \(\w+\), codes whose scale is not told"):
        fitted(network(), state)


@pytest.mark.parametrize("cast", [torch.Tensor.half, torch.Tensor.double, torch.Tensor.bfloat16])
def test_other_precisions_are_weights(cast: Callable[[torch.Tensor], torch.Tensor]) -> None:
    state = {
        name: cast(value) if value.is_floating_point() else value for name, value in network().state_dict().items()
    }
    found = fitted(network(), state).state
    assert {name: value.shape for name, value in found.items()} == {name: value.shape for name, value in state.items()}
    network().load_state_dict(found)


def test_two_tensors_for_one_are_refused() -> None:
    ours = nn.ModuleDict({"fc": nn.Linear(2, 1)})
    state = {f"{name}.{kind}": torch.zeros(1, 2) for name in ("head", "linear") for kind in ("weight",)}
    with pytest.raises(UserError, match="have two tensors for one"):
        fitted(ours, state)
