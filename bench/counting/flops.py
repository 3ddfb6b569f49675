"""Counting the dense multiply-adds (MACs) of a network, per image and per weight tensor.

fvcore traces the network and finds its operators; one multiply-add counts 1. Convolutions, linear layers and matrix
products are counted and nothing else: the totals that fvcore prints include normalisation and pooling. ResNet-50 has
4.089 GMACs in this count, the "4.09 G" of the papers. What does not multiply by a weight or a second activation is on
a list of operators that count 0, and any operator that is on neither list is an error: a zero nobody decided on
(fused attention, in fvcore's defaults) would make a table wrong.

Training is not involved: the network is traced once with a single image of zeros, and left as it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench import archs
from bench.base.atomic import write_atomic
from bench.counting.operators import UNCOUNTED, counters
from bench.errors import UserError
from bench.recipe.prunable import layer_weights

if TYPE_CHECKING:
    from torch import nn

    from bench.data import DataInfo


def count(architecture: str, info: DataInfo, folder: Path) -> dict[str, int]:
    """`dense_macs` of an architecture for a data set, counted once and then read from a file of `folder`.

    The file is called ``<architecture>-<classes>x<C>x<H>x<W>.json``. Reading it needs neither torch nor fvcore.
    Raises `UserError` as `dense_macs` does, or if the network can't take images of this size.
    """
    path = folder / f"{architecture.replace('/', '_')}-{info.classes}x{info.channels}x{info.height}x{info.width}.json"
    if path.exists():
        return _read(path)
    model = archs.create(architecture, info.classes, info.channels, (info.height, info.width))
    macs = macs_for(model, info, architecture)
    write_atomic(path, (json.dumps(macs, indent=1) + "\n").encode())
    return macs


def macs_for(model: nn.Module, info: DataInfo, architecture: str) -> dict[str, int]:
    """`dense_macs` for one image of a data set. Raises `UserError` also if the network can't take such images."""
    import torch

    from bench.archs.stumbling import where

    shape = (info.channels, info.height, info.width)
    try:
        return dense_macs(model, shape, architecture)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # whatever a module raises that can't go on, an assertion without a word among them
        like, size = next(model.parameters()), "x".join(map(str, shape))
        stuck = where(model, torch.zeros(1, *shape, device=like.device, dtype=like.dtype))
        reason = stuck or "no trace of it can be taken"
        built_for = archs.usual_size(architecture)
        hint = f"; timm built it for {'x'.join(map(str, built_for))}" if built_for not in (None, shape) else ""
        raise UserError(f"architecture '{architecture}' can't take images of {size}: {reason}{hint}.") from error


def _read(path: Path) -> dict[str, int]:
    try:
        by_tensor = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        by_tensor = None
    if not isinstance(by_tensor, dict) or not all(
        type(macs) is int and 0 <= macs < 2**53 for macs in by_tensor.values()
    ):
        raise UserError(f"{path} is damaged: it is not a list of multiply-adds by tensor; delete it and count again.")
    return by_tensor


def dense_macs(model: nn.Module, shape: tuple[int, int, int], architecture: str = "") -> dict[str, int]:
    """The dense MACs of `model` for one image of `shape` (C, H, W).

    Args:
        model: any network that maps images to logits. It is traced in evaluation mode and left as it was.
        shape: of one image.
        architecture: what to call the network in an error; its class by default.

    Returns:
        MACs by the name of the weight tensor, ``layer1.0.conv1.weight``; every convolution and linear weight is there,
        those not used in a forward pass with 0. Products of two activations, in attention say, stand under the module
        they happen in and the operator: ``blocks.0.attn.scaled_dot_product_attention``. The sum is the network's.

    Raises:
        UserError: if the network uses an operator that nobody has decided how to count.
    """
    import torch
    from fvcore.nn.jit_analysis import JitModelAnalysis

    from bench.base.modes import evaluating

    name = architecture or type(model).__name__
    like = next(model.parameters())
    image = torch.zeros(1, *shape, device=like.device, dtype=like.dtype)
    analysis = JitModelAnalysis(model, (image,)).set_op_handle(**dict.fromkeys(UNCOUNTED), **counters(model))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    try:
        with evaluating(model):
            counted = analysis.by_operator()
        unknown = ", ".join(sorted(analysis.unsupported_ops()))
    except NotImplementedError as error:
        unknown = str(error)
    if unknown:
        raise UserError(f"architecture '{name}': nobody has decided how to count the operator {unknown}.")
    return dict.fromkeys(layer_weights(model), 0) | {key: int(macs) for key, macs in counted.items()}


def sparse_macs(dense: Mapping[str, int], kept: Mapping[str, float]) -> dict[str, float]:
    """The MACs that are left when the fraction `kept` of each weight tensor is; what `kept` lacks is dense.

    Exact for any stride, padding and grouping: each weight of a convolution is used once at every output position.
    Raises `KeyError` for a tensor that was not counted.
    """
    unknown = kept.keys() - dense.keys()
    if unknown:
        raise KeyError(*sorted(unknown))
    return {name: macs * kept.get(name, 1.0) for name, macs in dense.items()}


def positions(model: nn.Module, dense: Mapping[str, int]) -> dict[str, int]:
    """How often a forward pass of one image uses each weight of a tensor: output pixels, or tokens.

    Raises `UserError` if `dense` was not counted for this network.
    """
    uses = {}
    for name, weight in layer_weights(model).items():
        uses[name], remainder = divmod(dense.get(name, -1), weight.numel())
        if uses[name] < 0 or remainder:
            raise UserError(f"the MACs counted for '{name}' are not those of this {type(model).__name__}; count again.")
    return uses
