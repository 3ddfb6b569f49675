"""Which data sets there are: their shape, statistics and fingerprint, known without touching the data.

Those that fit into memory stand below; image folders are described by a file of `configs/datasets/` each, so that one's
own takes no code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from bench.base.nearest import hint
from bench.base.paths import LONGEST, size
from bench.base.schema import Strict, read_yaml
from bench.errors import UserError
from bench.identity import digest

FOLDERS = Path(__file__).parents[2] / "configs" / "datasets"
"""Where image folders are described."""


@dataclass(frozen=True)
class DataInfo:
    """What is known of a data set before it is opened.

    Attributes:
        height, width: of the images as a network sees them.
        mean, std: of each channel over all training images, in units of [0, 1]; std is the population's.
        sha256: the registered fingerprint of the decoded arrays, see `bench.data.images.fingerprint`, or of a folder's
            files, see `bench.data.folder.fingerprint`; `prepare` refuses data that have another one. Empty for a folder
            of which none is registered.
        folder: of an image folder: where it lies inside the data folder; empty for data sets in memory.
        pictures: of a data set in memory whose originals are image files: where their folder lies; else empty.
    """

    name: str
    classes: int
    channels: int
    height: int
    width: int
    train_images: int
    test_images: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str
    folder: str = ""
    pictures: str = ""

    @property
    def identity(self) -> str:
        """What stands for the data in a run's identity.

        The fingerprint; for image files also what their description adds to them, for that may be edited.
        """
        if not self.folder and not self.pictures:
            return self.sha256
        facts: list[Any] = [self.sha256, self.classes, self.height, self.width, self.train_images, self.test_images]
        return digest([*facts, self.mean, self.std])


DATASETS: dict[str, DataInfo] = {
    found.name: found
    for found in (
        # scikit-learn's copy of the UCI test set of handwritten digits, halved here by a fixed stratified split.
        DataInfo(
            *("digits", 10, 1, 8, 8, 898, 899, (0.3044,), (0.3756,)),
            "df3b1e11ccada254b68021def454673f1392c0966a16168bc9893f9c681c0c6d",
        ),
        # Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images". Many papers divide by a std of
        # (0.2023, 0.1994, 0.2010), the mean over images of each image's own; their recipes say so.
        DataInfo(
            *("cifar10", 10, 3, 32, 32, 50_000, 10_000, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
            "34ec07a6c3618de59f249c5421cae259d4b659c885d2b8dbd3c6fb4070dd795c",
        ),
        DataInfo(
            *("cifar100", 100, 3, 32, 32, 50_000, 10_000, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
            "61120ff40dbffaa23a9d17fe51a499d9f721ecb49309884e28088305a501f100",
        ),
        # LeCun, Bottou, Bengio and Haffner 1998, "Gradient-Based Learning Applied to Document Recognition".
        DataInfo(
            *("mnist", 10, 1, 28, 28, 60_000, 10_000, (0.1307,), (0.3081,)),
            "9cc25071a6d844895db8235772760f5ec8053d60984e6ea7c1636d40a9f3323c",
        ),
        # Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747.
        DataInfo(
            *("fashion_mnist", 10, 1, 28, 28, 60_000, 10_000, (0.2860,), (0.3530,)),
            "c4fd64c0f71f2641f3466766995c62214c997e8d8a75e574c4f68cc00263055c",
        ),
        # The part of it that SET's tutorial trains and tests on, see `bench.data.subset`.
        DataInfo(
            *("fashion_mnist_2000", 10, 1, 28, 28, 2_000, 1_000, (0.2856,), (0.3533,)),
            "14d11d5ac5f6a12820841afa32722ce32c16e09a5c0b0319b4fc8be001e210d2",
        ),
    )
}
"""Every data set that is decoded to arrays, by its name."""


Finite = Annotated[float, Field(ge=-100, le=100)]
Spread = Annotated[float, Field(gt=0, le=100)]
"""What images can be divided by."""


class Folder(Strict):
    """A file of `configs/datasets/`: an image folder, with one folder per class in ``train/`` and in ``val/``.

    Attributes:
        folder: where it lies inside the data folder; the file's own name if not given.
        size: side of the square that every photograph is cut to, in pixels.
        in_memory: all images are squares of that size, and few enough to be decoded once to arrays; recipes then treat
            them as CIFAR's.
        mean, std: per channel over the training images, in units of [0, 1].
        sha256: the fingerprint of the files, which ``reprune prepare`` says; without one any folder with these classes
            and numbers of images is taken, and runs on different ones have the same identity.
        source: where it comes from.
    """

    folder: str = ""
    classes: int = Field(gt=1, le=10**6)
    size: int = Field(gt=0, le=10**5)
    in_memory: bool = False
    train_images: int = Field(gt=0, le=10**12)
    test_images: int = Field(gt=0, le=10**12)
    mean: tuple[Finite, Finite, Finite]
    std: tuple[Spread, Spread, Spread]
    sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$")
    source: str = ""

    def info(self, name: str) -> DataInfo:
        """The facts as every data set has them."""
        where = self.folder or name
        return DataInfo(
            *(name, self.classes, 3, self.size, self.size, self.train_images, self.test_images, self.mean, self.std),
            sha256=self.sha256,
            folder="" if self.in_memory else where,
            pictures=where if self.in_memory else "",
        )


def names() -> list[str]:
    """Every data set there is, those in memory first."""
    return [*DATASETS, *sorted(file.stem for file in FOLDERS.glob("*.yaml"))]


def info(name: str) -> DataInfo:
    """The facts about a data set.

    Raises `UserError` listing the names there are, or naming the file that describes a folder and what is wrong in it.
    """
    if name in DATASETS:
        return DATASETS[name]
    if size(name) > LONGEST:
        found = f"data set {name[:40]!r} …: its name has {size(name)} bytes"
        raise UserError(f"{found}; at most {LONGEST} are allowed, since files are called after it.")
    path = FOLDERS / f"{name}.yaml"
    if re.fullmatch(r"\w{1,80}", name) and path.exists():
        return _described(path)
    raise UserError(f"data set {name[:100]!r} is unknown; {hint(name, names())}")


@cache
def _described(path: Path) -> DataInfo:
    return Folder.read(read_yaml(path), str(path)).info(path.stem)
