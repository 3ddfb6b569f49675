"""Weights in the files that Keras writes (HDF5), turned into torch's order of axes.

They are read with h5py, which one source alone needs: it is an extra.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import UserError

NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
"""Torch's names by Keras' of what a batch normalisation has."""

Layer = dict[str, Any]
"""Arrays of a layer by the names that Keras gives them: ``kernel``, ``bias``, and those of `NORM`."""


def layers(path: Path) -> list[Layer]:
    """The layers of a saved model that have weights, in its order.

    Raises:
        UserError: if h5py is not installed, or the file is no saved model.
    """
    try:
        import h5py
    except ImportError:
        raise UserError(f"{path}: reading Keras' files needs h5py; pip install 'reprune[keras]'.") from None
    try:
        with h5py.File(path) as file:
            groups = [file["model_weights"][name] for name in file["model_weights"].attrs["layer_names"]]
            found = [
                {name.decode().rpartition("/")[2].partition(":")[0]: group[name][()] for name in names}
                for group in groups
                for names in [group.attrs["weight_names"]]
            ]
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: can't be read as a saved Keras model ({str(error)[:200]}).") from None
    return [layer for layer in found if layer]


def fill(network: nn.Module, path: Path) -> nn.Module:
    """Give a network the weights of a saved model, layer after layer; returned in evaluation mode.

    Args:
        network: whose convolutions, linear layers and batch norms are in the model's order.
        path: of the model.

    Raises:
        UserError: if the layers are others.
    """
    own = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d)]
    theirs = layers(path)
    if len(own) != len(theirs):
        raise UserError(f"{path}: it has {len(theirs)} layers with weights instead of {len(own)}.")
    for module, layer in zip(own, theirs, strict=True):
        try:
            module.load_state_dict(module.state_dict() | _turned(layer))
        except (RuntimeError, KeyError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{path}: its layers are not the expected ones ({reason}).") from None
    return network.eval()


def _turned(layer: Layer) -> dict[str, Tensor]:
    """A layer's arrays under torch's names: kernels (height, width, in, out) or (in, out) become (out, in, …)."""
    state: dict[str, Tensor] = {}
    for name, array in layer.items():
        tensor = torch.from_numpy(array)
        if name == "kernel":
            state["weight"] = tensor.permute(3, 2, 0, 1) if tensor.dim() == 4 else tensor.T
        else:
            state[NORM.get(name, name)] = tensor
    return state
