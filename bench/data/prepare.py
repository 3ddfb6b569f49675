"""Decoding a data set once, to one file that jobs map into memory without importing torchvision or scikit-learn.

The file, ``<folder>/<name>.safetensors``, holds `train_x`, `test_x` (uint8, N × C × H × W) and `train_y`, `test_y`
(int64), and in its metadata the fingerprint.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.atomic import write_atomic
from bench.data import folder as folders
from bench.data.catalog import DataInfo, info
from bench.data.images import file_of, fingerprint
from bench.data.originals import problem
from bench.data.split import stratified
from bench.data.subset import choose, origin
from bench.errors import UserError

if TYPE_CHECKING:
    import numpy as np

VARIABLE = "REPRUNE_DATA"
"""The environment variable that names the folder of downloaded data sets."""

DEFAULT = Path("data")
"""Where data sets are looked for, and downloaded to, when nothing else is said."""

_TORCHVISION = {
    "cifar10": ("CIFAR10", "cifar-10-batches-py"),
    "cifar100": ("CIFAR100", "cifar-100-python"),
    "mnist": ("MNIST", "MNIST/raw"),
    "fashion_mnist": ("FashionMNIST", "FashionMNIST/raw"),
}
"""The class in torchvision.datasets, and the folder inside the data folder that it reads."""


def prepare(name: str, folder: Path, data_dir: Path | None = None, download: bool = False) -> Path:
    """Decode a data set to `folder`, unless the right file is there already; of an image folder, make the index.

    Args:
        name: of the data set.
        folder: where the decoded file goes.
        data_dir: where the originals lie, as torchvision lays them out; $REPRUNE_DATA or ``data`` if not given.
        download: whether torchvision may fetch what is missing.

    Returns:
        The path of the file, written atomically and checked against the registered fingerprint.

    Raises:
        UserError: the data set is unknown, not there, damaged, or not the one that is registered; an image folder has
            changed since its index was made.
    """
    expected, path = info(name), file_of(name, folder)
    if expected.folder:
        return _index(expected, path, image_folder(expected, data_dir))
    if path.exists() and _is_right(path, expected):
        return path
    arrays = _arrays_of(expected, data_dir, download)
    if origin(name) != name:
        arrays = choose(arrays, expected)
    sha256 = fingerprint(arrays)
    if expected.sha256 not in ("", sha256):
        raise UserError(
            f"data set '{name}': the decoded images{_where(name, data_dir)} have the fingerprint {sha256[:12]}…, not "
            f"{expected.sha256[:12]}…, so they are not the published ones; delete the originals and fetch them again."
        )
    from safetensors.numpy import save

    # One entry only: safetensors writes several in a random order, and the file would differ from time to time.
    write_atomic(path, save(arrays, metadata={"sha256": sha256}))
    return path


def _arrays_of(expected: DataInfo, data_dir: Path | None, download: bool) -> dict[str, np.ndarray]:
    if expected.name == "digits":
        return _digits()
    if expected.pictures:
        return folders.decoded(expected, image_folder(expected, data_dir))
    return _from_torchvision(origin(expected.name), data_dir, download)


def originals(name: str, data_dir: Path | None = None) -> Path | None:
    """The folder in which a data set's originals are looked for; None for one that needs none."""
    if files := info(name).folder or info(name).pictures:
        return data_root(data_dir) / files
    whole = origin(name)
    return data_root(data_dir) / _TORCHVISION[whole][1] if whole in _TORCHVISION else None


def _where(name: str, data_dir: Path | None) -> str:
    """`` of data/FashionMNIST/raw``, with the file that is wrong if it shows; nothing for digits."""
    folder = originals(name, data_dir)
    wrong = problem(origin(name), data_root(data_dir)) if folder and not info(name).pictures else ""
    return f" of {folder}{f' ({wrong})' if wrong else ''}" if folder else ""


def image_folder(expected: DataInfo, data_dir: Path | None = None) -> Path:
    """Where the files of an image folder lie. Raises `UserError` if they are not there."""
    files = expected.folder or expected.pictures
    root = data_root(data_dir) / files
    if not root.is_dir():
        raise UserError(
            f"data set '{expected.name}': there is no folder {root}; name the one that holds {files} as "
            f"data_dir in the grid or in ${VARIABLE}."
        )
    return root


def _index(expected: DataInfo, path: Path, root: Path) -> Path:
    if path.exists():
        if difference := folders.changed(folders.load(path, expected, root)):
            raise UserError(
                f"data set '{expected.name}' is no longer as it was prepared: {difference}; put it back, or delete "
                f"{path} and what was trained on it."
            )
        return path
    index = folders.index(expected, root)
    sha256 = folders.fingerprint(index)
    if expected.sha256 not in ("", sha256):
        raise UserError(
            f"data set '{expected.name}': the files in {root} have the fingerprint {sha256[:12]}…, not "
            f"{expected.sha256[:12]}…, so they are not the registered ones."
        )
    folders.save(path, index)
    return path


def _is_right(path: Path, expected: DataInfo) -> bool:
    """Whether a file is whole: read to the end and compared with the registered fingerprint, or with its own."""
    from safetensors import safe_open
    from safetensors.numpy import load_file

    try:
        with safe_open(path, framework="np") as file:
            stamp = expected.sha256 or (file.metadata() or {}).get("sha256")
        return fingerprint(load_file(path)) == stamp
    except Exception:  # whatever a damaged file makes the reader raise: it is made anew
        return False


def data_root(data_dir: Path | None = None) -> Path:
    """The folder of downloaded data sets: `data_dir`, else $REPRUNE_DATA, else ``data``."""
    return Path(data_dir or os.environ.get(VARIABLE) or DEFAULT)


def _digits() -> dict[str, np.ndarray]:
    """scikit-learn's handwritten digits, 8 × 8 with values 0 to 16: value · 255 // 16 is stored.

    Half of the images (898 of 1,797) are for training, a fixed stratified choice; each half keeps the original order.
    """
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images.astype(np.int64) * 255 // 16).astype(np.uint8)[:, None]
    labels = digits.target.astype(np.int64)
    training = np.zeros(len(labels), bool)
    training[stratified(labels, len(labels) // 2, "digits")] = True
    return {
        "train_x": images[training],
        "train_y": labels[training],
        "test_x": images[~training],
        "test_y": labels[~training],
    }


def _from_torchvision(name: str, data_dir: Path | None, download: bool) -> dict[str, np.ndarray]:
    root = data_root(data_dir)
    folder = originals(name, data_dir)
    if not download and not (folder and folder.is_dir()):
        raise UserError(_missing(name, data_dir, "there is no such folder"))
    from torchvision import datasets

    create = getattr(datasets, _TORCHVISION[name][0])
    try:
        train = create(root, train=True, download=download)
        test = create(root, train=False)
    except Exception as error:  # torchvision and the readers below it raise what they like for a damaged file
        said = " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
        damaged = f"{wrong}; " if (wrong := problem(name, root)) else ""
        raise UserError(_missing(name, data_dir, f"{damaged}torchvision says: {said}")) from None
    return _arrays("train", train.data, train.targets) | _arrays("test", test.data, test.targets)


def _missing(name: str, data_dir: Path | None, reason: str) -> str:
    return (
        f"data set '{name}' was not found whole in {originals(name, data_dir)} ({reason}); name the folder that holds "
        f"{_TORCHVISION[name][1]} as data_dir in the grid or in ${VARIABLE}, or allow fetching it with download: true."
    )


def _arrays(part: str, images: object, labels: object) -> dict[str, np.ndarray]:
    """Images (N × H × W × C, or N × H × W) and labels as torchvision has them, in our layout."""
    import numpy as np

    pixels = np.asarray(images)
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
    return {f"{part}_x": np.ascontiguousarray(pixels), f"{part}_y": np.asarray(labels, np.int64)}
