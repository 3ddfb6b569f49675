"""Decisions per input: which filters of a convolution are computed for this image, and what that saves.

A `Gate` sits behind a convolution and its batch norm. It sees the convolution's input before the convolution runs, and
then the normalised output, of which it lets some filters through. The units to gate are found in the network's graph
(`bench.counting.graph`), so that no architecture has to be known by name.
What gates save is counted in `bench.gated_macs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn

from bench.context import Run
from bench.counting.graph import LAYERS, activation_of, keeps_zeros, name_of, norms, record
from bench.errors import UserError


def _unchanged(x: Tensor) -> Tensor:
    return x


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
        norm: name of the batch norm of its output; "" if it has none.
        activation: name of the activation that reads the batch norm's output, a module or a function; "" if none does.
        activate: that activation, or what changes nothing.
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
    activate: Callable[[Tensor], Tensor] = field(default=_unchanged, repr=False, compare=False)
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
    read: set[fx.Node] = set()  # values that a layer reads, perhaps after a pooling
    by_name: dict[str, Layer] = {}
    for node in record(model, image).nodes:
        source, module, name = node.all_input_nodes[:1], node.meta["module"], str(node.target)
        if isinstance(module, nn.Conv2d | nn.Linear) and name not in by_name:
            norm = next((each for each in norms(node) if isinstance(each.meta["module"], nn.BatchNorm2d)), None)
            active = activation_of(norm) if norm else None
            by_name[name] = Layer(
                name,
                **_facts(module, node.meta["shape"]),
                norm=str(norm.target) if norm else "",
                activation=name_of(active) if active else "",
                activate=_called(active) if active else _unchanged,
                projection=active is None and not read.isdisjoint(source),
            )
            read.update(source)
        elif isinstance(module, LAYERS):
            wrong = f"it passes '{name}' several times" if name in by_name else f"'{name}' is a {type(module).__name__}"
            raise UserError(f"gates want two-dimensional convolutions that an image passes once, and {wrong}.")
        elif keeps_zeros(node) and not read.isdisjoint(source):
            read.add(node)
    return list(by_name.values())


def _called(node: fx.Node) -> Callable[[Tensor], Tensor]:
    """What a node does to a value, without the value."""
    if (module := node.meta["module"]) is not None:
        return module  # type: ignore[no-any-return]
    return lambda value: node.target(value, *node.args[1:], **node.kwargs)  # type: ignore[operator]


def _facts(module: nn.Conv2d | nn.Linear, shape: tuple[int, ...]) -> dict[str, Any]:
    """What a layer says of itself, and `shape` of its output."""
    if isinstance(module, nn.Linear):
        sizes = {"inputs": module.in_features, "outputs": module.out_features, "convolution": False}
        return sizes | {"bias": module.bias is not None, "positions": prod(shape) // module.out_features}
    return {
        "inputs": module.in_channels,
        "outputs": module.out_channels,
        "groups": module.groups,
        "taps": prod(module.kernel_size),
        "positions": prod(shape[2:]),
        "bias": module.bias is not None,
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
        if place == self.layer.norm:
            self.activate = lambda x: self.layer.activate(_at_least_single(x).clone())  # it may work in place

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
