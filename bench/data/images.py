"""A prepared data set as tensors on the device."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.catalog import DataInfo, info
from bench.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from bench.data.folder import Folder

FIELDS = ("train_x", "train_y", "test_x", "test_y")
"""The arrays of a data set, in the order in which they are fingerprinted."""


@dataclass(frozen=True)
class Images:
    """A data set in memory: images are uint8, N × C × H × W, labels int64, all on one device.

    Attributes:
        sha256: the fingerprint of what was opened; empty for arrays that come from no file.
    """

    train_x: torch.Tensor
    train_y: torch.Tensor
    test_x: torch.Tensor
    test_y: torch.Tensor
    sha256: str = ""


def fingerprint(arrays: dict[str, np.ndarray], fields: Iterable[str] = FIELDS) -> str:
    """SHA-256 (64 hex digits) over name, dtype, shape and bytes (little-endian, C order) of some arrays, in order."""
    import numpy as np

    sha256 = hashlib.sha256()
    for name in fields:
        array = arrays[name]
        sha256.update(f"{name} {array.dtype.name} {array.shape} ".encode())
        sha256.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return sha256.hexdigest()


def file_of(name: str, folder: Path) -> Path:
    """Where the decoded arrays of a data set lie."""
    return folder / f"{name}.safetensors"


def load(name: str, folder: Path, device: torch.device | str = "cpu") -> Images | Folder:
    """Open what `prepare` wrote. On the CPU the file is mapped, so jobs on one machine share its memory.

    The whole content is compared with the registered fingerprint (0.1 to 0.3 s for CIFAR-10): one flipped bit on a disk
    is a wrong number in a table. Of an image folder only the index is opened; images are read when they are wanted.
    Raises `UserError` if the file is not there or is not the registered data set.
    """
    from safetensors import SafetensorError, safe_open

    path, expected = file_of(name, folder), info(name)
    if expected.folder:
        from bench.data import folder as folders
        from bench.data.prepare import image_folder

        return folders.load(path, expected, image_folder(expected))
    try:
        with safe_open(path, framework="pt") as file:
            stamp = (file.metadata() or {}).get("sha256", "")
            if expected.sha256 not in ("", stamp) or not stamp:
                raise UserError(f"{path} is not the registered data set '{name}'; delete it and prepare it again.")
            images = Images(**{field: file.get_tensor(field) for field in FIELDS})
    except FileNotFoundError:
        raise UserError(f"data set '{name}' is not prepared: there is no {path}; `snakemake` makes it.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({str(error)[:200]}); delete it and prepare it again.") from None
    if problem := _problem(images, expected):
        raise UserError(f"{path} is damaged: {problem}; delete it and prepare it again.")
    if fingerprint({field: getattr(images, field).numpy() for field in FIELDS}) != stamp:
        raise UserError(f"{path} is damaged (its checksum does not match); delete it and prepare it again.")
    return Images(**{field: getattr(images, field).to(device) for field in FIELDS}, sha256=stamp)


def _problem(images: Images, expected: DataInfo) -> str:
    """How the arrays differ from what the data set is registered as: pixels outside 0 to 255 have no place in uint8."""
    import torch

    shape = (expected.channels, expected.height, expected.width)
    for part, count in (("train", expected.train_images), ("test", expected.test_images)):
        x, y = getattr(images, f"{part}_x"), getattr(images, f"{part}_y")
        if x.dtype != torch.uint8 or tuple(x.shape) != (count, *shape):
            there = f"{str(x.dtype).removeprefix('torch.')} {'x'.join(map(str, x.shape))}"
            return f"{part}_x is {there} instead of uint8 {'x'.join(map(str, (count, *shape)))}"
        if y.dtype != torch.int64 or tuple(y.shape) != (count,):
            return f"{part}_y is not {count} labels of type int64"
        low, high = map(int, y.aminmax())
        if low < 0 or high >= expected.classes:
            return f"{part}_y has the label {low if low < 0 else high}, and labels go from 0 to {expected.classes - 1}"
        if missing := set(range(expected.classes)) - set(y.unique().tolist()):
            return f"{part}_y has no image of class {min(missing)}"
    return ""
