"""What is wrong with a data set's originals, file by file: torchvision says that something is, but not which file.

The MD5 sums and names are torchvision's. CIFAR's files are pickles, which run code when they are opened: torchvision
compares every one of them with its sum first, and opens none if one differs.
"""

from __future__ import annotations

from pathlib import Path

from bench.data.catalog import info

_IDX = {"train-images": 16, "train-labels": 8, "t10k-images": 16, "t10k-labels": 8}
"""The files of MNIST and Fashion-MNIST, and the bytes of the header in front of the pixels or labels."""

_FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
"""Where these lie, by the data set's name."""


def problem(name: str, root: Path) -> str:
    """The first file of a data set below `root` that is missing or not what it should be; empty if there is none."""
    return _of_mnist(name, root) if name in _FOLDERS else _of_cifar(name, root)


def _of_cifar(name: str, root: Path) -> str:
    from torchvision.datasets.cifar import CIFAR10, CIFAR100
    from torchvision.datasets.utils import calculate_md5

    kind = {"cifar10": CIFAR10, "cifar100": CIFAR100}[name]
    folder, archive = root / kind.base_folder, root / kind.filename
    sums = {folder / file: md5 for file, md5 in (*kind.train_list, *kind.test_list)}
    sums[folder / kind.meta["filename"]] = kind.meta["md5"]
    if archive.is_file() and (actual := calculate_md5(archive)) != kind.tgz_md5:
        return f"{archive} was not fetched whole: its MD5 sum is {actual} instead of {kind.tgz_md5}"
    for path, md5 in sums.items():
        if not path.is_file():
            return f"{path} is missing"
        if (actual := calculate_md5(path)) != md5:
            return f"{path} is damaged: its MD5 sum is {actual} instead of {md5}"
    return ""


def _of_mnist(name: str, root: Path) -> str:
    expected = info(name)
    for file, header in _IDX.items():
        part, what = file.split("-")
        each = expected.height * expected.width if what == "images" else 1
        size = header + each * (expected.train_images if part == "train" else expected.test_images)
        path = root / _FOLDERS[name] / "raw" / f"{file}-idx{3 if what == 'images' else 1}-ubyte"
        if not path.is_file():
            return f"{path} is missing"
        if (actual := path.stat().st_size) != size:
            return f"{path} is damaged: it has {actual:,} bytes instead of {size:,}"
    return ""
