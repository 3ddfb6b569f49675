"""One network that was published as a pickled module, turned once into a plain file of weights.

    python -m bench.recompute.convert vgg16_cifar10_0.3M.ckp vgg16_cifar10_0.3M.safetensors

Gate Decorator's VGG-16 can only be had as a pickle of a whole module, and opening such a file may run any code. So
nothing else in the suite opens it; this does, once, if it is the very file that is expected, and with an unpickler that
knows the dozen names in it and puts classes without behaviour in their places.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.errors import UserError
from bench.recompute.pickled import Module
from bench.weights import save_state

SHA256 = "1496712e34326fa36054ed49b9a2f7958d329c0602b2f6af5daa465c9f811808"
"""Of ckps/pruned_models/vgg16_cifar10_0.3M.ckp in youzhonghui/gate-decorator-pruning at 05e4c312."""


def _storage(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _parameter(data: Tensor, _requires_grad: bool, _hooks: Any) -> Tensor:
    return data


def _nothing(*_arguments: Any) -> None:
    """Stands for what only the authors' version of torch knows, and for devices."""


ALLOWED: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_tensor_v2": torch._utils._rebuild_tensor_v2,
    "torch.storage._load_from_bytes": _storage,
    "torch.nn.backends.thnn._get_thnn_function_backend": _nothing,
    "torch.device": _nothing,
    **dict.fromkeys(
        (
            "models.cifar.vgg.VGG",
            "torch.nn.modules.activation.ReLU",
            "torch.nn.modules.batchnorm.BatchNorm2d",
            "torch.nn.modules.container.Sequential",
            "torch.nn.modules.conv.Conv2d",
            "torch.nn.modules.linear.Linear",
            "torch.nn.modules.pooling.AvgPool2d",
            "torch.nn.modules.pooling.MaxPool2d",
            "torch.nn.parallel.data_parallel.DataParallel",
        ),
        Module,
    ),
}
"""Every name in the file, and what it means here."""


class Unpickler(pickle.Unpickler):
    """Knows the names of `ALLOWED` and refuses any other."""

    def find_class(self, module: str, name: str) -> Any:
        """What stands here for a name in the pickle; raises `pickle.UnpicklingError` for unknown ones."""
        full = f"{module}.{name}"
        if full not in ALLOWED:
            raise pickle.UnpicklingError(f"'{full[:100]}' has no place in this file")
        return ALLOWED[full]


def weights(content: bytes) -> dict[str, Tensor]:
    """The weights in a pickled module, without the prefix of `DataParallel`."""
    module = Unpickler(io.BytesIO(content)).load()
    return {name.removeprefix("module."): tensor for name, tensor in module.state().items()}


def convert(source: Path, target: Path) -> None:
    """Write the weights of the one file that is expected. Raises `UserError` if `source` is another."""
    try:
        content = source.read_bytes()
    except OSError as error:
        raise UserError(f"{source}: can't be read ({error.strerror}).") from None
    if (sha256 := hashlib.sha256(content).hexdigest()) != SHA256:
        raise UserError(f"{source}: its sha256 is {sha256} instead of {SHA256}; it is not opened.")
    save_state(weights(content), target, {})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    try:
        convert(arguments.source, arguments.target)
    except UserError as problem:
        parser.error(str(problem))
