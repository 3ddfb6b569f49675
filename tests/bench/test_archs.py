"""Architectures against published sizes; what could be published nowhere is derived by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from bench import archs
from bench.archs.resnet_cifar import PadShortcut
from bench.errors import UserError

ROOT = Path(__file__).parents[2]

# He et al. 2016, table 6: 0.27M, 0.46M and 0.85M parameters for option A. Exactly, with 10 classes:
#   stem 3·16·9 + 32 = 464; fc 64·10 + 10 = 650;
#   a block of c channels has 2·(9c² + 2c): 4,672 / 18,560 / 73,984 for 16 / 32 / 64;
#   the first block of a stage, c/2 to c, has 4.5c² + 9c² + 4c: 13,952 / 55,552 for 32 / 64.
#   n blocks a stage: 464 + 4,672n + 13,952 + 18,560(n-1) + 55,552 + 73,984(n-1) + 650 = 97,216n - 21,926.
# Option B adds a 1x1 convolution and its BN twice: 16·32 + 64 + 32·64 + 128 = 2,752.
# WRN-22-2 (n = 3, widths 16, 32, 64, 128; "about 1.1M" by Zagoruyko's formula):
#   stem 432; stage 32: BN 32 + 4,608 + BN 64 + 9,216 + shortcut 512 = 14,432, two blocks 2·18,560 = 37,120;
#   stage 64: 64 + 18,432 + 128 + 36,864 + 2,048 = 57,536, two blocks 2·73,984 = 147,968;
#   stage 128: 128 + 73,728 + 256 + 147,456 + 8,192 = 229,760, two blocks 2·295,424 = 590,848;
#   last BN 256; fc 1,290: altogether 1,079,642.
# convnet_small (3-16-16-32-32-64-64): 432 + 2,304 + 4,608 + 9,216 + 18,432 + 36,864 = 71,856; BN 2·224; fc 650.
PARAMETERS = {
    "resnet8a_cifar": 75_290,
    "resnet20a_cifar": 269_722,
    "resnet32a_cifar": 464_154,
    "resnet56a_cifar": 853_018,
    "resnet8_cifar": 75_290 + 2_752,
    "resnet20_cifar": 272_474,
    "resnet32_cifar": 464_154 + 2_752,
    "resnet56_cifar": 853_018 + 2_752,
    "wrn22_2_cifar": 1_079_642,
    "convnet_small": 71_856 + 448 + 650,
}


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_every_own_architecture_has_a_known_size() -> None:
    assert set(PARAMETERS) == set(archs.OWN)


@pytest.mark.parametrize("name", archs.OWN)
def test_parameter_counts(name: str) -> None:
    assert parameters(archs.create(name, 10, 3, 32)) == PARAMETERS[name]


@pytest.mark.parametrize("name", archs.OWN)
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 28)])
def test_other_images_and_classes(name: str, channels: int, size: int) -> None:
    model = archs.create(name, 7, channels, size).eval()
    assert model(torch.zeros(2, channels, size, size)).shape == (2, 7)


@pytest.mark.parametrize("name", ["resnet20_cifar", "wrn22_2_cifar", "convnet_small"])
def test_the_basics_that_timm_expects(name: str) -> None:
    model = archs.own(name, num_classes=5, in_chans=3).eval()
    features = model.forward_features(torch.zeros(1, 3, 32, 32))  # type: ignore[operator]
    assert features.shape == (1, model.num_features, 8, 8)
    assert model.forward_head(features, pre_logits=True).shape == (1, model.num_features)  # type: ignore[operator]
    assert model.get_classifier() is model.fc  # type: ignore[operator]
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

    assert archs._timm_names() | set(archs.OWN) == set(timm.list_models())


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
