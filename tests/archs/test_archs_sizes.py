"""Our own architectures against published sizes and counts by hand, and the files that list them against the code.

Written anew by ``PYTHONPATH=. python tests/archs/test_archs_sizes.py`` when an architecture is added.
"""

from __future__ import annotations

import csv
import io
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import archs
from bench.counting.flops import dense_macs

PAGE = Path(__file__).parents[2] / "docs" / "architectures.md"

LIST = Path(archs.__file__).parent / "sizes.csv"

FAMILIES = {
    "CifarResNet": ("CIFAR ResNet", "1512.03385"),
    "DoubleResNet": ("CIFAR ResNet", "1512.03385"),
    "ResNet": ("ResNet, CIFAR stem", "1512.03385"),
    "WideResNet": ("Wide ResNet", "1605.07146"),
    "CifarVGG": ("VGG with BN", "1409.1556"),
    "HeadedVGG": ("VGG with BN", "1409.1556"),
    "SnipVGG": ("SNIP's, CIFAR-10", "1810.02340"),
    "StridedAlexNet": ("SNIP's, CIFAR-10", "1810.02340"),
    "MobileNetV1": ("MobileNet", "1704.04861"),
    "MobileNetV2": ("MobileNet", "1801.04381"),
    "ConvNet": ("small, ours", ""),
    "StridedConvNet": ("small, ours", ""),
    "SetPerceptron": ("LeNet, 28 pixels", ""),
    "Perceptron": ("LeNet, 28 pixels", ""),
    "LeNet5": ("LeNet, 28 pixels", ""),
}
"""Family and arXiv number, by class."""

# He et al. 2016, table 6: 0.27M, 0.46M, 0.66M, 0.85M and 1.7M parameters for option A. Exactly, with 10 classes:
#   stem 3·16·9 + 32 = 464; fc 64·10 + 10 = 650;
#   a block of c channels has 2·(9c² + 2c): 4,672 / 18,560 / 73,984 for 16 / 32 / 64;
#   the first block of a stage, c/2 to c, has 4.5c² + 9c² + 4c: 13,952 / 55,552 for 32 / 64.
#   n blocks a stage: 464 + 4,672n + 13,952 + 18,560(n-1) + 55,552 + 73,984(n-1) + 650 = 97,216n - 21,926.
# Option B adds a 1x1 convolution and its BN twice: 16·32 + 64 + 32·64 + 128 = 2,752.
# Bottlenecks of inner width w: i·w + 9w² + 4w² + 12w, and 4w·i + 8w for a first block's shortcut. From i = w that is
#   18w² + 20w, from i = 2w (the first of later stages) 23w² + 20w, from i = 4w (all others) 17w² + 12w.
#   DPF's "ResNet-56", w = 16, 32, 64: 464 + 4,928 + 8·4,544 + 24,192 + 8·17,792 + 95,488 + 8·70,400 + 2,570.
# Of double width, 32, 64, 128 channels, n = 5, option B: stem 928; blocks 18,560 / 73,984 / 295,424; first blocks of
#   later stages 14c² + 6c with their shortcut, 57,728 / 230,144; fc 1,290.
# ResNet-18/34: stem 1,856; blocks of c channels 18c² + 4c: 73,984 / 295,424 / 1,180,672 / 4,720,640; first blocks
#   of later stages 14c² + 6c with their shortcut: 230,144 / 919,040 / 3,673,088; fc 5,130.
# ResNet-50: 1,856 + 75,008 + 2·70,400 + 379,392 + 3·280,064 + 1,512,448 + 5·1,117,184 + 6,039,552 + 2·4,462,592 +
#   20,490.
# WRN-22-2 (n = 3, widths 16, 32, 64, 128; "about 1.1M" by Zagoruyko's formula):
#   stem 432; stage 32: BN 32 + 4,608 + BN 64 + 9,216 + shortcut 512 = 14,432, two blocks 2·18,560 = 37,120;
#   stage 64: 64 + 18,432 + 128 + 36,864 + 2,048 = 57,536, two blocks 2·73,984 = 147,968;
#   stage 128: 128 + 73,728 + 256 + 147,456 + 8,192 = 229,760, two blocks 2·295,424 = 590,848;
#   last BN 256; fc 1,290: altogether 1,079,642. WRN-28-2 has one more block in each stage: 387,968 more.
#   In general, `wide_parameters`: a first block from i to c has 9ic + 9c² + ic + 2i + 2c, other blocks have 18c² + 4c.
# VGG convolutions: 9·(3·64 + 64² + 64·128 + 128² + 128·256 + 2·256² + 256·512 + 5·512²) = 14,710,464, two a channel
#   for BN, one for a bias, 4,224 channels; fc 5,130. VGG-19 has 256² + 2·512² more: 5,308,416, and 1,280 channels.
# VGG-11: 9·(3·64 + 64·128 + 128·256 + 256² + 256·512 + 3·512²) = 9,217,728, 2,752 channels. Heads of n units
#   behind p pixels of the last map: 512p·n + n + n² + n + 10n + 10; p = 49 for 4,096 units, 4 for 1,024.
# MobileNetV1 by pixels of the output, 9i + i·o a block: 32²: 864 + 2,336; 16²: 26,304; 8²: 101,760; 4²: 1,467,136;
#   2²: 1,586,688; BN 2·10,944; fc 10,250.
# MobileNetV2 by pixels: 32²: 59,136 (with the stem and the first layer of the block to 64 channels); 16²: 523,584 (with
#   the first layer of the block to 160); 8²: 1,608,064; BN 2·17,088; fc 12,810. The published 3,504,872 of ImageNet are
#   those with a larger fc (1,281,000) and without the 1x1 convolution of the first block, 32² + 64.
# convnet_strided (3-16-32-64-128): 432 + 4,608 + 18,432 + 73,728 = 97,200; BN 2·240; fc 1,290.
# convnet_small (3-16-16-32-32-64-64): 432 + 2,304 + 4,608 + 9,216 + 18,432 + 36,864 = 71,856; BN 2·224; fc 650.
WIDE = ((16, 8), (16, 10), (22, 2), (22, 8), (28, 2), (28, 4), (28, 8), (28, 10))


def wide_parameters(depth: int, k: int) -> int:
    """Weights, biases and BN of a wide ResNet with 10 classes; see above."""
    others = (depth - 4) // 6 - 1
    found, inputs = 432, 16
    for c in (16 * k, 32 * k, 64 * k):
        found += 10 * inputs * c + 9 * c**2 + 2 * inputs + 2 * c + others * (18 * c**2 + 4 * c)
        inputs = c
    return found + 2 * inputs + 10 * inputs + 10


def hidden(units: int, pixels: int) -> int:
    """Weights and biases of a head with two hidden layers and 10 classes; see above."""
    return 512 * pixels * units + units + units**2 + units + 10 * units + 10


RESNET = {depth: 97_216 * ((depth - 2) // 6) - 21_926 for depth in (8, 20, 32, 44, 56, 110)}
# SNIP's AlexNet: convolutions of 96, 256, 384, 384 and 256 channels with bias and BN, as have two hidden layers of h:
#   256h + 3h + h² + 3h + 10h + 10 = h² + 272h + 10. Its VGG has hidden layers of 512: 512² + 3·512 = 263,680.
ALEXNET = 11**2 * 3 * 96 + 25 * 96 * 256 + 9 * (256 * 384 + 384 * 384 + 384 * 256)

PARAMETERS = {
    **{f"resnet{depth}a_cifar": size for depth, size in RESNET.items()},
    **{f"resnet{depth}_cifar": size + 2_752 for depth, size in RESNET.items()},
    "resnet56a_pooled_cifar": 853_018,
    "resnet56_bottleneck_cifar": 869_530,
    "resnet32_double_cifar": 928 + 5 * 18_560 + 57_728 + 4 * 73_984 + 230_144 + 4 * 295_424 + 1_290,
    "resnet18_cifar": 11_173_962,
    "resnet34_cifar": 11_173_962 + 73_984 + 2 * 295_424 + 4 * 1_180_672 + 4_720_640,
    "resnet50_cifar": 23_520_842,
    **{f"wrn{depth}_{k}_cifar": wide_parameters(depth, k) for depth, k in WIDE},
    "vgg16_bn_cifar": 14_710_464 + 2 * 4_224 + 5_130,
    "vgg16_bn_bias_cifar": 14_710_464 + 3 * 4_224 + 5_130,
    "vgg16_bn_bias_maxpool_cifar": 14_710_464 + 3 * 4_224 + 5_130,
    "vgg19_bn_cifar": 14_710_464 + 5_308_416 + 2 * 5_504 + 5_130,
    **{f"vgg19_bn_bias{kind}_cifar": 14_710_464 + 5_308_416 + 3 * 5_504 + 5_130 for kind in ("", "_maxpool")},
    "vgg11_bn_bias_cifar": 9_217_728 + 3 * 2_752 + 5_130,
    "vgg16_bn_4096_cifar": 14_710_464 + 3 * 4_224 + hidden(4096, 49),
    "vgg11_bn_1024_tiny": 9_217_728 + 3 * 2_752 + hidden(1024, 4),
    "vgg16_bn_1024_tiny": 14_710_464 + 3 * 4_224 + hidden(1024, 4),
    "alexnet_s_cifar": ALEXNET + 3 * 1_376 + 1024**2 + 272 * 1024 + 10,  # SNIP, table 2: 5.1m
    "alexnet_b_cifar": ALEXNET + 3 * 1_376 + 2048**2 + 272 * 2048 + 10,  # 8.5m
    "vgg_c_cifar": 14_710_464 - 8 * (65_536 + 2 * 262_144) + 3 * 4_224 + 2 * 263_680 + 5_130,  # 10.5m
    "vgg_d_cifar": 14_710_464 + 3 * 4_224 + 2 * 263_680 + 5_130,  # 15.2m
    "vgg_like_cifar": 14_710_464 + 3 * 4_224 + 263_680 + 5_130,  # 15.0m
    "mobilenetv1_cifar": 3_185_088 + 21_888 + 10_250,
    "mobilenetv2_cifar": 3_504_872 - 1_281_000 + 12_810 + 1_024 + 64,
    "convnet_small": 71_856 + 448 + 650,
    "convnet_strided": 97_200 + 480 + 1_290,
    "lenet_300_100": 784 * 300 + 300 + 30_100 + 1_010,  # 266,610 (SNIP, sparse momentum, DNS)
    "mlp_1000_1000_1000": 785_000 + 2 * 1_001_000 + 10_010,
    "mlp_1000_1000_1000_set": 785_000 + 2 * 1_001_000 + 10_010,
    "lenet5": 6 * 26 + 16 * 151 + 400 * 120 + 120 + 121 * 84 + 850,
    "lenet5_caffe": 20 * 26 + 50 * 501 + 800 * 500 + 500 + 5_010,  # 431,080 (likewise)
    "lenet5_caffe_relu": 431_080,
}

# With 10 classes at 32 pixels. Stages have twice the channels and a quarter of the pixels of the one before, so that a
# convolution between equal maps costs the same in each: R = 9·16²·32² = 2,359,296 in CIFAR ResNets.
#   6n convolutions, two of them half as dear: 442,368 + (6n - 1)·R + 640; option B adds 16·32·16² + 32·64·8².
# Bottlenecks, in units of w²·H·W: first of all 1 + 9 + 4 + 4 = 18, first of later stages 8 + 9 + 4 + 8 = 29 (the first
#   1x1 comes before the stride), others 17. DPF: 18 + 8·17 + 2·(29 + 8·17) = 484 units of 16²·32², ResNet-50:
#   (18 + 2·17) + (29 + 3·17) + (29 + 5·17) + (29 + 2·17) = 309 units of 64²·32².
# ResNet-18/34: W = 9·64²·32² = 37,748,736; 16 or 32 convolutions, three of them half, three shortcuts of 128·64·16².
# VGG-16: 3·64·9·32² + W + (W/2 + W) + 2·(W/2 + 2W) + 3W/4: 313,196,544; fc 5,120.
#   VGG-19: W twice more, W/4 in the last stage.
#   VGG-11: 3·64·9·32², then stages of W/2, W/2 + W, W/2 + W, 2·W/4. Hidden layers count their weights.
# MobileNets: the sums by pixels above times the pixels, and fc.
R, W = 2_359_296, 37_748_736


def wide_macs(depth: int, k: int) -> int:
    """MACs of a wide ResNet: c = 16k; all stages cost the same but for the first block."""
    blocks, square = (depth - 4) // 6, (16 * k) ** 2 * 32**2
    first = 10 * 16 * 16 * k * 32**2 + 9 * square  # 16 to c: 3x3 and the 1x1 shortcut, then c to c
    later = (9 + 1) * square // 2 + 9 * square  # c to 2c at a quarter of the pixels: half of c to c
    return 432 * 32**2 + first + 2 * later + 3 * (blocks - 1) * 18 * square + 640 * k


ALEXNET_MACS = 363 * 96 * 256 + 2_400 * 256 * 64 + 2_304 * 384 * 16 + 3_456 * 384 * 4 + 3_456 * 256  # 16² to 1 pixels
VGG11_MACS = 1_769_472 + W // 2 + (W // 2 + W) + (W // 2 + W) + W // 2

RESNET_MACS = {depth: 442_368 + (depth - 3) * R + 640 for depth in RESNET}
MACS = {
    **{f"resnet{depth}a_cifar": macs for depth, macs in RESNET_MACS.items()},
    **{f"resnet{depth}_cifar": macs + 2 * 131_072 for depth, macs in RESNET_MACS.items()},
    "resnet56a_pooled_cifar": RESNET_MACS[56],
    "resnet32_double_cifar": 2 * 442_368
    + 29 * 4 * R
    + 2 * 4 * 131_072
    + 1_280,  # four times the products, twice the stem's
    "resnet56_bottleneck_cifar": 442_368 + 484 * 262_144 + 2_560,
    "resnet18_cifar": 1_769_472 + 16 * W - 3 * W // 2 + 3 * 2_097_152 + 5_120,
    "resnet34_cifar": 1_769_472 + 32 * W - 3 * W // 2 + 3 * 2_097_152 + 5_120,
    "resnet50_cifar": 1_769_472 + 309 * 4_194_304 + 20_480,
    **{f"wrn{depth}_{k}_cifar": wide_macs(depth, k) for depth, k in WIDE},
    **{f"vgg16_bn{kind}_cifar": 313_196_544 + 5_120 for kind in ("", "_bias", "_bias_maxpool")},
    **{f"vgg19_bn{kind}_cifar": 313_196_544 + 5_120 + 2 * W + W // 4 for kind in ("", "_bias", "_bias_maxpool")},
    "vgg11_bn_bias_cifar": VGG11_MACS + 5_120,
    "vgg16_bn_4096_cifar": 313_196_544 + hidden(4096, 49) - 2 * 4096 - 10,
    "vgg11_bn_1024_tiny": VGG11_MACS + hidden(1024, 4) - 2 * 1024 - 10,
    "vgg16_bn_1024_tiny": 313_196_544 + hidden(1024, 4) - 2 * 1024 - 10,
    **{f"alexnet_{size}_cifar": ALEXNET_MACS + 1024 * k * (256 + 1024 * k + 10) for size, k in (("s", 1), ("b", 2))},
    "vgg_c_cifar": 313_196_544 - 8 * (65_536 * 64 + 262_144 * (16 + 4)) + 2 * 262_144 + 5_120,
    "vgg_d_cifar": 313_196_544 + 2 * 262_144 + 5_120,
    "vgg_like_cifar": 313_196_544 + 262_144 + 5_120,
    "mobilenetv1_cifar": 3_200 * 1024 + 26_304 * 256 + 101_760 * 64 + 1_467_136 * 16 + 1_586_688 * 4 + 10_240,
    "mobilenetv2_cifar": 59_136 * 1024 + 523_584 * 256 + 1_608_064 * 64 + 12_800,
    "convnet_strided": 432 * 256 + 4_608 * 64 + 18_432 * 16 + 73_728 * 4 + 1_280,
    "lenet_300_100": 266_200,
    "mlp_1000_1000_1000": 784_000 + 2_000_000 + 10_000,
    "mlp_1000_1000_1000_set": 784_000 + 2_000_000 + 10_000,
    "lenet5": 150 * 784 + 2_400 * 100 + 48_000 + 10_080 + 840,
    "lenet5_caffe": 500 * 576 + 25_000 * 64 + 400_000 + 5_000,
    "lenet5_caffe_relu": 500 * 576 + 25_000 * 64 + 405_000,
    "convnet_small": 432 * 1024 + 2_304 * 1024 + (4_608 + 9_216) * 256 + (18_432 + 36_864) * 64 + 640,
}


@cache
def sizes(name: str) -> tuple[int, int]:
    """Parameters and MACs as the network has them: on the meta device, which has shapes and no arithmetic."""
    macs: list[int] = []

    def see(module: Any, inputs: Any, output: Tensor) -> None:
        macs.append(module.weight.numel() * (output[0, 0].numel() if isinstance(module, nn.Conv2d) else 1))

    channels, size = (1, 28) if name in archs.FLAT else (3, 32)
    with torch.device("meta"):
        model = archs.create(name, 10, channels, size).eval()
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.register_forward_hook(see)
        model(torch.zeros(1, channels, size, size))
    return sum(parameter.numel() for parameter in model.parameters()), sum(macs)


def facts() -> list[tuple[str, str, str, int, int]]:
    """Name, family, paper, parameters and MACs of every architecture."""
    return [(name, *FAMILIES[archs._MODELS[name][1]], *sizes(name)) for name in archs.OWN]


def table() -> str:
    """The table of the page, as Markdown."""
    lines = ["| name | family | arXiv | parameters | MACs |", "|---|---|---|---:|---:|"]
    for name, family, paper, parameters, macs in facts():
        lines.append(f"| `{name}` | {family} | {paper} | {parameters:,} | {macs:,} |")
    return "\n".join(lines) + "\n"


def listed() -> str:
    """What `reprune archs` reads, which has no time to build networks."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("name", "family", "arxiv", "parameters", "macs"), *facts()])
    return text.getvalue()


def test_the_formula_for_wide_resnets_gives_what_was_added_up_by_hand() -> None:
    assert wide_parameters(22, 2) == 1_079_642
    assert wide_parameters(28, 2) == 1_079_642 + 18_560 + 73_984 + 295_424
    assert (
        wide_macs(22, 2) == 442_368 + 3 * (14_680_064 + 37_748_736) + 1_280
    )  # (4,608 + 9,216 + 512)·32², 2·18,432·32²


def test_every_own_architecture_has_a_known_size() -> None:
    assert set(PARAMETERS) == set(MACS) == set(archs.OWN)


@pytest.mark.parametrize("name", archs.OWN)
def test_parameters_and_macs(name: str) -> None:
    assert sizes(name) == (PARAMETERS[name], MACS[name])


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        # He et al. 2016, table 6
        *[("resnet20a_cifar", 0.27), ("resnet32a_cifar", 0.46)],
        *[("resnet44a_cifar", 0.66), ("resnet56a_cifar", 0.85), ("resnet110a_cifar", 1.7)],
        # Zagoruyko and Komodakis 2016, table 4; WRN-28-2: a figure's caption in DPF
        *[("wrn16_8_cifar", 11.0), ("wrn28_10_cifar", 36.5), ("wrn28_2_cifar", 1.47)],
        ("resnet18_cifar", 11.17),
    ],
)
def test_published_numbers_of_parameters(name: str, millions: float) -> None:
    digits = len(str(millions).partition(".")[2])
    assert round(sizes(name)[0] / 1e6, digits) == millions


def test_operations_published_by_greg_for_resnet56_are_twice_the_macs() -> None:
    # GReg's tables print 0.25 G for ResNet-56; other papers 125.5 M for the same network.
    macs = sizes("resnet56a_cifar")[1]
    assert round(2 * macs / 1e9, 2) == 0.25
    assert round(macs / 1e6, 1) == 125.5


@pytest.mark.parametrize(("name", "percent"), [("resnet20_cifar", 89.3), ("resnet56_cifar", 89.5)])
def test_dpf_unofficial_code_prints_a_sparsity_of_all_parameters_for_a_target_of_convolutions(
    name: str, percent: float
) -> None:
    # It prunes 90 % of the convolutions' weights and divides the zeros by all weights, biases and BN.
    with torch.device("meta"):
        model = archs.create(name, 10, 3, 32)
    convolutions = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Conv2d))
    assert round(90 * convolutions / sizes(name)[0], 1) == percent


def test_published_macs_of_resnet18() -> None:
    assert 555 <= sizes("resnet18_cifar")[1] / 1e6 <= 557


# FTWT's code has the dense MACs of its networks as constants. They are larger than ours by exactly what the counter
# behind them adds: one for each output of a pooling layer, and of a convolution with bias.
#   VGG-16: 64·2·32² + 128·2·16² + 256·3·8² + 512·3·4² + 512·3·2² = 276,480 biases added, no pooling counted;
#   MobileNetV1: 1,024 outputs of the average pooling; ResNet-56: 64.
@pytest.mark.parametrize(
    ("name", "published", "added"),
    [
        ("vgg16_bn_bias_maxpool_cifar", 313_478_144, 276_480),
        ("mobilenetv1_cifar", 46_355_456, 1_024),
        ("resnet56a_pooled_cifar", 125_485_760, 64),
    ],
)
def test_macs_published_by_ftwt(name: str, published: int, added: int) -> None:
    assert sizes(name)[1] + added == published


def test_macs_published_by_dpf_for_wrn_28_2_include_what_is_not_a_product_of_weights() -> None:
    # "216 M". Ours are 214.4 M. Activations normalised (two each) and cut at zero, four times eight maps a stage:
    #   32²·(16 + 7·32) + (32²·32 + 7·16²·64) + (16²·64 + 7·8²·128) + 8²·128 = 475,136, three each;
    #   sums with shortcuts 4·(32²·32 + 16²·64 + 8²·128) = 229,376.
    normalised, sums = 475_136, 229_376
    assert round((sizes("wrn28_2_cifar")[1] + 3 * normalised + sums) / 1e6) == 216


@pytest.mark.parametrize(
    "name",
    [
        *["resnet56a_pooled_cifar", "resnet56_bottleneck_cifar", "resnet18_cifar", "wrn28_2_cifar"],
        *["vgg16_bn_bias_maxpool_cifar", "mobilenetv1_cifar", "mobilenetv2_cifar"],
    ],
)
def test_the_counter_of_the_workflow_finds_the_same(name: str) -> None:
    assert sum(dense_macs(archs.create(name, 10, 3, 32), (3, 32, 32)).values()) == MACS[name]


def test_the_page_has_the_table_of_the_code() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), "run this file as a script"


def test_the_list_of_the_command_line_has_the_numbers_of_the_code() -> None:
    assert LIST.read_text(encoding="utf-8") == listed(), "run this file as a script"


if __name__ == "__main__":
    LIST.write_text(listed(), encoding="utf-8")
    before, _, after = PAGE.read_text(encoding="utf-8").partition("| name |")
    rest = after.partition("\n\n")[2]
    PAGE.write_text(f"{before}{table()}\n{rest}", encoding="utf-8")
