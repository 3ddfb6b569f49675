"""Gates that become batch norms, channels that go, and the source's way of counting, on networks made up here."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.archs.resnet_cifar import CifarResNet
from bench.errors import UserError
from bench.recompute import convert
from bench.recompute.sources import gate_decorator as source
from bench.weights import load_state
from tests.recompute.brought import brought


def gated_state(inner: Tensor, outer: Tensor) -> dict[str, Tensor]:
    """A ResNet-56 in the source's names whose first block has the masks `inner` and `outer`; other masks are ones."""
    torch.manual_seed(0)
    state: dict[str, Tensor] = {}
    for name, tensor in CifarResNet(56, "B").state_dict().items():
        theirs = name.replace("downsample", "shortcut").replace("fc.", "linear.")
        module, _, part = theirs.rpartition(".")
        if "bn" in module or module.endswith("shortcut.1"):
            state[f"{module}.bn.{part}"] = torch.rand_like(tensor.float()) + 0.5 if tensor.dim() else tensor
            if part == "weight":
                state[f"{module}.bn.weight"] = torch.ones_like(tensor)
                state[f"{module}.g"] = torch.randn(1, len(tensor), 1, 1)
                state[f"{module}.bn_mask"] = torch.ones(1, len(tensor), 1, 1)
                state[f"{module}.area"] = state[f"{module}.score"] = torch.zeros(1)
        else:
            state[theirs] = tensor
    state["layer1.0.bn1.bn_mask"] = inner.view(1, -1, 1, 1)
    state["layer1.0.bn2.bn_mask"] = outer.view(1, -1, 1, 1)
    return state


def mask(*gone: int) -> Tensor:
    return torch.tensor([float(channel not in gone) for channel in range(16)])


def test_a_gate_scales_its_batch_norm() -> None:
    state = gated_state(mask(3), mask())
    plain = source.ungated(state)
    x = torch.randn(2, 16, 4, 4)
    name = "layer1.0.bn1"
    norm = nn.BatchNorm2d(16).eval()
    norm.load_state_dict({part: plain[f"{name}.{part}"] for part in norm.state_dict()})
    centred = (x - state[f"{name}.bn.running_mean"].view(1, -1, 1, 1)) / (
        state[f"{name}.bn.running_var"].view(1, -1, 1, 1) + 1e-5
    ).sqrt()
    expected = (centred + state[f"{name}.bn.bias"].view(1, -1, 1, 1)) * state[f"{name}.g"] * state[f"{name}.bn_mask"]
    assert torch.allclose(norm(x), expected, atol=1e-5)
    assert not norm(x)[:, 3].any()


def test_masked_channels_go_and_the_rest_answers_as_before() -> None:
    state = gated_state(mask(0, 5, 15), mask())
    pruned = source.pruned_resnet56(state)
    whole = source.pruned_resnet56(gated_state(mask(), mask()))
    assert source.filters(whole) == source.RESNET_FILTERS == 2128
    assert source.filters(pruned) == 2128 - 3
    x = torch.randn(2, 3, 32, 32)
    whole.layer1[0].bn1.weight.data[[0, 5, 15]] = 0
    whole.layer1[0].bn1.bias.data[[0, 5, 15]] = 0
    with torch.no_grad():
        assert torch.allclose(pruned(x), whole(x), rtol=1e-3, atol=1e-3)


def test_a_pruned_residual_sum_is_refused() -> None:
    with pytest.raises(UserError, match=r"'layer1\.0\.bn2' is pruned"):
        source.pruned_resnet56(gated_state(mask(), mask(1)))


def test_the_dense_network_has_its_biases_clamped() -> None:
    state = CifarResNet(56, "B").state_dict()
    state["bn1.weight"][:3] = torch.tensor([0.1, 0.1, -0.1])
    state["bn1.bias"][:3] = torch.tensor([2.0, 0.5, 2.0])
    bias = source.dense_resnet56(state).bn1.bias
    assert bias[:3].tolist() == pytest.approx([1.0, 0.5, 1.0])


def test_operations_are_counted_as_the_source_does() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 2, 3, padding=1),  # 2 · 32 · 32 outputs of 3 · (9 + 1)
        nn.BatchNorm2d(2),  # 4 each
        nn.ReLU(),
        nn.MaxPool2d(2),  # nothing
        nn.AvgPool2d(1),  # 2 each of 2 · 16 · 16
        nn.Flatten(),
        nn.Linear(512, 10),  # 2 · 512 - 1 each
    ).eval()
    expected = 2048 * 30 + 4 * 2048 + 2 * 512 + 1023 * 10
    assert source.flops(network, relu=0) == expected
    assert source.flops(network, relu=1) == expected + 2048


def test_the_dense_totals_are_the_printed_ones() -> None:
    vgg = source.vgg16(source.VGG_FILTERS).eval()
    assert source.flops(CifarResNet(56, "B").eval(), relu=0) / 1e6 == pytest.approx(127.932, abs=5e-4)
    assert source.flops(vgg, relu=1) / 1e6 == pytest.approx(349.390, abs=5e-4)
    assert source.filters(vgg) == 4224


def test_a_pickled_module_is_read_without_its_classes() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.Linear(2, 1)))
    found = convert.weights(pickle.dumps(network, protocol=4))
    expected = network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("harmful", [print, io.BytesIO, torch.load])
def test_any_other_name_in_a_pickle_is_refused(harmful: object) -> None:
    with pytest.raises(pickle.UnpicklingError, match="has no place"):
        convert.weights(pickle.dumps(harmful))


def test_only_the_one_file_is_opened(tmp_path: Path) -> None:
    other = tmp_path / "other.ckp"
    other.write_bytes(pickle.dumps({}))
    with pytest.raises(UserError, match="it is not opened"):
        convert.convert(other, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_the_published_network_has_the_printed_sizes() -> None:
    pruned = source.pruned_resnet56(load_state(brought("gate_decorator", "resnet-56-pruned")))
    assert source.filters(pruned) == 1444
    assert sum(map(Tensor.numel, pruned.parameters())) == 286_034
    assert source.flops(pruned, relu=0) / 1e6 == pytest.approx(38.321, abs=5e-4)
