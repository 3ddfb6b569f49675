"""Weights of somebody else's network in an architecture of ours, whose layers have other names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from bench.errors import UserError
from bench.weights import load_state


def filled(network: nn.Module, path: Path, names: Mapping[str, str]) -> nn.Module:
    """The network with the weights of a file, in evaluation mode.

    Args:
        network: ours.
        path: a file of weights, `bench.weights.load_state`.
        names: our name of each layer by the name that the file has for it.

    Raises:
        UserError: if the file is no such network.
    """
    state = {}
    for name, tensor in load_state(path).items():
        layer, _, kind = name.rpartition(".")
        state[f"{names.get(layer, layer)}.{kind}"] = tensor
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(
            f"{path}: its layers are not the expected ones ({' '.join(str(error).split())[:200]})."
        ) from None
    return network.eval()
