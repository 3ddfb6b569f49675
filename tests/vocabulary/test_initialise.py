from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from bench import archs
from bench.errors import UserError
from bench.initialise import build, initialise
from bench.recipe import Recipe
from bench.recipe.initialisation import Initialisation, Normalisation
from bench.recipe.phase import Phase
from bench.seeds import generator


def recipe(
    precision: str = "fp32", dropout: float = 0.0, channels_last: bool = True, **initialisation: str | float
) -> Recipe:
    values = {"precision": precision, "dropout": dropout, "channels_last": channels_last}
    return Recipe(
        batch_size=1,
        train=Phase(epochs=1, lr=0.1),
        initialisation=Initialisation.model_validate(initialisation),
        **values,  # type: ignore[arg-type]
    )


def network(reverse: bool = False) -> nn.Module:
    """A convolution with bias, BN, a linear layer and a layer norm; in two orders of registration."""
    layers: dict[str, nn.Module] = {
        "conv": nn.Conv2d(8, 16, 3),
        "bn": nn.BatchNorm2d(16),
        "fc": nn.Linear(16, 4),
        "ln": nn.LayerNorm(4),
    }
    model = nn.Module()
    for name in reversed(layers) if reverse else layers:
        model.add_module(name, layers[name])
    return model


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return dict(model.state_dict())


def norm(model: nn.Module) -> tuple[float | None, float]:
    module = model.get_submodule("bn")
    assert isinstance(module, nn.BatchNorm2d)
    return module.momentum, module.eps


def same(left: nn.Module, right: nn.Module) -> bool:
    ours, theirs = state(left), state(right)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_building_twice_gives_the_same_bits_whatever_was_drawn_before() -> None:
    first = build("resnet8_cifar", 10, 3, 32, recipe(), 0)
    torch.rand(3)
    assert same(first, build("resnet8_cifar", 10, 3, 32, recipe(), 0))


@pytest.mark.parametrize("weights", ["architecture", "kaiming_normal"])
def test_another_seed_gives_other_weights(weights: str) -> None:
    first, second = (build("resnet8_cifar", 10, 3, 32, recipe(weights=weights), seed) for seed in (0, 1))
    assert not torch.equal(state(first)["conv1.weight"], state(second)["conv1.weight"])
    assert not torch.equal(state(first)["fc.weight"], state(second)["fc.weight"])


@pytest.mark.parametrize("weights", ["architecture", "kaiming_normal"])
def test_building_leaves_the_default_generator_alone(weights: str) -> None:
    before = torch.get_rng_state()
    build("convnet_small", 10, 1, 8, recipe(weights=weights), 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_order_of_layers_does_not_matter() -> None:
    chosen = recipe(weights="kaiming_normal", norm_weight="uniform")
    left, right = network(), network(reverse=True)
    initialise(left, chosen, 5)
    initialise(right, chosen, 5)
    assert {name: value.tolist() for name, value in state(left).items()} == {
        name: value.tolist() for name, value in state(right).items()
    }


# conv: fan in 8·9 = 72, fan out 16·9 = 144; fc: fan in 16, fan out 4. He: sqrt(2 / fan), Glorot: sqrt(2 / (in + out));
# the uniform draw with variance v has the bounds ±sqrt(3 v).
@pytest.mark.parametrize(
    ("weights", "mode", "conv", "fc"),
    [
        ("kaiming_normal", "fan_in", math.sqrt(2 / 72), math.sqrt(2 / 16)),
        ("kaiming_normal", "fan_out", math.sqrt(2 / 144), math.sqrt(2 / 4)),
        ("kaiming_uniform", "fan_in", math.sqrt(2 / 72), math.sqrt(2 / 16)),
        ("xavier_normal", "fan_in", math.sqrt(2 / 216), math.sqrt(2 / 20)),
        ("xavier_uniform", "fan_in", math.sqrt(2 / 216), math.sqrt(2 / 20)),
        ("lecun_normal", "fan_out", math.sqrt(1 / 72), math.sqrt(1 / 16)),
        ("pytorch", "fan_out", math.sqrt(1 / 72 / 3), math.sqrt(1 / 16 / 3)),
        ("normal", "fan_out", 0.1, 0.1),
    ],
)
def test_the_scale_of_the_draws(weights: str, mode: str, conv: float, fc: float) -> None:
    model = network()
    std = {"std": 0.1} if weights == "normal" else {}
    initialise(model, recipe(weights=weights, mode=mode, **std), 0)
    found = state(model)
    # 1,152 and 64 draws: the estimate of a standard deviation is off by 1 / sqrt(2 n), 2 % and 9 %; four times that.
    assert found["conv.weight"].std().item() == pytest.approx(conv, rel=0.085)
    assert found["fc.weight"].std().item() == pytest.approx(fc, rel=0.36)
    if weights in ("kaiming_uniform", "xavier_uniform", "pytorch"):
        assert found["conv.weight"].abs().max() <= math.sqrt(3) * conv
    if weights == "lecun_normal":  # cut off at two standard deviations of the normal number before the cut
        assert found["conv.weight"].abs().max() <= 2 * conv / 0.8796


def test_pytorch_s_own_draw_is_recognised_by_its_bounds() -> None:
    """Weights and biases are uniform in ±1/√fan in, as after `reset_parameters`: ±1/√72 and ±1/√16."""
    model = network()
    initialise(model, recipe(weights="pytorch"), 0)
    found, own = state(model), state(network())
    for layer, bound in (("conv", 72**-0.5), ("fc", 0.25)):
        for tensor in (f"{layer}.weight", f"{layer}.bias"):
            assert found[tensor].abs().max() <= bound
            assert own[tensor].abs().max() <= bound
        assert found[f"{layer}.bias"].abs().sum() > 0
    assert found["bn.bias"].abs().sum() == 0
    assert found["conv.weight"].abs().max() > 0.95 * 72**-0.5  # of 1,152 draws


@pytest.mark.parametrize("given", [{"weights": "normal"}, {"weights": "xavier_normal", "std": 0.1}])
def test_a_spread_of_its_own_is_the_normal_draw_s_alone(given: dict[str, str | float]) -> None:
    with pytest.raises(ValueError, match="'std' and the weights 'normal' belong together"):
        Initialisation.model_validate(given)


def test_scales_of_batch_normalisation_of_one_half() -> None:
    model = network()
    initialise(model, recipe(weights="kaiming_normal", norm_weight="half"), 0)
    assert state(model)["bn.weight"].tolist() == [0.5] * 16


@pytest.mark.parametrize("weights", ["architecture", "kaiming_normal"])
def test_linear_layers_may_be_drawn_with_a_spread_of_their_own(weights: str) -> None:
    model, plain = network(), network()
    plain.load_state_dict(model.state_dict())
    initialise(model, recipe(weights=weights, linear_std=0.01), 7)
    initialise(plain, recipe(weights=weights), 7)
    expected = torch.randn(4, 16, generator=generator("cpu", 7, "init", "fc.weight")) * 0.01
    torch.testing.assert_close(state(model)["fc.weight"], expected)
    assert state(model)["fc.bias"].tolist() == [0.0] * 4
    assert all(
        torch.equal(state(model)[name], state(plain)[name]) for name in state(plain) if not name.startswith("fc")
    )


@pytest.mark.parametrize(
    ("name", "last"), [("resnet8_cifar", "bn2"), ("resnet56_bottleneck_cifar", "bn3"), ("resnet18", "bn2")]
)
def test_the_last_scales_of_residual_blocks_may_begin_at_zero(name: str, last: str) -> None:
    """The others stay as they are: the stem's, those inside blocks, those of shortcuts (``downsample.1``)."""
    model = build(name, 10, 3, 32, recipe(norm_weight="half", last_norm="zero"), 0)
    scales = {
        f"{path}.weight": module.weight for path, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)
    }
    assert {path for path, scale in scales.items() if not scale.any()} == {
        path for path in scales if path.startswith("layer") and path.endswith(f"{last}.weight")
    }
    assert {float(value) for scale in scales.values() for value in scale.detach()} == {0.0, 0.5}


@pytest.mark.parametrize("name", ["vgg16_bn_cifar", "wrn16_8_cifar"])
def test_last_scales_of_zero_need_blocks_that_end_in_batch_normalisation(name: str) -> None:
    with torch.device("meta"):
        model = archs.create(name, 10, 3, 32)
    with pytest.raises(
        UserError, match=r"field 'initialisation\.last_norm': 'zero' is for networks whose residual blocks"
    ):
        initialise(model, recipe(last_norm="zero"), 0)


def test_a_normal_draw_is_the_named_seeds_own_times_the_scale() -> None:
    model = network()
    initialise(model, recipe(weights="kaiming_normal", mode="fan_in"), 7)
    expected = torch.randn(16, 8, 3, 3, generator=generator("cpu", 7, "init", "conv.weight")) * math.sqrt(2 / 72)
    torch.testing.assert_close(state(model)["conv.weight"], expected)


def test_biases_and_batch_normalisation_are_reset_with_the_weights_only() -> None:
    drawn, left = network(), network()
    for model in (drawn, left):
        for parameter in model.parameters():
            nn.init.constant_(parameter, 3.0)
    initialise(drawn, recipe(weights="xavier_normal"), 0)
    found = state(drawn)
    assert found["conv.bias"].abs().sum() == found["fc.bias"].abs().sum() == found["bn.bias"].abs().sum() == 0
    assert found["bn.weight"].tolist() == [1.0] * 16
    assert found["ln.weight"].tolist() == [3.0] * 4
    initialise(left, recipe(), 0)
    assert {value for name, tensor in left.named_parameters() for value in tensor.flatten().tolist()} == {3.0}


@pytest.mark.parametrize("weights", ["architecture", "kaiming_normal"])
def test_scales_of_batch_normalisation_drawn_from_the_unit_interval(weights: str) -> None:
    model = network()
    initialise(model, recipe(weights=weights, norm_weight="uniform"), 0)
    scales = state(model)["bn.weight"]
    assert len(set(scales.tolist())) == 16
    assert 0 <= scales.min() < scales.max() < 1


def test_momentum_and_eps_of_batch_normalisation() -> None:
    model = network()
    chosen = recipe().model_copy(update={"batch_norm": Normalisation(momentum=0.01, eps=1e-3)})
    initialise(model, chosen, 0)
    assert norm(model) == (0.01, 1e-3)
    untouched = network()
    initialise(untouched, recipe(), 0)
    assert norm(untouched) == (0.1, 1e-5)


@pytest.mark.parametrize("weights", ["architecture", "kaiming_normal"])
def test_float64_has_the_values_of_float32(weights: str) -> None:
    single = build("resnet8_cifar", 10, 3, 32, recipe(weights=weights), 0)
    double = build("resnet8_cifar", 10, 3, 32, recipe("fp64", weights=weights), 0)
    assert {value.dtype for value in double.parameters()} == {torch.float64}
    assert all(torch.equal(state(single)[name].double(), state(double)[name].double()) for name in state(single))


def test_memory_format_and_dropout_are_the_recipes() -> None:
    last = build("wrn22_2_cifar", 10, 3, 32, recipe(dropout=0.3), 0)
    assert last.get_parameter("layer1.0.conv1.weight").is_contiguous(memory_format=torch.channels_last)
    assert {module.p for module in last.modules() if isinstance(module, nn.Dropout)} == {0.3, 0.0}
    first = build("wrn22_2_cifar", 10, 3, 32, recipe(channels_last=False), 0)
    assert first.get_parameter("layer1.0.conv1.weight").is_contiguous()


def test_architectures_of_timm_are_seeded_too() -> None:
    assert same(build("test_vit", 10, 3, 32, recipe(), 0), build("test_vit", 10, 3, 32, recipe(), 0))
