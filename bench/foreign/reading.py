"""What is in a file of weights, as plain containers and tensors on the CPU."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from bench.errors import UserError
from bench.foreign import archives, pickled
from bench.foreign.kinds import Format, recognise

MOST_DENSE = 500_000_000
"""Values of all sparse tensors of a file once they are dense: 2 GB. A sparse tensor of 100 bytes may claim any size."""


class Setting:
    """Stands for what a training kept beside its weights: takes everything, holds nothing, does nothing."""

    def __init__(self, *_arguments: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


SETTINGS = frozenset(
    {
        *("argparse.Namespace", "types.SimpleNamespace", "pathlib.PosixPath", "pathlib.WindowsPath"),
        *("numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"),
    }
)
"""Names in the pickles of training checkpoints (timm's ``args``, a best accuracy) that need no meaning here."""


def read(path: Path) -> Any:
    """The content of a file; settings that a training kept in it are left out, and no other class is met.

    Raises:
        UserError: one sentence that says what the file is.
    """
    form = recognise(path)
    if form is Format.SAFETENSORS:
        try:
            return safetensors.torch.load_file(path)
        except Exception as error:  # its own words are those of a parser
            raise UserError(f"{path} is a safetensors file that is damaged or of an unknown kind.") from error
    _check_classes(path, form)
    try:
        return _load(path)
    except Exception as error:  # a hostile file makes the reader raise whatever it knows; none is a mistake of ours
        # torch's own words advise to read the file without any care.
        raise UserError(f"{path} is a PyTorch file that is cut off, damaged or of an unknown kind.") from error


def values(name: str, tensor: Tensor, path: Path) -> Tensor:
    """A tensor of a file as real, finite numbers laid out as usual; sparse ones become dense.

    Raises:
        UserError: if it is another kind of tensor, or not finite.
    """
    if problem := _problem(tensor, path.stat().st_size):
        raise UserError(f"{path}: '{name}' {problem}.")
    try:
        dense = tensor.detach() if tensor.layout == torch.strided else tensor.detach().to_dense()
        # torch can tell neither of numbers of eight bits
        finite = torch.isfinite(dense.float() if dense.is_floating_point() and dense.element_size() == 1 else dense)
        bad = dense.numel() - int(finite.sum())
    except (RuntimeError, NotImplementedError) as error:
        kind = f"{tensor.dtype}, {tensor.layout}".replace("torch.", "")
        raise UserError(f"{path}: '{name}' is of a kind ({kind}) that is not read.") from error
    if bad:
        raise UserError(f"{path}: '{name}' holds NaN or infinity, in {bad:,} of {dense.numel():,} places.")
    return dense


def check_dense(tensors: dict[str, Tensor], path: Path) -> None:
    """Raise a `UserError` if sparse tensors would fill the memory once they are dense."""
    claimed = sum(tensor.numel() for tensor in tensors.values() if tensor.layout != torch.strided)
    if claimed > MOST_DENSE:
        raise UserError(f"{path}: its sparse tensors would have {claimed:,} values, at most {MOST_DENSE:,} are read.")


def _problem(tensor: Tensor, size: int) -> str:
    if type(tensor) not in (Tensor, torch.nn.Parameter) or tensor.is_nested:
        return f"is no plain tensor ({type(tensor).__name__})"
    if tensor.device.type != "cpu":
        return "has a shape and no values"
    if tensor.is_quantized:
        return f"is quantised ({str(tensor.dtype).removeprefix('torch.')}), which no network here computes with"
    if tensor.is_complex():
        return "holds complex numbers"
    if tensor.layout == torch.strided and tensor.numel() * tensor.element_size() > size:
        return f"claims {tensor.numel():,} values in a file of {size:,} bytes"
    return ""


def _check_classes(path: Path, form: Format) -> None:
    if form is Format.ZIP:
        content = archives.pickle_in(path, pickled.SCANNED)
    else:
        with path.open("rb") as file:
            content = file.read(pickled.SCANNED)
    foreign = [name for name in pickled.classes(content) if name not in SETTINGS]
    if foreign:
        others = f" and {len(foreign) - 1} more" if foreign[1:] else ""
        raise UserError(
            f"{path} is a pickle with '{foreign[0][:100]}'{others} in it, which is code and is not run; write the "
            "weights alone with torch.save(model.state_dict(), …)."
        )


def _load(path: Path) -> Any:
    stand_ins: list[Any] = [(Setting, name) for name in SETTINGS]
    with (
        torch.serialization.safe_globals(stand_ins),
        torch.sparse.check_sparse_tensor_invariants(),  # type: ignore[no-untyped-call]  # else indices beyond are used
        warnings.catch_warnings(),
        path.open("rb") as file,  # of a path, torch goes by what it ends with
    ):
        warnings.simplefilter("ignore")
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        finally:  # of a file that breaks off, torch would check the sparse tensors together with those of the next
            torch._utils._sparse_tensors_to_validate.clear()
