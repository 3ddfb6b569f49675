"""Weights of somebody else's network in an architecture of ours, whose layers have other names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from bench.errors import UserError


def filled(network: nn.Module, weights: Mapping[str, Tensor], names: Mapping[str, str], path: Path) -> nn.Module:
    """The network with weights of a file, in evaluation mode.

    Args:
        network: ours.
        weights: what is in the file.
        names: our name of each layer by the name that the file has for it.
        path: of the file, for errors.

    Raises:
        UserError: if these are not the weights of such a network.
    """
    state = {}
    for name, tensor in weights.items():
        layer, _, kind = name.rpartition(".")
        state[f"{names.get(layer, layer)}.{kind}"] = tensor
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(
            f"{path}: its layers are not the expected ones ({' '.join(str(error).split())[:200]})."
        ) from None
    return network.eval()
