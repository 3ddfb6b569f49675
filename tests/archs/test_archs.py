"""What our own architectures do, and how they are found by name; their sizes are in `test_archs_sizes.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from bench import archs
from bench.archs.mobilenet_cifar import InvertedResidual
from bench.archs.residual import BasicBlock, Bottleneck, PadShortcut, PooledShortcut
from bench.archs.snip_networks import STRIDED, Padding
from bench.archs.vgg_headed import HeadedVGG
from bench.effective import effective_masks
from bench.errors import UserError
from bench.recipe.prunable import prunable

ROOT = Path(__file__).parents[2]

LARGE = {
    *("resnet34_cifar", "resnet50_cifar", "wrn16_10_cifar", "wrn22_8_cifar", "wrn28_8_cifar", "wrn28_10_cifar"),
    *("vgg16_bn_4096_cifar", "alexnet_b_cifar", "vgg_d_cifar"),
}
"""Same classes as smaller ones: seconds and gigabytes for little."""


@pytest.mark.parametrize("name", archs.OWN)
def test_other_images_and_classes(name: str) -> None:
    with torch.device("meta"):  # shapes without arithmetic
        sizes = [[16], [32]] if name in archs.FLAT else [[7, 8, 28]]
        for fitting in sizes:
            model = archs.create(name, 7, 1, fitting[0]).eval()
            assert all(model(torch.zeros(2, 1, size, size)).shape == (2, 7) for size in fitting)


def test_lenet5_is_not_for_images_that_its_convolutions_use_up() -> None:
    with pytest.raises(UserError, match=r"^LeNet-5 takes images of 16 pixels or more, not 15x15\."):
        archs.create("lenet5_caffe", 10, 1, 15)


@pytest.mark.parametrize("side", [32, 17, 1])
def test_alexnet_is_padded_as_tensorflow_pads(side: int) -> None:
    from timm.layers import pad_same  # once our package has seen to its imports

    for kernel, _ in STRIDED:
        image = torch.randn(1, 2, side, side + 1)
        assert torch.equal(Padding(kernel)(image), pad_same(image, (kernel, kernel), (2, 2)))


@pytest.mark.parametrize(
    ("name", "negative"), [("lenet5_caffe", True), ("lenet5_caffe_relu", False), ("lenet5", False)]
)
def test_caffes_lenet_has_no_relu_after_its_convolutions(name: str, negative: bool) -> None:
    model = archs.create(name, 10, 1, 28)
    seen: list[torch.Tensor] = []
    model.get_submodule("fc1").register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model(torch.randn(4, 1, 28, 28))
    assert bool((seen[0] < 0).any()) == negative


@pytest.mark.parametrize(
    ("name", "side"),
    [
        *[("resnet20_cifar", 8), ("resnet56_bottleneck_cifar", 8), ("resnet56a_pooled_cifar", 8)],
        *[("resnet32_double_cifar", 8), ("vgg11_bn_bias_cifar", 2)],
        *[("resnet18_cifar", 4), ("wrn22_2_cifar", 8), ("convnet_small", 8)],
        *[("vgg16_bn_cifar", 2), ("vgg19_bn_bias_cifar", 2), ("vgg16_bn_bias_maxpool_cifar", 1)],
        *[("mobilenetv1_cifar", 2), ("mobilenetv2_cifar", 8)],
    ],
)
def test_the_basics_that_timm_expects(name: str, side: int) -> None:
    model = archs.own(name, num_classes=5, in_chans=3).eval()
    features = model.forward_features(torch.zeros(1, 3, 32, 32))  # type: ignore[operator]
    assert features.shape == (1, model.num_features, side, side)
    assert model.forward_head(features, pre_logits=True).shape == (1, model.num_features)  # type: ignore[operator]
    assert model.get_classifier() is model.fc  # type: ignore[operator]
    assert isinstance(model.conv1, nn.Conv2d)  # what `registration` calls the first convolution
    model.reset_classifier(3)  # type: ignore[operator]
    assert model.num_classes == 3
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
    model.reset_classifier(0)  # type: ignore[operator]
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, model.num_features)
    with pytest.raises(ValueError, match="avg"):
        model.reset_classifier(3, "max")  # type: ignore[operator]


def test_option_a_pads_channels_on_both_sides_of_every_second_pixel() -> None:
    image = torch.arange(8.0).reshape(1, 2, 2, 2)  # two channels of 2x2: 0 1 / 2 3 and 4 5 / 6 7
    assert PadShortcut(extra=2, stride=2)(image).flatten().tolist() == [0.0, 0.0, 4.0, 0.0]


def test_ftwts_option_a_averages_pads_behind_and_passes_no_gradient_in_training() -> None:
    image = torch.arange(4.0).reshape(1, 1, 2, 2).requires_grad_()
    shortcut = PooledShortcut(extra=1, stride=2)
    assert shortcut(image).flatten().tolist() == [1.5, 0.0]  # (0 + 1 + 2 + 3) / 4
    assert not shortcut(image).requires_grad
    (gradient,) = torch.autograd.grad(shortcut.eval()(image).sum(), image)
    assert gradient.flatten().tolist() == [0.25] * 4


def test_in_ftwts_resnet_the_three_stages_still_learn_through_their_residuals() -> None:
    # In training what is before a stage change is reached only through the first convolution behind it.
    model = archs.create("resnet56a_pooled_cifar", 2, 1, 8).train()
    model.get_submodule("layer2.0.bn2").weight.data.zero_()  # type: ignore[union-attr,operator]
    model(torch.randn(4, 1, 8, 8)).sum().backward()
    gradients = {name: parameter.grad.abs().sum() for name, parameter in model.named_parameters()}  # type: ignore[union-attr]
    assert gradients["conv1.weight"] == 0
    assert gradients["layer2.1.conv1.weight"] > 0


@pytest.mark.parametrize(
    ("name", "kind", "blocks"), [("resnet56_cifar", BasicBlock, 27), ("resnet56_bottleneck_cifar", Bottleneck, 27)]
)
def test_dpfs_resnet56_has_as_many_blocks_but_bottlenecks(name: str, kind: type[nn.Module], blocks: int) -> None:
    model = archs.create(name, 10, 3, 32)
    assert sum(isinstance(module, kind) for module in model.modules()) == blocks


def test_layers_that_the_names_count() -> None:
    # Convolutions outside shortcuts and the linear layer; DPF's "56" are 1 + 27·3 + 1.
    counted = {"resnet110a_cifar": 110, "resnet34_cifar": 34, "resnet50_cifar": 50, "resnet56_bottleneck_cifar": 83}
    for name, layers in counted.items():
        modules = archs.create(name, 10, 3, 32).named_modules()
        weights = [path for path, module in modules if isinstance(module, nn.Conv2d | nn.Linear)]
        assert sum("downsample" not in path for path in weights) == layers


def test_mobilenetv2_adds_the_input_where_the_shape_stays() -> None:
    # 17 blocks, of which the first of each of the 7 stages changes the number of channels.
    model = archs.create("mobilenetv2_cifar", 10, 3, 32)
    assert [module.same for module in model.modules() if isinstance(module, InvertedResidual)].count(True) == 10


@pytest.mark.parametrize(("name", "biases"), [("vgg16_bn_cifar", 0), ("vgg19_bn_bias_cifar", 16)])
def test_convolutions_of_vgg_have_a_bias_if_the_name_says_so(name: str, biases: int) -> None:
    convolutions = [m for m in archs.create(name, 10, 3, 32).modules() if isinstance(m, nn.Conv2d)]
    assert sum(convolution.bias is not None for convolution in convolutions) == biases


def test_heads_with_hidden_layers_repeat_small_maps_and_drop_behind_every_relu() -> None:
    """As torchvision's VGG does with a map of one pixel, and SynFlow's on Tiny ImageNet with one of 2x2."""
    model = HeadedVGG(11, hidden=(6, 5), side=2, num_classes=3, drop_rate=0.5).eval()
    maps = torch.randn(4, 512, 1, 1)
    first, second = (layer for layer in model.hidden)
    x = maps.expand(4, 512, 2, 2).flatten(1)
    x = (x @ first.weight.T + first.bias).clamp(min=0)
    expected = (x @ second.weight.T + second.bias).clamp(min=0)
    torch.testing.assert_close(model.forward_head(maps, pre_logits=True), expected)
    torch.testing.assert_close(model.forward_head(maps), expected @ model.fc.weight.T + model.fc.bias)
    seen: list[torch.Tensor] = []
    model.head_drop.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model.train().forward_head(maps)
    assert [tuple(each.shape) for each in seen] == [(4, 6), (4, 5)]
    assert all(bool((each >= 0).all()) for each in seen)


def test_five_poolings_leave_a_2x2_map_of_64_pixels() -> None:
    with torch.device("meta"):
        model = archs.create("vgg16_bn_1024_tiny", 200, 3, 64)
        assert model.forward_features(torch.zeros(1, 3, 64, 64)).shape == (1, 512, 2, 2)  # type: ignore[operator]
    assert sum(parameter.numel() for parameter in model.parameters()) == 18_075_912  # SynFlow's, built from its code


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LARGE else name for name in archs.OWN]
)
def test_effective_sparsity_is_defined_for_all_of_ours(name: str) -> None:
    size = 16 if name in archs.FLAT else 8
    model = archs.create(name, 10, 1, size)
    masks = {key: torch.ones_like(weight) for key, weight in prunable(model, "all").items()}
    masks["fc.weight"][1:] = 0  # one class is read: all its weights are live, and nothing else of the layer
    live = effective_masks(model, masks, (1, size, size))
    assert live is not None
    assert torch.equal(live["fc.weight"], masks["fc.weight"].bool())
    assert live[next(iter(masks))].flatten(1).any(1).all()


@pytest.mark.parametrize(
    "name",
    [
        *["resnet56a_pooled_cifar", "resnet56_bottleneck_cifar", "mobilenetv1_cifar", "mobilenetv2_cifar"],
        *[pytest.param(name, marks=pytest.mark.long) for name in ("resnet18_cifar", "vgg16_bn_bias_maxpool_cifar")],
    ],
)
def test_at_32_pixels_every_dense_weight_is_live(name: str) -> None:
    model = archs.create(name, 10, 3, 32)
    live = effective_masks(model, {key: torch.ones_like(w) for key, w in prunable(model, "all").items()}, (3, 32, 32))
    assert live is not None
    assert all(mask.all() for mask in live.values())


@pytest.mark.parametrize("name", ["vgg16_bn_cifar", "mobilenetv1_cifar"])
def test_a_chain_without_shortcuts_dies_with_one_layer(name: str) -> None:
    model = archs.create(name, 10, 1, 8)
    masks = {key: torch.ones_like(weight) for key, weight in prunable(model, "all").items()}
    masks[list(masks)[3]].zero_()
    live = effective_masks(model, masks, (1, 8, 8))
    assert live is not None
    assert not any(mask.any() for mask in live.values())


def test_dropout_stands_inside_the_blocks_of_a_wide_resnet_and_before_the_classifier_elsewhere() -> None:
    wide = dict(archs.create("wrn22_2_cifar", 10, 3, 32, dropout=0.3).named_modules())
    assert wide["layer1.0.drop"].p == 0.3
    assert wide["head_drop"].p == 0.0
    assert archs.create("resnet8_cifar", 10, 3, 32, dropout=0.3).head_drop.p == 0.3  # type: ignore[union-attr]


def test_own_architectures_are_built_without_timm() -> None:
    code = (
        "import sys; from bench import archs; assert 'torch' not in sys.modules; archs.check('resnet50')\n"
        "assert 'torch' not in sys.modules; archs.create('resnet8_cifar', 10, 1, 8); print('timm' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "False"


def test_the_names_read_from_timms_files_are_those_timm_lists() -> None:
    import timm

    assert archs.timm_names() | set(archs.OWN) == set(timm.list_models())


def test_an_architecture_of_timm_takes_classes_channels_and_where_it_can_the_size() -> None:
    vit = archs.create("test_vit", 10, 1, 32)
    assert vit(torch.zeros(1, 1, 32, 32)).shape == (1, 10)
    resnet = archs.create("test_resnet", 10, 1, (24, 32), dropout=0.1)
    assert resnet(torch.zeros(2, 1, 24, 32)).shape == (2, 10)


@pytest.mark.parametrize("name", ["resnet20", "resnet20_cifr", "hf-hub:someone/resnet", ""])
def test_unknown_architectures_are_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(UserError, match=f"architecture '{name}' is neither ours"):
        archs.check(name)


def test_close_names_are_offered() -> None:
    with pytest.raises(UserError, match="close are resnet20_cifar"):
        archs.create("resnet20_cifr", 10, 3, 32)


def test_what_timm_cannot_build_is_a_sentence() -> None:
    with pytest.raises(UserError, match=r"'resnet18.no_such_tag': timm can't build it"):
        archs.create("resnet18.no_such_tag", 10, 3, 32)


def test_drop_path_reaches_the_network_and_is_refused_where_there_is_none() -> None:
    from timm.layers import DropPath

    model = archs.create("test_vit", 10, 3, 64, drop_path=0.1)
    assert max(module.drop_prob for module in model.modules() if isinstance(module, DropPath)) == pytest.approx(0.1)
    plain = archs.create("test_vit", 10, 3, 64)
    assert not any(isinstance(module, DropPath) and module.drop_prob for module in plain.modules())
    with pytest.raises(UserError, match="'resnet20_cifar' has no paths to drop: the recipe's field 'drop_path' has to"):
        archs.create("resnet20_cifar", 10, 3, 32, drop_path=0.1)
