"""A network as a graph, recorded while one image passes: which layer feeds which, and what keeps zeros on the way.

A recording asks nothing of a network but that it runs. A layer is one node whatever it does inside; outside of layers
every function is one. What hands on its input as it is (an identity, dropout in evaluation mode) is none.
"""

from __future__ import annotations

import operator
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate
from torch.nn.modules import activation
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd
from torch.overrides import TorchFunctionMode

from bench.base.modes import evaluating
from bench.errors import UserError

POINTWISE: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",  # max(x, 0)
    nn.ReLU6: "relu6",  # min(max(x, 0), 6)
    nn.LeakyReLU: "leaky_relu",  # a line on either side of 0
    nn.RReLU: "rrelu",  # the same, with a slope that is drawn
    nn.PReLU: "prelu",  # the same, with slopes that are trained
    nn.ELU: "elu",  # e^x − 1 below 0, and x above
    nn.CELU: "celu",  # likewise, with another scale
    nn.SELU: "selu",  # likewise, both scaled
    activation.GELU: "gelu",  # x · Φ(x)
    activation.SiLU: "silu",  # x · σ(x)
    activation.Mish: "mish",  # x · tanh(softplus(x))
    nn.Hardswish: "hardswish",  # x · relu6(x + 3) / 6
    nn.Tanh: "tanh",  # odd
    activation.Softsign: "softsign",  # odd
    activation.Tanhshrink: "tanhshrink",  # odd
    activation.Softshrink: "softshrink",  # odd
    activation.Hardshrink: "hardshrink",  # odd
    _DropoutNd: "dropout",  # x times a factor, which may be 0
}
"""What works on every value alone and makes 0 of 0: the module, the function of the same effect, and why.

Not here are `Hardtanh` and `Threshold`, which can be told to make something else of 0.
"""

POOLINGS: dict[type[nn.Module], str] = {
    nn.MaxPool2d: "max_pool2d",  # the largest of zeros
    nn.AvgPool2d: "avg_pool2d",  # their mean, padding included
    nn.AdaptiveMaxPool2d: "adaptive_max_pool2d",
    nn.AdaptiveAvgPool2d: "adaptive_avg_pool2d",
}
"""What makes, of every channel alone, a smaller one, which is 0 where the channel is: the module and the function."""

LAYERS = (_ConvNd, nn.Linear)
"""What has weights that can be pruned, convolutions of any dimension among them."""


def name_of(node: fx.Node) -> str:
    """The name of the module or function that a node calls, without the underscores of functions that work in place."""
    return node.target if isinstance(node.target, str) else node.target.__name__.strip("_")


def keeps_zeros(node: fx.Node) -> bool:
    """Whether a node makes zeros of a channel of zeros, whatever the other channels are."""
    return _does(node, POINTWISE | POOLINGS)


def norms(node: fx.Node) -> list[fx.Node]:
    """The batch norms that normalise a layer's output, perhaps behind what keeps its zeros."""
    found = [reader for reader in node.users if isinstance(reader.meta["module"], _BatchNorm)]
    return found + [norm for reader in node.users if keeps_zeros(reader) for norm in norms(reader)]


def activation_of(node: fx.Node) -> fx.Node | None:
    """The first activation that reads a value."""
    return next((reader for reader in node.users if _does(reader, POINTWISE)), None)


def _does(node: fx.Node, kinds: dict[type[nn.Module], str]) -> bool:
    """Whether a node is the call of a module of some kinds, or of the function of the same effect."""
    by_name = node.op == "call_function" and name_of(node) in kinds.values()
    return by_name or isinstance(node.meta["module"], tuple(kinds))


def record(model: nn.Module, image: Tensor) -> fx.Graph:
    """The graph of a network in evaluation mode, from one run; the network is left as it was.

    Args:
        model: any network.
        image: (1, C, H, W).

    Returns:
        Calls of modules and functions; a tensor that does not come from the image is a node ``get_attr``. Of each node
        ``meta["module"]`` is the module that it calls, or None, and ``meta["shape"]`` that of its value, None of
        several.
    """
    with torch.inference_mode(False):  # whose tensors do not tell whether they were changed
        image = image.clone()
        recorder = _Recorder(image)
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if name and _is_layer(module):
                # Around the hooks of others, which are a part of the layer.
                before = module.register_forward_pre_hook(recorder.enter, prepend=True, with_kwargs=True)
                hooks.enter_context(before)
                hooks.enter_context(module.register_forward_hook(partial(recorder.leave, name)))
        with evaluating(model), torch.inference_mode(False), torch.no_grad(), recorder:
            output = model(image)
    return recorder.finish(output)


def _is_layer(module: nn.Module) -> bool:
    """Whether a module is one node: torch's own, and what somebody derived from those that are asked for."""
    own = type(module).__module__.startswith("torch.nn.") and not isinstance(module, nn.Sequential)
    return own or isinstance(module, (*LAYERS, _BatchNorm, *POINTWISE, *POOLINGS))


Value = tuple[int, int]
"""A tensor as it is at one moment: its id, and how often it was changed in place."""


class _Recorder(TorchFunctionMode):
    """Notes each call outside of layers, and each layer."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self._graph = fx.Graph()
        self._alive: list[Tensor] = []  # ids are only unique among living tensors
        self._nodes: dict[Value, fx.Node] = {}
        self._entered: list[Any] = []
        self._holds(self._graph.placeholder("x"), image)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self._entered:
            return func(*args, **(kwargs or {}))
        given = self._given(args, kwargs or {})
        output = func(*args, **(kwargs or {}))
        self._note("call_function", func, None, given, output)
        return output

    def enter(self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A layer begins."""
        self._entered.append(None)  # first, for looking at a tensor's version is a call, too
        if len(self._entered) == 1:
            self._entered[0] = self._given(args, kwargs)

    def leave(self, name: str, module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        """A layer ends."""
        if len(self._entered) == 1:
            self._note("call_module", name, module, self._entered[0], output)
        self._entered.pop()

    def finish(self, output: Any) -> fx.Graph:
        """The network ends; functions of which nothing comes are left out."""
        self._holds(self._graph.output(map_aggregate(output, self._node)))
        for node in reversed(self._graph.nodes):
            if node.op in ("call_function", "get_attr") and not node.users and not _looks(node.target):
                self._graph.erase_node(node)
        return self._graph

    def _value(self, tensor: Tensor) -> Value:
        self._alive.append(tensor)
        return id(tensor), 0 if tensor.is_inference() else tensor._version

    def _given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Arguments as they are before a call, which may change them in place."""
        return map_aggregate(args, self._node), map_aggregate(kwargs, self._node)

    def _node(self, argument: Any) -> Any:
        if not isinstance(argument, Tensor):
            return argument
        if self._value(argument) not in self._nodes:
            self._holds(self._graph.create_node("get_attr", "constant"), argument)
        return self._nodes[self._value(argument)]

    def _note(self, op: str, target: Any, module: nn.Module | None, given: tuple[Any, Any], output: Any) -> None:
        several = isinstance(output, tuple | list)
        made = {n: each for n, each in enumerate(output if several else [output]) if isinstance(each, Tensor)}
        new = {n: each for n, each in made.items() if self._value(each) not in self._nodes}
        if not new and (made or not _looks(target)):
            return  # it handed on what it was given, or told nothing of it
        node = self._holds(self._graph.create_node(op, target, *given), module=module)
        for number, tensor in new.items():
            one = self._graph.call_function(operator.getitem, (node, number)) if several else node
            self._holds(one, tensor, None if several else module)

    def _holds(self, node: fx.Node, tensor: Tensor | None = None, module: nn.Module | None = None) -> fx.Node:
        """The node, from now on that of a tensor."""
        node.meta |= {"module": module, "shape": None if tensor is None else tuple(tensor.shape)}
        if tensor is not None:
            self._nodes[self._value(tensor)] = node
        return node


def _looks(function: Any) -> bool:
    """Whether a function that gives no tensor tells what is in one: the network may decide by it."""
    return getattr(function, "__name__", "") in ("__bool__", "__float__", "__index__", "__int__", "item", "tolist")


def companions(model: nn.Module, names: list[str], image: Tensor) -> dict[str, str]:
    """Which biases and batch-norm parameters belong to the filters of which weight.

    A batch norm belongs to the layer whose output it normalises, be there between them what keeps zeros: without a
    filter, whatever the batch norm makes of its zeros has to go too. Returns {parameter name: weight name}.

    Args:
        model: the network.
        names: of the weights.
        image: (1, C, H, W).

    Raises:
        UserError: for a batch norm behind several layers, whose filters have its scales in common.
    """
    layers = [name.removesuffix(".weight") for name in names]
    behind: dict[str, set[str]] = {}
    for node in record(model, image).nodes:
        for norm in norms(node) if node.target in layers else ():
            if norm.meta["module"].affine:
                behind.setdefault(str(norm.target), set()).add(str(node.target))
    if shared := next((norm for norm, made in behind.items() if len(made) > 1), ""):
        listed = ", ".join(f"'{layer}'" for layer in sorted(behind[shared]))
        raise UserError(f"whole filters can't be removed: the batch norm '{shared}' stands behind {listed}.")
    biased = [layer for layer in layers if getattr(model.get_submodule(layer), "bias", None) is not None]
    own = {f"{layer}.bias": f"{layer}.weight" for layer in biased}
    return own | {
        f"{norm}.{leaf}": f"{layer}.weight" for norm, (layer,) in behind.items() for leaf in ("weight", "bias")
    }
