"""Image folders: an index of their files, made once, from which jobs read labels and paths.

The index, ``<folder>/<name>.safetensors``, lies where other data sets have their decoded arrays. For both parts
(`train`, and `test`, which is the folder's ``val``) it holds the paths inside the data set's folder, in torchvision's
order; the labels; the sizes in bytes; the SHA-256 of each file. Making it reads and decodes every image, so that a
damaged one is found before anything is trained. Decoding takes most of that time: the checksums hardly add to it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.atomic import write_atomic
from bench.data import images
from bench.data.catalog import DataInfo
from bench.data.photographs import decode
from bench.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import torch

PARTS = {"train": "train", "test": "val"}
"""The two parts, and the folder of each."""

FIELDS = ("paths", "y", "sizes", "checksums")
"""What the index has of each part, as ``train_paths`` and so on."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Files that are images, whether the ending is written in small or capital letters; torchvision's list."""


@dataclass(frozen=True)
class Files:
    """One part of an image folder: paths inside it, sizes in bytes as they were indexed, and labels, int64."""

    paths: list[str]
    sizes: list[int]
    labels: torch.Tensor


@dataclass(frozen=True)
class Folder:
    """An indexed image folder, opened.

    Attributes:
        root: the folder that holds ``train`` and ``val``.
        sha256: the fingerprint of what was indexed.
    """

    root: Path
    train: Files
    test: Files
    sha256: str


def index(expected: DataInfo, root: Path) -> dict[str, np.ndarray]:
    """Read and decode every image of a folder; the arrays of its index.

    Raises `UserError`, one sentence that names the class folder or the file: classes that are not the same in both
    parts, an empty one, another number of classes or images than expected, an image that cannot be decoded.
    """
    import numpy as np

    listed = {part: _listed(root / below) for part, below in PARTS.items()}
    _check(expected, root, listed)
    arrays: dict[str, np.ndarray] = {}
    for part, classes in listed.items():
        paths = [path for files in classes.values() for path in files]
        labels = [label for label, files in enumerate(classes.values()) for _ in files]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # reading, hashing and decoding let other threads run
            sizes, checksums = zip(*pool.map(_examine, paths), strict=True)
        names = "\0".join(path.relative_to(root).as_posix() for path in paths)
        arrays[f"{part}_paths"] = np.frombuffer(os.fsencode(names), np.uint8)
        arrays[f"{part}_y"] = np.array(labels, np.int64)
        arrays[f"{part}_sizes"] = np.array(sizes, np.int64)
        arrays[f"{part}_checksums"] = np.frombuffer(b"".join(checksums), np.uint8).reshape(-1, 32)
    return arrays


def decoded(expected: DataInfo, root: Path) -> dict[str, np.ndarray]:
    """The arrays of an image folder that fits into memory: images as in `bench.data.images.Images`, and labels.

    Raises `UserError` for what `index` refuses, and for an image of another size than the description's.
    """
    import numpy as np

    def pixels(path: str) -> np.ndarray:
        picture = decode(root / path)
        if picture.size != (expected.width, expected.height):
            found = f"{picture.size[0]}x{picture.size[1]}"
            raise UserError(
                f"{root / path} has {found} pixels, not the {expected.width}x{expected.height} of all others."
            )
        return np.asarray(picture).transpose(2, 0, 1)

    listed = index(expected, root)
    arrays: dict[str, np.ndarray] = {}
    for part in PARTS:
        paths = os.fsdecode(listed[f"{part}_paths"].tobytes()).split("\0")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            arrays[f"{part}_x"] = np.ascontiguousarray(
                list(pool.map(pixels, paths))
            )  # safetensors writes memory as it lies
        arrays[f"{part}_y"] = listed[f"{part}_y"]
    return arrays


def fingerprint(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 (64 hex digits) over path, label, size and checksum of every file, as the index has them."""
    return images.fingerprint(arrays, (f"{part}_{field}" for part in PARTS for field in FIELDS))


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an index atomically, with its fingerprint."""
    from safetensors.numpy import save as to_bytes

    write_atomic(path, to_bytes(arrays, metadata={"sha256": fingerprint(arrays)}))


def load(path: Path, expected: DataInfo, root: Path) -> Folder:
    """Open the index of the folder `root`. Raises `UserError` if it is not there, damaged, or of unregistered files."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        sha256 = fingerprint(arrays)
    except FileNotFoundError:
        raise UserError(
            f"data set '{expected.name}' is not prepared: there is no {path}; `snakemake` makes it."
        ) from None
    except (SafetensorError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and prepare it again.") from None
    if expected.sha256 not in ("", sha256):
        raise UserError(f"{path} is not the registered data set '{expected.name}'; delete it and prepare it again.")
    return Folder(root, _files(arrays, "train"), _files(arrays, "test"), sha256)


def _files(arrays: dict[str, np.ndarray], part: str) -> Files:
    import torch

    paths = os.fsdecode(arrays[f"{part}_paths"].tobytes()).split("\0")
    return Files(paths, arrays[f"{part}_sizes"].tolist(), torch.from_numpy(arrays[f"{part}_y"]))


def summary(path: Path, expected: DataInfo) -> str:
    """A sentence about an index for whoever made it: the fingerprint, and whether it is the registered one."""
    from safetensors.numpy import load_file

    sha256 = fingerprint(load_file(path))
    count = f"{expected.train_images + expected.test_images:,} images"
    where = f"configs/datasets/{expected.name}.yaml"
    known = f"as {where} says" if expected.sha256 else f"which {where} may register as its sha256"
    return f"all {count} can be decoded; their fingerprint is {sha256}, {known}"


def changed(opened: Folder) -> str:
    """What is no longer as it was indexed, in one clause; empty if all is. Contents are not read."""
    known = {
        path: size for part in (opened.train, opened.test) for path, size in zip(part.paths, part.sizes, strict=True)
    }
    there = {
        path.relative_to(opened.root).as_posix(): _size(path)
        for below in PARTS.values()
        for files in _listed(opened.root / below).values()
        for path in files
    }
    differing = sorted(name for name in known.keys() | there.keys() if known.get(name) != there.get(name))
    if not differing:
        return ""
    first = differing[0]
    what = "is new" if first not in known else "is gone" if first not in there else "has another size"
    return f"{opened.root / first} {what}" + (f", and {len(differing) - 1} more files differ" if differing[1:] else "")


def _listed(folder: Path) -> dict[str, list[Path]]:
    """The images of each class, classes and images in the order of their names."""
    try:
        classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except OSError as error:
        raise UserError(f"{folder}: it should hold a folder for each class ({error.strerror}).") from None
    return {name: sorted(_images(folder / name)) for name in classes}


def _images(folder: Path) -> Iterable[Path]:
    for below, folders, names in os.walk(folder, followlinks=True):
        for name in folders:
            _check_link(Path(below, name))
        yield from (Path(below, name) for name in names if name.lower().endswith(SUFFIXES))


def _check_link(folder: Path) -> None:
    """Raise a `UserError` for a link to a folder that it lies in, which would be walked through without end."""
    if folder.is_symlink() and folder.resolve() in (folder.parent.resolve(), *folder.parent.resolve().parents):
        raise UserError(f"{folder}: the link leads back to a folder that it lies in.")


def _size(path: Path) -> int:
    """Bytes of an image's file. Raises `UserError` for a link to nothing, and for what is no file and could block."""
    if not path.is_file():
        raise UserError(f"{path}: there is no regular file{' behind this link' if path.is_symlink() else ''}.")
    return path.stat().st_size


def _check(expected: DataInfo, root: Path, listed: dict[str, dict[str, list[Path]]]) -> None:
    for part, classes in listed.items():
        folder, counted = root / PARTS[part], sum(map(len, classes.values()))
        for name, files in classes.items():
            if not files:
                raise UserError(f"{folder / name}: the class folder holds no image ({', '.join(SUFFIXES)}).")
        if len(classes) != expected.classes:
            raise UserError(f"{folder}: {len(classes)} class folders, and '{expected.name}' has {expected.classes}.")
        wanted = expected.train_images if part == "train" else expected.test_images
        if counted != wanted:
            raise UserError(f"{folder}: {counted} images, and '{expected.name}' has {wanted}.")
    if other := sorted(listed["train"].keys() ^ listed["test"].keys()):
        there = next(PARTS[part] for part in PARTS if other[0] in listed[part])
        raise UserError(f"{root / there / other[0]}: this class is only in {there}, not in both train and val.")


def _examine(path: Path) -> tuple[int, bytes]:
    """Size and SHA-256 of a file, once it is known that its image can be decoded."""
    _size(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: the image cannot be read ({error.strerror}).") from None
    decode(path, content)
    return len(content), hashlib.sha256(content).digest()
