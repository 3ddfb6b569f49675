"""Channels that are really removed: a smaller network that computes the same as one whose filters are zeros.

A filter of zeros, with its bias and its batch norm's scale and shift, makes a channel that is zero for every image.
Such a channel goes, and so does one that nobody reads, from the layer that makes it and from all that read it. The
network is followed as a graph (`bench.counting.graph`), so a residual sum is no obstacle: filters in front of it go
even though the other summand has the channel, and what is left is put in its place by one gather.

Not by Torch-Pruning (1.6.1 was tried): it removes a channel only from all summands of a residual stream at once, where
filter pruning leaves hardly any that is zero in all, and takes channel i of a shortcut that is padded with channels for
channel i of the sum. A channel that is constant without being zero stays: behind a padding it is constant no more.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, fx, nn

from bench.counting.graph import keeps_zeros, name_of, record


class UnthinnableError(Exception):
    """The network does something through which channels can't be followed; the message names it."""


def thin(model: nn.Module, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """The network without its dead channels, in evaluation mode, and how many filters it lacks.

    Args:
        model: the network, which is copied. Convolutions are plain or depthwise.
        shape: of one image, (C, H, W).

    Raises:
        UnthinnableError: if channels can't be followed through something in the network.
    """
    copy = deepcopy(model).eval()
    like = next(copy.parameters())
    recorded = record(copy, torch.zeros(1, *shape, device=like.device, dtype=like.dtype))
    with torch.no_grad():
        channels = _Channels(recorded)
        removed = channels.removed()
        graph = fx.GraphModule(copy, recorded)
        _rewrite(graph, channels)
    graph.graph.lint()
    graph.recompile()
    return graph, removed


class Spread(nn.Module):
    """Puts thin channels in their places among more, the others being zero.

    Args:
        places: for each channel of the output its channel of the input, or the input's number of channels for none.
    """

    places: Tensor

    def __init__(self, places: Tensor) -> None:
        super().__init__()
        self.register_buffer("places", places)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, thin channels, …) to (N, channels, …)."""
        return torch.cat([x, torch.zeros_like(x[:, :1])], 1).index_select(1, self.places)


class _Channels:
    """Which channels of each value are alive (not zero for every image), and which of them are kept."""

    def __init__(self, graph: fx.Graph) -> None:
        self.nodes = list(graph.nodes)
        self.kinds = {node: _kind(node) for node in self.nodes}
        targets = [node.target for node in self.nodes if self.kinds[node] in ("mix", "each", "norm")]
        if len(set(targets)) < len(targets):
            raise UnthinnableError("it uses a layer with weights twice")
        self.reads = {node: _reads(node.meta["module"]) for node in self.nodes if self.kinds[node] in ("mix", "each")}
        self.alive: dict[fx.Node, Tensor] = {}
        for node in self.nodes:
            self.alive[node] = self._living(node)
        self.kept = {node: torch.zeros_like(alive) for node, alive in self.alive.items()}
        self._choose()

    def _living(self, node: fx.Node) -> Tensor:
        kind, before = self.kinds[node], [self.alive[source] for source in node.all_input_nodes]
        if kind == "placeholder":
            return torch.ones(_width(node), dtype=torch.bool)
        if kind == "sum":
            return before[0] | before[1]
        if kind == "pad":
            return _shifted(before[0], node)
        if kind == "mix":
            return self.reads[node][:, before[0]].any(1) | _nonzero(node.meta["module"].bias, _width(node))
        if kind == "each":
            return (before[0] & self.reads[node][:, 0]) | _nonzero(node.meta["module"].bias, _width(node))
        if kind == "norm":
            norm = node.meta["module"]
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            constant: Tensor = norm.bias != norm.running_mean * scale
            varying: Tensor = (scale != 0).cpu() & before[0]
            return varying | constant.cpu()
        return before[0]

    def _choose(self) -> None:
        """The smallest sets with which every layer gets what it reads; at least one channel each, as torch wants."""
        for node in self.nodes:
            if self.kinds[node] in ("placeholder", "output"):
                self.kept[node].fill_(True)
        while True:
            before = self._count()
            for node in reversed(self.nodes):
                self._demand(node)
            if self._count() == before:
                empty = [node for node in self.nodes if not self.kept[node].any()]
                if not empty:
                    return
                for node in empty:
                    self.kept[node][0] = True

    def removed(self) -> int:
        """How many filters (outputs of convolutions and linear layers) go."""
        return sum(int((~self.kept[node]).sum()) for node in self.nodes if self.kinds[node] in ("mix", "each"))

    def _count(self) -> int:
        return sum(int(kept.sum()) for kept in self.kept.values())

    def _demand(self, node: fx.Node) -> None:
        """Enlarge what is kept in front of a node, and behind it, until it can do its work."""
        kind, kept, sources = self.kinds[node], self.kept[node], node.all_input_nodes
        for source in sources:
            if kind == "mix":
                self.kept[source] |= self.alive[source] & self.reads[node][kept].any(0)
            elif kind == "sum":
                self.kept[source] |= kept & self.alive[source]
                kept |= self.kept[source]
            elif kind == "pad":
                inside = _shifted(torch.ones_like(self.alive[source]), node)
                self.kept[source] |= kept[inside] & self.alive[source]
                kept |= _shifted(self.kept[source], node)
            else:
                self.kept[source] |= kept
                kept |= self.kept[source]


def _kind(node: fx.Node) -> str:
    """How a node treats channels; `UnthinnableError` if nobody has decided."""
    if node.op in ("placeholder", "output"):
        return node.op
    module = node.meta["module"]
    if keeps_zeros(node):
        slopes = [] if module is None else list(module.parameters())
        kind = "pass" if all(slope.numel() == 1 for slope in slopes) else ""  # none is taken from several so far
    else:
        kind = _kind_of_function(node) if module is None else _kind_of_layer(module, node)
    if not kind or (kind == "pass" and _width(node) != _width(node.all_input_nodes[0])):
        what = name_of(node) if module is None else type(module).__name__
        raise UnthinnableError(f"channels can't be followed through '{what}'")
    return kind


def _kind_of_layer(module: nn.Module, node: fx.Node) -> str:
    if not type(module).__module__.startswith("torch.nn."):
        return ""  # what somebody derived may do more
    if isinstance(module, nn.Conv2d) and module.groups > 1:
        return "each" if module.groups == module.in_channels == module.out_channels else ""
    if isinstance(module, nn.Conv2d) or (isinstance(module, nn.Linear) and len(_shape(node)) == 2):
        return "mix"
    if isinstance(module, nn.BatchNorm2d):
        return "norm" if module.affine and module.track_running_stats else ""
    return "pass" if isinstance(module, nn.Flatten) else ""


def _kind_of_function(node: fx.Node) -> str:
    name, sources = name_of(node), node.all_input_nodes
    if name in ("add", "iadd"):
        return "sum" if [_shape(source) for source in sources] == [_shape(node)] * 2 else ""
    if name == "pad":
        return "pad" if _padding(node) is not None else ""
    if name == "mean":
        return "pass" if tuple(_argument(node, 1, "dim") or ()) in ((2, 3), (-2, -1)) else ""
    if name == "flatten":
        return "pass" if len(_shape(node)) == 2 else ""
    if name == "getitem":
        every = slice(None, None, None)
        return "pass" if isinstance(node.args[1], tuple) and node.args[1][:2] == (every, every) else ""
    return ""


def _argument(node: fx.Node, position: int, name: str) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name)


def _padding(node: fx.Node) -> tuple[int, int] | None:
    """How many channels of zeros a padding puts before and behind; None if it does anything else."""
    width = _argument(node, 1, "pad")
    plain = _argument(node, 2, "mode") in (None, "constant") and not _argument(node, 3, "value")
    if not plain or not isinstance(width, tuple | list) or len(width) != 6 or any(width[:4]):
        return None
    return int(width[4]), int(width[5])


def _shifted(mask: Tensor, node: fx.Node) -> Tensor:
    before, behind = _padding(node) or (0, 0)
    return torch.cat([mask.new_zeros(before), mask, mask.new_zeros(behind)])


def _shape(node: fx.Node) -> tuple[int, ...]:
    shape: tuple[int, ...] = node.meta["shape"]
    return shape


def _width(node: fx.Node) -> int:
    return _shape(node)[1]


def _reads(layer: nn.Conv2d | nn.Linear) -> Tensor:
    """Whether an output reads an input at all, (outputs, inputs)."""
    return (layer.weight != 0).flatten(2).any(2).cpu() if layer.weight.dim() > 2 else (layer.weight != 0).cpu()


def _nonzero(bias: Tensor | None, width: int) -> Tensor:
    return torch.zeros(width, dtype=torch.bool) if bias is None else (bias != 0).cpu()


# --- the smaller network ------------------------------------------------------------------------------------------


def _rewrite(graph: fx.GraphModule, channels: _Channels) -> None:
    # Paddings last: until then a sum finds them in front of it.
    for node in sorted(channels.nodes, key=lambda node: channels.kinds[node] == "pad"):
        kind, kept, sources = channels.kinds[node], channels.kept[node], node.all_input_nodes
        if kind in ("mix", "each", "norm"):
            _shrink(node.meta["module"], kind, kept, channels.kept[sources[0]])
        elif kind == "sum":
            for source in sources:
                if not torch.equal(channels.kept[source], kept):
                    node.replace_input_with(source, _spread(graph, node, source, channels.kept[source], kept))
        elif kind == "pad":
            there = _shifted(channels.kept[sources[0]], node)
            same = torch.equal(there, kept)
            node.replace_all_uses_with(sources[0] if same else _spread(graph, node, sources[0], there, kept))
            graph.graph.erase_node(node)


def _spread(graph: fx.GraphModule, node: fx.Node, source: fx.Node, there: Tensor, wanted: Tensor) -> fx.Node:
    """A node that puts the channels `there`, which `source` holds without gaps, among those `wanted`."""
    places = torch.full(there.shape, int(there.sum()))
    places[there] = torch.arange(int(there.sum()))
    name = f"spread_{source.name}_{node.name}"
    graph.add_submodule(name, Spread(places[wanted].to(next(graph.parameters()).device)))
    with graph.graph.inserting_before(node):
        return graph.graph.call_module(name, (source,))


def _shrink(layer: Any, kind: str, kept: Tensor, inputs: Tensor) -> None:
    """Cut a layer to the kept channels of its output and its input, in place."""
    kept, inputs = kept.to(layer.weight.device), inputs.to(layer.weight.device)
    names = ("weight", "bias")
    for name in names:
        if getattr(layer, name) is not None:
            setattr(layer, name, nn.Parameter(getattr(layer, name)[kept], requires_grad=False))
    if kind == "norm":
        layer.running_mean, layer.running_var = layer.running_mean[kept], layer.running_var[kept]
        layer.num_features = int(kept.sum())
        return
    if kind == "mix":
        layer.weight = nn.Parameter(layer.weight[:, inputs], requires_grad=False)
    sizes = ("in_features", "out_features") if isinstance(layer, nn.Linear) else ("in_channels", "out_channels")
    setattr(layer, sizes[0], int(inputs.sum()))
    setattr(layer, sizes[1], int(kept.sum()))
    if kind == "each":
        layer.groups = layer.out_channels
