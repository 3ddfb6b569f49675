"""Networks that were saved as whole modules: their weights, without running or even importing their classes.

Opening such a pickle as it is meant to be opened may run any code. Here a class without behaviour takes the place of
every class of modules, each of which is named beforehand, and torch's reader for weights alone refuses the rest.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor

from bench.errors import UserError


class Module:
    """Stands for every class of modules: attributes, and no behaviour."""

    _parameters: dict[str, Tensor | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module]

    def state(self, prefix: str = "") -> dict[str, Tensor]:
        """Parameters and buffers by their names, as `torch.nn.Module.state_dict` would give them."""
        own = {**self._parameters, **self._buffers}
        found = {prefix + name: tensor for name, tensor in own.items() if tensor is not None}
        for name, child in self._modules.items():
            found |= child.state(f"{prefix}{name}.")
        return found


def weights(path: Path, classes: Collection[str]) -> dict[str, Tensor]:
    """The weights of a module that `torch.save` wrote.

    Args:
        path: of the file.
        classes: the full names of all classes of modules in it.

    Raises:
        UserError: if the file can't be read, holds another name, or no module.
    """
    with torch.serialization.safe_globals([(Module, name) for name in classes]):
        try:
            module = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a hostile file makes the reader raise whatever it knows; none is a mistake of ours
            # torch's own words advise to read the file without any care.
            raise UserError(f"{path}: can't be read as a module that holds {', '.join(classes)} alone.") from error
    if not isinstance(module, Module):
        raise UserError(f"{path}: expected a module, found {type(module).__name__}.")
    return {name: tensor.detach() for name, tensor in module.state().items()}
