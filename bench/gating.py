"""Decisions per input: which filters of a convolution are computed for this image, and what that saves.

A `Gate` sits behind a convolution and its batch norm. It sees the convolution's input before the convolution runs, and
then the normalised output, of which it lets some filters through. The units to gate are found by running an image
through the network, so that no architecture has to be known by name.
What gates save is counted in `bench.gated_macs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.activation import GELU, SiLU
from torch.nn.modules.conv import _ConvNd
from torch.utils.hooks import RemovableHandle

from bench.base.modes import evaluating
from bench.context import Run
from bench.errors import UserError

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.Hardswish, nn.Tanh, GELU, SiLU)
"""Activations that map 0 to 0: a filter that is masked in front of them is masked behind them."""


@dataclass(frozen=True)
class Layer:
    """A convolution as it stands in the network, or a linear layer.

    Attributes:
        name: of the module.
        inputs, outputs: channels.
        groups: of the convolution.
        taps: weights per input and output channel: kernel height × width.
        positions: at which it is evaluated per image: output height × width.
        bias: whether it has one.
        norm: name of the batch norm that reads its output; "" if none does.
        activation: name of the activation that reads the batch norm's output; "" if none does.
        projection: a convolution on a shortcut: it reads what an earlier one reads, and no activation follows.
    """

    name: str
    inputs: int
    outputs: int
    groups: int = 1
    taps: int = 1
    positions: int = 1
    bias: bool = False
    convolution: bool = True
    norm: str = ""
    activation: str = ""
    projection: bool = False

    @property
    def macs(self) -> int:
        """Dense multiply-adds per image."""
        return self.positions * self.taps * (self.inputs // self.groups) * self.outputs

    @property
    def gateable(self) -> bool:
        """A convolution with a batch norm behind it, not on a shortcut."""
        return bool(self.norm) and not self.projection


def layers(model: nn.Module, image: Tensor) -> list[Layer]:
    """The convolutions and linear layers of a network in the order in which `image`, (1, C, H, W), meets them.

    The model is left as it was. Raises `UserError` for convolutions of other dimensions than two, and for layers that
    are passed several times.
    """
    trace = _Trace()
    handles = [handle for name, module in model.named_modules() if name for handle in trace.follow(name, module)]
    try:
        with evaluating(model), torch.no_grad():
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    return trace.layers()


Value = tuple[int, int]
"""A tensor as it is at one moment: its id, and how often it was changed in place."""


class _Trace:
    """Follows values from module to module. What happens between modules (a sum, say) makes another value."""

    def __init__(self) -> None:
        self.facts: dict[str, dict[str, Any]] = {}
        self.made: dict[Value, str] = {}  # by a convolution or linear layer
        self.normed: dict[Value, str] = {}  # the same, and then normalised
        self.read: set[Value] = set()  # by a convolution, perhaps after a pooling
        self.read_again: set[str] = set()
        self.reads: dict[str, Value] = {}
        self.alive: list[Tensor] = []  # ids are only unique among living tensors

    def follow(self, name: str, module: nn.Module) -> tuple[RemovableHandle, RemovableHandle]:
        def before(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
            self.reads[name] = self._value(inputs[0])

        def after(_module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
            self._look(name, module, self.reads[name], output)

        return module.register_forward_pre_hook(before), module.register_forward_hook(after)

    def _value(self, tensor: Tensor) -> Value:
        self.alive.append(tensor)
        return id(tensor), tensor._version

    def _look(self, name: str, module: nn.Module, source: Value, output: Tensor) -> None:
        other = isinstance(module, _ConvNd) and not isinstance(module, nn.Conv2d)
        if other or name in self.facts:
            found = f"'{name}' is a {type(module).__name__}" if other else f"it passes '{name}' several times"
            raise UserError(f"gates want two-dimensional convolutions that an image passes once, and {found}.")
        if isinstance(module, nn.Conv2d | nn.Linear):
            self.facts[name] = _facts(module, output)
            self.read_again.update([name] if source in self.read else [])
            self.read.add(source)
            self.made[self._value(output)] = name
        elif isinstance(module, nn.BatchNorm2d) and source in self.made:
            self.facts[self.made[source]]["norm"] = name
            self.normed[self._value(output)] = self.made[source]
        elif isinstance(module, ACTIVATIONS) and source in self.normed:
            self.facts[self.normed[source]].setdefault("activation", name)
        elif source in self.read and not list(module.children()):
            self.read.add(self._value(output))

    def layers(self) -> list[Layer]:
        shortcuts = {name for name in self.read_again if "activation" not in self.facts[name]}
        return [Layer(name=name, projection=name in shortcuts, **facts) for name, facts in self.facts.items()]


def _facts(module: nn.Conv2d | nn.Linear, output: Tensor) -> dict[str, Any]:
    bias = module.bias is not None
    if isinstance(module, nn.Linear):
        outputs = module.out_features
        tokens = output.numel() // outputs
        shape = {"inputs": module.in_features, "outputs": outputs, "positions": tokens}
        return shape | {"bias": bias, "convolution": False}
    return {
        "inputs": module.in_channels,
        "outputs": module.out_channels,
        "groups": module.groups,
        "taps": prod(module.kernel_size),
        "positions": prod(output.shape[2:]),
        "bias": bias,
    }


# --- gates --------------------------------------------------------------------------------------------------------


Mode = Literal["decide", "observe", "replay"]


class Predictor(nn.Linear):
    """A linear layer in its weights' own precision, also under autocast: rounding would make equal what is ranked."""

    def forward(self, summary: Tensor) -> Tensor:
        """Map (images, channels) to (images, filters)."""
        with torch.autocast(summary.device.type, enabled=False):
            return super().forward(summary.to(self.weight.dtype))


class Gate(nn.Module):
    """Decides per input which filters of one convolution are used. What it decides by is the method's.

    Args:
        layer: the convolution.
        predictor: a module to be trained along, from summaries of the input (images, channels) to (images, filters).
        look: called with this gate and the convolution's input, (images, channels, H, W), before the convolution.
        let_through: called with this gate, the output, (images, filters, H, W), and whether the network is training;
            sets `mask` and returns what is let through.

    Attributes:
        mask: of the last batch, (images, filters), 1 where a filter is used.
        logits: what `look` found, (images, filters), for `let_through`; after that the values without their graph.
        loss: a term of the training loss, 0-d, if the method has one; `losses_of` takes it for the step.
        mode: ``decide``; ``observe`` for methods that can look at the ungated network; ``replay`` applies `mask`.
        activate: the activation that follows the place where the gate acts, without side effects and not in half
            precision.
    """

    mask: Tensor
    logits: Tensor
    loss: Tensor
    mode: Mode = "decide"

    def __init__(
        self,
        layer: Layer,
        predictor: Predictor,
        look: Callable[[Gate, Tensor], None],
        let_through: Callable[[Gate, Tensor, bool], Tensor],
    ) -> None:
        super().__init__()
        self.layer, self.predictor, self._look, self._let_through = layer, predictor, look, let_through
        self.activate: Callable[[Tensor], Tensor] = _at_least_single

    def attach(self, model: nn.Module, place: str) -> None:
        """Look at the convolution's input, and change the output of the module called `place`."""
        if place == self.layer.norm and self.layer.activation:
            following = model.get_submodule(self.layer.activation)
            self.activate = lambda x: following(_at_least_single(x).clone())  # it may work in place

        # Functions rather than methods: a copy of the model then refers to this gate and does not copy it.
        def before(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if self.mode != "replay":
                self._look(self, inputs[0])

        def after(module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            if self.mode == "replay":
                return output * self.mask[:, :, None, None]
            passed = self._let_through(self, output, module.training)
            self.logits = self.logits.detach()  # the values for whoever looks at them; the graph is the step's
            return passed

        model.get_submodule(self.layer.name).register_forward_pre_hook(before)
        model.get_submodule(place).register_forward_hook(after)


def _at_least_single(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def gates_for(
    run: Run,
    look: Callable[[Gate, Tensor], None],
    let_through: Callable[[Gate, Tensor, bool], Tensor],
) -> list[Gate]:
    """A gate, in ``run.extras["gates"]``, for every convolution of the network with a batch norm behind it.

    Not for those on a shortcut. Predictors are drawn as torch draws a linear layer, from the run's seed. The gates are
    still to be attached. Raises `UserError` if there is no such convolution.
    """
    chosen = [layer for layer in layers(run.model, _an_image(run)) if layer.gateable]
    if not chosen:
        name = type(run.model).__name__
        raise UserError(f"method '{run.method.name}': {name} has no convolution with a batch norm behind it to gate.")
    drawn = run.generator("predictors")
    gates = [Gate(layer, _predictor(layer, run, drawn), look, let_through) for layer in chosen]
    run.extras["gates"] = nn.ModuleDict({gate.layer.name.replace(".", "-"): gate for gate in gates})
    return gates


def gates_of(run: Run) -> list[Gate]:
    """The gates of a run, in the network's order."""
    return list(run.extras["gates"].values())  # type: ignore[operator]


def losses_of(run: Run) -> list[Tensor]:
    """The gates' losses for the batch just seen, 0-d, in the network's order; to be asked for once in a step.

    The gates are left with the values: a loss that outlives its step holds the step's graph, and a recording of the
    next (`bench.training.capture`) would go on from nodes that were made outside of it.
    """
    gates = gates_of(run)
    losses = [gate.loss for gate in gates]
    for gate, loss in zip(gates, losses, strict=True):
        gate.loss = loss.detach()
    return losses


def _an_image(run: Run) -> Tensor:
    return run.batches.scoring(0, "gates")[0][:1]


def _predictor(layer: Layer, run: Run, drawn: torch.Generator) -> Predictor:
    like = next(run.model.parameters())
    predictor = Predictor(layer.inputs, layer.outputs, device=like.device, dtype=like.dtype)
    with torch.no_grad():
        for parameter in predictor.parameters():
            parameter.uniform_(-(layer.inputs**-0.5), layer.inputs**-0.5, generator=drawn)
    return predictor


@contextmanager
def in_mode(gates: Iterable[Gate], mode: Mode) -> Iterator[None]:
    """Gates in another mode, then in the one they were in."""
    before = [(gate, gate.mode) for gate in gates]
    for gate, _ in before:
        gate.mode = mode
    try:
        yield
    finally:
        for gate, was in before:
            gate.mode = was
