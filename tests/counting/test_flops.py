from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import archs
from bench.counting import flops
from bench.counting.flops import dense_macs, positions, sparse_macs
from bench.counting.operators import UNCOUNTED
from bench.errors import UserError
from bench.recipe.prunable import prunable

ROOT = Path(__file__).parents[2]

DIGITS: Any = SimpleNamespace(name="digits", classes=10, channels=1, height=8, width=8)
"""What `count` reads of a data set's description."""


def hooked(model: nn.Module, shape: tuple[int, int, int]) -> Counter[str]:
    """An independent count: weight entries times output positions, seen by forward hooks on the layers themselves."""
    found: Counter[str] = Counter()

    def hook(name: str) -> Any:
        def see(module: Any, inputs: Any, output: Tensor) -> None:
            uses = output[0, 0].numel() if isinstance(module, nn.Conv2d) else output.numel() // module.out_features
            found[f"{name}.weight"] += uses * module.weight.numel()

        return see

    handles = [
        module.register_forward_hook(hook(name))
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    model.eval()(torch.zeros(1, *shape))
    for handle in handles:
        handle.remove()
    return found


# -- single layers, by hand: (layer, channels and side of the image, MACs) -------------------------------------------
LAYERS = {
    # 5x5 of 8x8 at stride 1 without padding: 6x6 outputs of 2·3·9 = 54 weights.
    "plain": (nn.Conv2d(3, 2, 3), (3, 8), 54 * 36),
    # stride 2, padding 1: ⌊(8 + 2 - 3) / 2⌋ + 1 = 4, so 16 outputs.
    "strided": (nn.Conv2d(3, 2, 3, stride=2, padding=1), (3, 8), 54 * 16),
    "padded": (nn.Conv2d(3, 2, 3, padding=2), (3, 8), 54 * 100),
    # dilation 2 makes the kernel 5 wide: 4x4 outputs.
    "dilated": (nn.Conv2d(3, 2, 3, dilation=2), (3, 8), 54 * 16),
    # two groups of 2 to 3 channels: 6·2·9 = 108 weights.
    "grouped": (nn.Conv2d(4, 6, 3, groups=2, padding=1), (4, 8), 108 * 64),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4, padding=1), (4, 8), 36 * 64),
    "padded by a word": (nn.Conv2d(3, 2, 3, padding="same"), (3, 8), 54 * 64),
    # each of the 64 inputs is multiplied by 4·2·2·2 = 32 weights.
    "transposed": (nn.ConvTranspose2d(4, 2, 2, stride=2), (4, 8), 32 * 64),
    "without bias": (nn.Conv2d(3, 2, 3, bias=False), (3, 8), 54 * 36),
}


@pytest.mark.parametrize("name", LAYERS)
def test_convolutions(name: str) -> None:
    layer, (channels, side), macs = LAYERS[name]
    assert dense_macs(nn.Sequential(layer), (channels, side, side)) == {"0.weight": macs}


class Module(nn.Module):
    """A network whose forward pass is a function of itself and the image."""

    def __init__(self, forward: Any, **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.function = forward
        for name, part in parts.items():
            setattr(self, name, part)
        self.anything = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.function(self, x)
        return result


def tokens(x: Tensor) -> Tensor:
    """Images (N, C, H, W) as tokens (N, H·W, C)."""
    return x.flatten(2).transpose(1, 2)


def test_a_linear_layer_is_used_once_a_token() -> None:
    model = Module(lambda self, x: self.fc(tokens(x)), fc=nn.Linear(3, 5))
    dense = dense_macs(model, (3, 4, 4))
    assert dense == {"fc.weight": 16 * 15}
    assert positions(model, dense) == {"fc.weight": 16}


def test_attention_of_torch() -> None:
    # 16 tokens of 8 features: the three projections are 16·24·8, the last 16·8·8, the two products 2·16·16·8.
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    model = Module(lambda self, x: self.attention(*[tokens(x)] * 3)[0], attention=layer)
    found = dense_macs(model, (8, 4, 4))
    weights = {"attention.in_proj_weight": 3072, "attention.out_proj.weight": 1024}
    assert {name: macs for name, macs in found.items() if name in weights} == weights
    assert sum(found.values()) == 3072 + 1024 + 4096


@pytest.mark.parametrize("fused", [True, False])
def test_attention_of_timm_counts_the_same_fused_or_not(fused: bool) -> None:
    from timm.layers.attention import Attention

    # 4 tokens of 6 features, 2 heads: qkv 4·18·6, proj 4·6·6, products 2·(2·4·4·3).
    layer = Attention(6, num_heads=2)
    layer.__dict__["fused_attn"] = fused  # timm fixes it when the layer is built
    model = Module(lambda self, x: self.attention(tokens(x)), attention=layer)
    found = dense_macs(model, (6, 2, 2))
    operator = "scaled_dot_product_attention" if fused else "matmul"
    assert found == {"attention.qkv.weight": 432, "attention.proj.weight": 144, f"attention.{operator}": 192}


PRODUCTS: dict[str, tuple[Any, int]] = {
    # sizes whose product has more than four digits, for fvcore would round them
    "einsum": (lambda x: torch.einsum("bchw,bdhw->bcd", x, x), 7 * 7 * 37 * 41),
    "einsum with an ellipsis": (lambda x: torch.einsum("...hw,...vw->...hv", x, x), 7 * 37 * 37 * 41),
    "einsum that broadcasts": (lambda x: torch.einsum("...hw,...wv->...hv", x, x[0, 0].t()), 7 * 37 * 41 * 37),
    # the batch is in the second operand only: (37, 41) by (7, 41, 37)
    "matmul": (lambda x: x[0, 0] @ x.transpose(2, 3), 7 * 37 * 41 * 37),
    "bmm": (lambda x: torch.bmm(x[0], x[0].transpose(1, 2)), 7 * 37 * 41 * 37),
    "baddbmm": (lambda x: torch.baddbmm(x[0, :, :1, :1], x[0], x[0].transpose(1, 2)), 7 * 37 * 41 * 37),
    "mm": (lambda x: torch.mm(x[0, 0], x[0, 0].t()), 37 * 41 * 37),
    # keys and values shorter than queries, and values of another width: 7·37·(5·41 + 5·3)
    "scaled_dot_product_attention": (
        lambda x: nn.functional.scaled_dot_product_attention(x, x[:, :, :5], x[:, :, :5, :3]),
        7 * 37 * (5 * 41 + 5 * 3),
    ),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_two_activations_are_named_by_place_and_operator(name: str) -> None:
    product, macs = PRODUCTS[name]
    inner = Module(lambda self, x: product(x))
    model = Module(lambda self, x: self.inner(x), inner=inner)
    assert dense_macs(model, (7, 37, 41)) == {f"inner.{name.split()[0]}": macs}


FREE: dict[str, Any] = {
    "arithmetic": lambda x: (x * x - x / 2 + 1 - x**2).exp().sqrt(),
    "activations": lambda x: nn.functional.gelu(x.relu().sigmoid().tanh()).softmax(1),
    "normalisation": lambda x: nn.functional.layer_norm(nn.functional.group_norm(x, 2), (4,)),
    "pooling": lambda x: nn.functional.adaptive_avg_pool2d(nn.functional.max_pool2d(x, 2), 1),
    "resizing": lambda x: nn.functional.interpolate(x, scale_factor=2),
    "reductions": lambda x: x.mean((2, 3)) + x.sum((2, 3)),
    "moving": lambda x: nn.functional.pad(x.reshape(1, 4, 2, 8), (1, 1))[..., ::2].repeat(1, 2, 1, 1),
}


@pytest.mark.parametrize("name", FREE)
def test_what_does_not_multiply_by_weights_counts_nothing(name: str) -> None:
    assert dense_macs(Module(lambda self, x: FREE[name](x)), (4, 4, 4)) == {}


@pytest.mark.parametrize("name", sorted(UNCOUNTED))
def test_every_uncounted_operator_is_one_of_torchs(name: str) -> None:
    assert hasattr(torch.ops.aten, name.removeprefix("aten::"))


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x


UNKNOWN: dict[str, Any] = {
    "aten::fft_fft2": lambda x: torch.fft.fft2(x).real,
    "aten::cumprod": lambda x: x.cumprod(0),
    "prim::PythonOp.Doubled": lambda x: Doubled.apply(x),  # type: ignore[no-untyped-call]
    "aten::einsum of 3 operands": lambda x: torch.einsum("bchw,bchw,bchw->b", x, x, x),
}


@pytest.mark.parametrize("operator", UNKNOWN)
def test_an_unknown_operator_is_refused_by_name(operator: str) -> None:
    with pytest.raises(UserError, match=f"architecture 'mine': nobody has decided how to count .*{operator}"):
        dense_macs(Module(lambda self, x: UNKNOWN[operator](x)), (1, 2, 2), "mine")


# -- whole networks --------------------------------------------------------------------------------------------------
# ResNet-20 A: stem 432·32² = 442,368; a convolution of any stage has 9·16²·32² = 2,359,296 (twice the channels, a
# quarter of the pixels), the first of stages 2 and 3 half of it: 6 + 5.5 + 5.5 of them; fc 640. The "40.55 M" and
# "125.49 M" of pruning papers are these. (The constant in FTWT's code for ResNet-56, 125,485,760, has 64 more.)
# Option B adds 16·32·16² and 32·64·8². WRN-22-2: the three stages are equal, (4,608 + 9,216 + 512)·32² + 2·18,432·32².
MACS = {
    "resnet20a_cifar": 442_368 + 17 * 2_359_296 + 640,
    "resnet20_cifar": 442_368 + 17 * 2_359_296 + 640 + 2 * 131_072,
    "resnet56a_cifar": 442_368 + 53 * 2_359_296 + 640,
    "wrn22_2_cifar": 442_368 + 3 * (14_680_064 + 37_748_736) + 1_280,
}


@pytest.mark.parametrize("name", MACS)
def test_macs_of_our_networks(name: str) -> None:
    assert sum(dense_macs(archs.create(name, 10, 3, 32), (3, 32, 32)).values()) == MACS[name]


def test_the_hand_counts_are_the_published_ones() -> None:
    assert round(MACS["resnet20a_cifar"] / 1e6, 2) == 40.55
    assert round(MACS["resnet56a_cifar"] / 1e6, 2) == 125.49


# GMACs of convolutions, linear layers and attention; the "1.8", "4.09", "15.47" and "0.57" of the papers.
# ViT-Ti by hand, 197 tokens: patches 196·192·768; each of 12 blocks 197·192·(576 + 192 + 2·768) and 2·197²·192 for
# attention; head 192·1000: 1,253,683,200. (fvcore prints 1.258, with layer normalisation, where attention is unfused.)
@pytest.mark.parametrize(
    ("name", "giga"),
    [
        ("resnet18", 1.814),
        ("mobilenetv1_100", 0.569),
        ("mobilenetv2_100", 0.301),
        ("vit_tiny_patch16_224", 1.254),
        ("resnet50", 4.089),
        pytest.param("vgg16_bn", 15.470, marks=pytest.mark.long),
        ("deit_small_patch16_224", 4.599),
        ("wide_resnet50_2", 11.398),
    ],
)
def test_macs_of_timms_networks(name: str, giga: float) -> None:
    found = dense_macs(archs.create(name, 1000, 3, 224), (3, 224, 224))
    assert round(sum(found.values()) / 1e9, 3) == giga


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *[("resnet8_cifar", 8), ("wrn22_2_cifar", 28), ("convnet_small", 8)],
        *[("mobilenetv2_035", 64), ("test_vit", 32), ("test_efficientnet", 64), ("resnext50_32x4d", 32)],
    ],
)
def test_an_independent_counter_finds_the_same_per_weight(name: str, size: int) -> None:
    model, shape = archs.create(name, 10, 3, size), (3, size, size)
    found = dense_macs(model, shape)
    weights = prunable(model, "all")
    assert {key: found[key] for key in weights} == dict(hooked(model, shape))
    uses = positions(model, found)
    assert all(uses[key] * weight.numel() == found[key] for key, weight in weights.items())


def test_a_standardised_weight_is_counted_under_its_own_name() -> None:
    from timm.layers.std_conv import ScaledStdConv2d

    assert dense_macs(nn.Sequential(ScaledStdConv2d(3, 2, 3)), (3, 8, 8)) == {"0.weight": 54 * 64}


def test_a_tensor_used_by_two_layers_is_counted_twice_under_one_name() -> None:
    model = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1))
    model[2].weight = model[0].weight
    assert dense_macs(model, (2, 3, 3)) == {"0.weight": 2 * 4 * 9}


def test_a_layer_that_is_not_called_counts_nothing() -> None:
    model = Module(lambda self, x: self.used(x), used=nn.Conv2d(1, 1, 1), unused=nn.Linear(2, 2))
    assert dense_macs(model, (1, 2, 2)) == {"used.weight": 4, "unused.weight": 0}


def test_the_network_is_left_as_it_was() -> None:
    model = archs.create("wrn22_2_cifar", 10, 3, 32, dropout=0.5)
    model.get_submodule("layer1").eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes, draws = [module.training for module in model.modules()], torch.get_rng_state()
    dense_macs(model, (3, 32, 32))
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), draws)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_network_may_be_in_float64() -> None:
    model = archs.create("convnet_small", 10, 1, 8)
    assert dense_macs(model, (1, 8, 8)) == dense_macs(model.double(), (1, 8, 8))


# -- sparse counts ---------------------------------------------------------------------------------------------------
def test_sparse_macs_scale_each_weight_by_what_is_kept_of_it() -> None:
    dense = {"conv.weight": 1000, "fc.weight": 10, "attention.matmul": 7}
    assert sparse_macs(dense, {"conv.weight": 0.25}) == {"conv.weight": 250, "fc.weight": 10, "attention.matmul": 7}


def test_sparse_macs_of_a_tensor_that_was_not_counted_are_an_error() -> None:
    with pytest.raises(KeyError, match=r"linear.weight"):
        sparse_macs({"fc.weight": 10}, {"linear.weight": 0.5})


@pytest.mark.parametrize("counted", [{}, {"0.weight": 55}])
def test_macs_of_another_network_are_refused(counted: dict[str, int]) -> None:
    with pytest.raises(UserError, match=r"the MACs counted for '0.weight' are not those of this Sequential"):
        positions(nn.Sequential(nn.Conv2d(3, 2, 3)), counted)


# -- the file --------------------------------------------------------------------------------------------------------
def test_the_count_is_kept_in_a_file_that_a_person_can_read(tmp_path: Path) -> None:
    found = flops.count("resnet8_cifar", DIGITS, tmp_path)
    path = tmp_path / "resnet8_cifar-10x1x8x8.json"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert json.loads(path.read_text()) == found == dense_macs(archs.create("resnet8_cifar", 10, 1, 8), (1, 8, 8))


def test_reading_a_count_needs_neither_torch_nor_fvcore(tmp_path: Path) -> None:
    (tmp_path / "resnet8_cifar-10x1x8x8.json").write_text('{"fc.weight": 640}')
    code = (
        "import sys; from pathlib import Path; from types import SimpleNamespace; from bench.counting import flops\n"
        "info = SimpleNamespace(classes=10, channels=1, height=8, width=8)\n"
        f"print(flops.count('resnet8_cifar', info, Path({str(tmp_path)!r})), {{'torch', 'fvcore'}} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == (
        "{'fc.weight': 640} set()"
    )


def test_images_that_a_network_cannot_take_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="architecture 'inception_v3' can't take images of 1x8x8"):
        flops.count("inception_v3", DIGITS, tmp_path)
