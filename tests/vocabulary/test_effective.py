from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from bench import archs
from bench.effective import effective_masks
from bench.recipe.prunable import prunable

FLAT = (3, 1, 1)
"""Shape of an image for networks that begin by flattening it to three inputs."""


def two_layers(hidden: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(3, hidden), nn.ReLU(), nn.Linear(hidden, 2))


def ones(model: nn.Module) -> dict[str, Tensor]:
    return {name: torch.ones_like(weight) for name, weight in prunable(model, "all").items()}


def live(model: nn.Module, masks: dict[str, Tensor], shape: tuple[int, int, int]) -> dict[str, Tensor]:
    found = effective_masks(model, masks, shape)
    assert found is not None
    return found


def test_a_hidden_unit_without_inputs_makes_its_outputs_dead() -> None:
    masks = {"1.weight": torch.tensor([[0, 0, 0], [1, 1, 0]]), "3.weight": torch.tensor([[1, 0], [1, 1]])}
    found = live(two_layers(), masks, FLAT)
    assert found["1.weight"].int().tolist() == [[0, 0, 0], [1, 1, 0]]
    assert found["3.weight"].int().tolist() == [[0, 0], [0, 1]]


def test_a_hidden_unit_that_nobody_reads_makes_its_inputs_dead() -> None:
    masks = {"1.weight": torch.tensor([[1, 1, 1], [1, 0, 0]]), "3.weight": torch.tensor([[0, 1], [0, 1]])}
    found = live(two_layers(), masks, FLAT)
    assert found["1.weight"].int().tolist() == [[0, 0, 0], [1, 0, 0]]
    assert found["3.weight"].int().tolist() == [[0, 1], [0, 1]]


def test_what_only_a_bias_feeds_is_dead() -> None:
    model = two_layers()
    nn.init.ones_(model[1].bias)  # type: ignore[arg-type]
    found = live(model, {"1.weight": torch.zeros(2, 3), "3.weight": torch.ones(2, 2)}, FLAT)
    assert not found["3.weight"].any()


def test_a_weight_that_is_not_prunable_counts_as_kept_whatever_its_value() -> None:
    model = two_layers()
    nn.init.zeros_(model[3].weight)  # type: ignore[arg-type]
    found = live(model, {"1.weight": torch.ones(2, 3)}, FLAT)
    assert found.keys() == {"1.weight"}
    assert found["1.weight"].all()


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_a_weight_is_live_if_a_path_leads_through_it(seed: int, kept: float) -> None:
    draws = torch.Generator().manual_seed(seed)
    model = two_layers(hidden=4)
    first, second = (torch.rand(shape, generator=draws) < kept for shape in ((4, 3), (2, 4)))
    found = live(model, {"1.weight": first, "3.weight": second}, FLAT)
    assert torch.equal(found["1.weight"], first & second.any(0)[:, None])
    assert torch.equal(found["3.weight"], second & first.any(1)[None, :])


@pytest.mark.parametrize(
    "name", ["resnet8_cifar", "resnet8a_cifar", "wrn22_2_cifar", "convnet_small", "test_resnet", "mobilenetv2_035"]
)
def test_a_dense_convolutional_network_is_live_throughout(name: str) -> None:
    size = 32 if name in archs.OWN else 64  # at 32 pixels timm's last maps have one pixel, see below
    model = archs.create(name, 10, 3, size)
    assert all(mask.all() for mask in live(model, ones(model), (3, size, size)).values())


def test_where_maps_have_one_pixel_only_the_centre_of_a_kernel_meets_it() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Flatten(), nn.Linear(1, 1))
    found = live(model, ones(model), (1, 1, 1))
    assert found["0.weight"].int().flatten().tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_an_empty_layer_kills_a_chain() -> None:
    model = archs.create("convnet_small", 10, 1, 8)
    masks = ones(model)
    masks["layers.0.weight"].zero_()
    assert not any(mask.any() for mask in live(model, masks, (1, 8, 8)).values())


@pytest.mark.parametrize("name", ["resnet8_cifar", "resnet8a_cifar"])
def test_past_an_empty_layer_a_shortcut_keeps_the_rest_alive(name: str) -> None:
    model = archs.create(name, 10, 1, 8)
    masks = ones(model)
    masks["layer1.0.conv1.weight"].zero_()
    dead = {layer for layer, mask in live(model, masks, (1, 8, 8)).items() if not mask.any()}
    assert dead == {"layer1.0.conv1.weight", "layer1.0.conv2.weight"}


def test_without_its_shortcut_a_padded_channel_depends_on_the_residual_alone() -> None:
    # Option A, 16 to 32 channels: of the 32 outputs of layer2.0 the shortcut feeds only the middle ones, 8 to 23.
    model = archs.create("resnet8a_cifar", 10, 1, 8)
    masks = ones(model)
    masks["layer2.0.conv2.weight"].zero_()
    readers = live(model, masks, (1, 8, 8))["layer3.0.conv1.weight"].any(3).any(2).any(0)
    assert readers.nonzero().flatten().tolist() == list(range(8, 24))


def test_a_single_path_through_a_very_deep_network_does_not_underflow() -> None:
    # 400 layers of 64 channels with one weight each: products of 1/64 would end at 64**-400, far below float64.
    layers = [nn.Conv2d(64, 64, 1, bias=False) for _ in range(400)]
    model = nn.Sequential(*layers)
    single = torch.zeros(64, 64, 1, 1)
    single[7, 7] = 1
    found = live(model, {f"{number}.weight": single for number in range(400)}, (64, 2, 2))
    assert all(mask.sum() == 1 for mask in found.values())


def test_a_maximum_lets_every_pixel_count_and_clipping_none_is_lost() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU6(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2))
    second = torch.zeros(2, 8)
    second[0, 3] = 1  # one pixel of channel 0: channel 1 is not read
    found = live(model, {"0.weight": torch.ones(2, 1, 3, 3), "4.weight": second}, (1, 6, 6))
    assert found["0.weight"].flatten(1).all(1).tolist() == [True, False]


class Gated(nn.Module):
    """Squeeze-and-excitation in its barest form."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        gated: Tensor = x * self.gate(x)
        return gated


def test_networks_for_which_it_is_undefined_give_none() -> None:
    assert effective_masks(Gated(), ones(Gated()), (1, 2, 2)) is None
    vit = archs.create("test_vit", 10, 3, 32)
    assert effective_masks(vit, ones(vit), (3, 32, 32)) is None
    normalised = nn.Sequential(nn.Flatten(), nn.LayerNorm(3), nn.Linear(3, 2))
    assert effective_masks(normalised, ones(normalised), FLAT) is None
    dilated = nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2, dilation=2))
    assert effective_masks(dilated, ones(dilated), (1, 6, 6)) is None


def test_a_tensor_shared_by_two_layers_gives_none() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 3), nn.Linear(3, 3))
    model[2].weight = model[1].weight
    assert effective_masks(model, ones(model), FLAT) is None


def test_a_mask_of_something_else_gives_none() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    assert effective_masks(model, {"1.weight": torch.ones(1)}, (1, 2, 2)) is None


def test_the_network_is_left_as_it_was_and_gradients_may_be_off() -> None:
    model = archs.create("convnet_small", 10, 1, 8)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    described = repr(model)
    with torch.no_grad():
        assert effective_masks(model, ones(model), (1, 8, 8)) is not None
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert (model.training, repr(model)) == (True, described)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_what_a_method_hooked_to_the_network_is_neither_asked_nor_lost() -> None:
    model, seen = two_layers(), []
    model[1].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs))
    model[2].register_forward_hook(lambda _module, _inputs, output: output * 0)  # a closed gate
    assert all(bool(mask.all()) for mask in live(model, ones(model), FLAT).values())
    assert seen == []
    assert not model[2](torch.ones(2)).any()
