"""A thinned network computes what the network with zeros in place of filters computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from bench import archs
from bench.counting.flops import dense_macs
from bench.counting.graph import companions
from bench.counting.thinning import UnthinnableError, thin
from bench.effective import effective_masks
from bench.recipe.prunable import layer_weights

FAMILIES = (
    *("resnet8_cifar", "resnet8a_cifar", "resnet56a_pooled_cifar", "resnet18_cifar"),
    *("wrn22_2_cifar", "vgg16_bn_cifar", "vgg16_bn_bias_maxpool_cifar", "mobilenetv1_cifar", "mobilenetv2_cifar"),
    *("convnet_small", "convnet_strided"),
)
OTHERS = tuple(name for name in archs.OWN if name not in FAMILIES)
SHAPE = (3, 16, 16)


def pruned(name: str, sparsity: float, shape: tuple[int, int, int] = SHAPE) -> nn.Module:
    """An architecture with statistics as after training, and random filters gone as filter methods remove them."""
    torch.manual_seed(0)
    model = archs.create(name, 10, shape[0], shape[1]).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(0, 0.1)
    weights = {key: value for key, value in layer_weights(model).items() if key != "fc.weight"}
    belongs = companions(model, list(weights), torch.zeros(1, *shape))
    with torch.no_grad():
        for key, weight in weights.items():
            gone = torch.rand(len(weight)) < sparsity
            for parameter in (key, *(other for other, of in belongs.items() if of == key)):
                model.get_parameter(parameter)[gone] = 0
    return model


def compare(model: nn.Module, thinned: nn.Module, shape: tuple[int, int, int] = SHAPE) -> float:
    """The largest difference of logits, in units of the largest logit."""
    images = torch.randn(4, *shape)
    with torch.inference_mode():
        expected, found = model(images), thinned(images)
    assert expected.abs().max() > 0
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", [*FAMILIES, *(pytest.param(name, marks=pytest.mark.long) for name in OTHERS)])
def test_a_thinned_network_has_the_same_outputs_and_fewer_weights(name: str) -> None:
    model = pruned(name, 0.5)
    thinned, removed = thin(model, SHAPE)
    assert compare(model, thinned) < 1e-5
    assert removed > 0
    assert sum(p.numel() for p in thinned.parameters()) < 0.65 * sum(p.numel() for p in model.parameters())


def test_without_shortcuts_the_macs_are_those_of_live_paths() -> None:
    model = pruned("vgg16_bn_cifar", 0.5)
    masks = {name: weight != 0 for name, weight in layer_weights(model).items()}
    live = effective_masks(model, masks, SHAPE)
    assert live is not None
    dense = dense_macs(model, SHAPE)
    # Where maps have a single pixel the borders of live kernels only meet padding; a thinned kernel is whole.
    whole = {
        name: mask.flatten(2).any(2).float().mean() if mask.dim() > 2 else mask.float().mean()
        for name, mask in live.items()
    }
    thinned, _ = thin(model, SHAPE)
    assert sum(dense_macs(thinned, SHAPE).values()) == pytest.approx(
        sum(dense[name] * float(whole[name]) for name in dense)
    )


def test_filters_in_front_of_a_residual_sum_are_removed_though_the_shortcut_has_the_channel() -> None:
    model = pruned("resnet8_cifar", 0.0)
    with torch.no_grad():
        for parameter in (model.layer1[0].conv2.weight, model.layer1[0].bn2.weight, model.layer1[0].bn2.bias):
            parameter[:12] = 0
    thinned, removed = thin(model, SHAPE)
    assert thinned.get_submodule("layer1.0.conv2").weight.shape == (4, 16, 3, 3)
    assert removed == 12
    assert compare(model, thinned) < 1e-5


def test_a_channel_that_nobody_reads_is_removed() -> None:
    model = pruned("convnet_small", 0.0)
    with torch.no_grad():
        model.layers[0].weight[:, 3] = 0
    thinned, _ = thin(model, SHAPE)
    assert thinned.get_submodule("conv1").weight.shape[0] == 15
    assert compare(model, thinned) < 1e-5


def test_a_zero_filter_whose_batch_norm_still_shifts_stays() -> None:
    model = pruned("convnet_small", 0.0)
    with torch.no_grad():
        model.conv1.weight[3] = 0
    thinned, removed = thin(model, SHAPE)
    assert removed == 0
    assert compare(model, thinned) < 1e-5


def test_a_network_with_a_layer_that_is_gone_altogether_still_runs() -> None:
    model = pruned("resnet8_cifar", 0.0)
    with torch.no_grad():
        for parameter in (model.layer2[0].conv1.weight, model.layer2[0].bn1.weight, model.layer2[0].bn1.bias):
            parameter.zero_()
    thinned, _ = thin(model, SHAPE)
    assert thinned.get_submodule("layer2.0.conv1").weight.shape[0] == 1
    assert compare(model, thinned) < 1e-5


def test_the_network_itself_is_left_as_it_was() -> None:
    model = pruned("resnet8a_cifar", 0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    thin(model, SHAPE)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


class Gated(nn.Module):
    """Multiplies channels by each other."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return F.glu(x, 1).mean((2, 3))


def test_what_cannot_be_followed_is_refused_by_name() -> None:
    with pytest.raises(UnthinnableError, match="channels can't be followed through 'glu'"):
        thin(Gated(), SHAPE)
