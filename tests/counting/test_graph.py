"""What a recording holds, and that what is said to keep zeros does: networks are run with zeros in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.modules import activation
from torch.nn.modules.dropout import _DropoutNd

from bench.counting.graph import POINTWISE, POOLINGS, companions, name_of, record
from bench.counting.thinning import UnthinnableError, thin
from bench.effective import effective_masks
from bench.gating import layers

IMAGE = torch.zeros(1, 2, 4, 4)


class Net(nn.Module):
    """Modules by name, and what is done with them."""

    def __init__(self, steps: Callable[[Any, Tensor], Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self.steps = steps
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        return self.steps(self, x)


def recorded(net: nn.Module) -> list[str]:
    return [name_of(node) for node in record(net, IMAGE).nodes if node.op not in ("placeholder", "output")]


# -- what keeps zeros ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*POINTWISE, *POOLINGS], ids=lambda kind: kind.__name__)
def test_what_is_listed_makes_zeros_of_a_channel_of_zeros_and_looks_at_no_other(kind: type[nn.Module]) -> None:
    module = nn.Dropout() if kind is _DropoutNd else kind(2) if kind in POOLINGS else kind()
    images = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    images[:, 0] = 0
    with torch.no_grad():
        found = module.eval()(images)
        assert not found[:, 0].any()
        torch.testing.assert_close(found[:, 1:], module(images[:, 1:].contiguous()))
        more = {nn.PReLU: (torch.tensor([0.25]),), _DropoutNd: (0.5, False)}.get(kind, (2,) if kind in POOLINGS else ())
        torch.testing.assert_close(getattr(F, (POINTWISE | POOLINGS)[kind])(images, *more), found)


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
def test_no_other_activation_of_torchs_does() -> None:
    kinds = {getattr(activation, name) for name in activation.__all__} - {activation.Threshold, nn.MultiheadAttention}
    keep = {kind for kind in kinds if not kind()(torch.zeros(1, 2, 4, 4)).any()}
    # one joins channels; the other can be told to begin above 0
    assert keep - POINTWISE.keys() == {activation.GLU, nn.Hardtanh}
    assert nn.Hardtanh(1, 2)(torch.zeros(1)) == 1


# -- what is recorded ------------------------------------------------------------------------------------------------


def test_layers_are_nodes_and_so_are_functions_between_them() -> None:
    net = Net(
        lambda self, x: F.relu(self.norm(self.conv(x))).mean((2, 3)) + self.bias * 2,
        conv=nn.Conv2d(2, 3, 1),
        norm=nn.BatchNorm2d(3),
    )
    net.bias = nn.Parameter(torch.ones(3))
    assert recorded(net) == ["conv", "norm", "relu", "mean", "constant", "mul", "add"]


def test_what_hands_on_its_input_is_no_node_and_what_nobody_reads_is_none() -> None:
    def steps(self: Any, x: Tensor) -> Tensor:
        torch.tanh(x)
        return self.conv(self.drop(self.same(x)))

    assert recorded(Net(steps, conv=nn.Conv2d(2, 3, 1), drop=nn.Dropout(), same=nn.Identity())) == ["conv"]


def test_a_value_is_another_one_after_a_change_in_place() -> None:
    def steps(self: Any, x: Tensor) -> Tensor:
        y = self.conv(x)
        y += x
        return self.relu(y)

    graph = record(Net(steps, conv=nn.Conv2d(2, 2, 1), relu=nn.ReLU(inplace=True)), IMAGE)
    conv, add, relu = (node for node in graph.nodes if node.op.startswith("call"))
    assert (list(conv.users), list(add.users), name_of(add)) == ([add], [relu], "add")


def test_hooks_of_others_are_a_part_of_their_layer_and_the_network_is_left_as_it_was() -> None:
    net = Net(lambda self, x: self.conv(x), conv=nn.Conv2d(2, 3, 1)).train()
    net.conv.register_forward_pre_hook(lambda _module, inputs: (inputs[0] * 2,))
    net.conv.register_forward_hook(lambda _module, _inputs, output: output.sigmoid())
    assert recorded(net) == ["conv"]
    assert net.training
    assert (len(net.conv._forward_hooks), len(net.conv._forward_pre_hooks)) == (1, 1)


def test_inference_mode_is_no_obstacle() -> None:
    with torch.inference_mode():
        net = Net(lambda self, x: self.relu(self.conv(x) + self.bias), conv=nn.Conv2d(2, 3, 1), relu=nn.ReLU(True))
        net.bias = nn.Parameter(torch.ones(1))
        assert recorded(net) == ["conv", "constant", "add", "relu"]


def test_a_layer_may_be_given_a_list() -> None:
    class Joined(nn.Identity):
        def forward(self, values: list[Tensor]) -> Tensor:
            return torch.cat(values, 1)

    net = Net(lambda self, x: self.conv(self.joined([x, x])), conv=nn.Conv2d(4, 1, 1), joined=Joined())
    assert recorded(net) == ["cat", "conv"]
    assert [layer.name for layer in layers(net, IMAGE)] == ["conv"]


def test_parts_of_a_value_are_values_of_their_own() -> None:
    def steps(self: Any, x: Tensor) -> Tensor:
        first, second = x.split(1, 1)
        return self.one(first) + self.two(second)

    net = Net(steps, one=nn.Conv2d(1, 1, 1), two=nn.Conv2d(1, 1, 1))
    assert recorded(net) == ["split", "getitem", "getitem", "one", "two", "add"]
    assert not any(layer.projection for layer in layers(net, IMAGE))


# -- what belongs to a filter ----------------------------------------------------------------------------------------


class Shuffled(nn.Module):
    """Two convolutions, registered in another order than they run."""

    def __init__(self) -> None:
        super().__init__()
        self.second_norm, self.first_norm = nn.BatchNorm2d(3), nn.BatchNorm2d(2)
        self.second, self.first = nn.Conv2d(2, 3, 1, bias=False), nn.Conv2d(1, 2, 1)
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Run in the order of the names."""
        x = self.second_norm(self.second(self.first_norm(self.first(x)).relu()))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits


def test_companions_are_found_by_the_flow_of_tensors_and_leave_no_trace() -> None:
    model = Shuffled().train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    found = companions(model, ["first.weight", "second.weight", "fc.weight"], torch.ones(2, 1, 4, 4))
    assert found == {
        "first.bias": "first.weight",
        "fc.bias": "fc.weight",
        "first_norm.weight": "first.weight",
        "first_norm.bias": "first.weight",
        "second_norm.weight": "second.weight",
        "second_norm.bias": "second.weight",
    }
    assert model.training
    assert all(torch.equal(before[name], buffer) for name, buffer in model.named_buffers())


def normalised_late(activation: nn.Module) -> Net:
    return Net(lambda self, x: self.norm(self.act(self.conv(x))), conv=nn.Conv2d(2, 3, 1), act=activation, norm=norm())


def norm() -> nn.BatchNorm2d:
    """A batch norm that makes something of zeros."""
    made = nn.BatchNorm2d(3)
    nn.init.ones_(made.bias)
    return made


@pytest.mark.parametrize("act", [nn.ReLU(), nn.ReLU(inplace=True), nn.GELU(), nn.MaxPool2d(2), nn.Dropout()])
def test_a_batch_norm_behind_what_keeps_zeros_goes_with_the_filter(act: nn.Module) -> None:
    net = normalised_late(act).eval()
    belongs = companions(net, ["conv.weight"], IMAGE)
    assert belongs.keys() == {"conv.bias", "norm.weight", "norm.bias"}
    with torch.no_grad():
        for name in ("conv.weight", *belongs):
            net.get_parameter(name)[1] = 0
        assert not net(torch.randn(2, 2, 4, 4))[:, 1].any()
        net.norm.bias[1] = 1  # and without it, something is left
        assert (net(torch.randn(2, 2, 4, 4))[:, 1] == 1).all()


def test_a_batch_norm_behind_what_makes_something_of_zeros_is_nobodys() -> None:
    assert companions(normalised_late(nn.Sigmoid()), ["conv.weight"], IMAGE).keys() == {"conv.bias"}


# -- what asks -------------------------------------------------------------------------------------------------------


def test_an_activation_that_is_a_function_is_one() -> None:
    """Two convolutions read the image: neither is on a shortcut, for an activation follows each."""

    def steps(self: Any, x: Tensor) -> Tensor:
        return F.relu(self.norm1(self.conv1(x))) + F.leaky_relu(self.norm2(self.conv2(x)), 0.5)

    convolutions = {f"conv{number}": nn.Conv2d(2, 3, 1) for number in (1, 2)}
    first, second = layers(Net(steps, **convolutions, norm1=norm(), norm2=norm()), IMAGE)
    assert (first.activation, second.activation) == ("relu", "leaky_relu")
    assert first.gateable and second.gateable
    assert second.activate(torch.tensor([-1.0, 1.0])).tolist() == [-0.5, 1.0]


def test_paths_lead_through_activations_that_are_functions() -> None:
    net = Net(lambda self, x: F.gelu(self.conv(x)).mean((2, 3)), conv=nn.Conv2d(2, 3, 1))
    live = effective_masks(net, {"conv.weight": torch.ones(3, 2, 1, 1)}, (2, 4, 4))
    assert live is not None and live["conv.weight"].all()


def test_channels_are_followed_through_one_slope_and_not_through_one_for_each() -> None:
    def prelu(slopes: int) -> nn.Module:
        convolutions = nn.Conv2d(2, 3, 1, bias=False), nn.Conv2d(3, 2, 1)
        nn.init.zeros_(convolutions[0].weight[1:2])
        return nn.Sequential(convolutions[0], nn.PReLU(slopes), convolutions[1])

    thinned, removed = thin(prelu(1), (2, 4, 4))
    assert removed == 1
    assert thinned.get_submodule("0").weight.shape == (2, 2, 1, 1)
    with pytest.raises(UnthinnableError, match="through 'PReLU'"):
        thin(prelu(3), (2, 4, 4))


def test_channels_are_not_followed_where_values_decide() -> None:
    net = Net(lambda self, x: self.conv(x) if x.mean() > 0 else x, conv=nn.Conv2d(2, 2, 1))
    with pytest.raises(UnthinnableError, match="channels can't be followed through"):
        thin(net, (2, 4, 4))


def test_channels_are_not_followed_through_what_somebody_derived() -> None:
    class Scaled(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * 2

    with pytest.raises(UnthinnableError, match="through 'Scaled'"):
        thin(nn.Sequential(Scaled(2, 2, 1)), (2, 4, 4))
