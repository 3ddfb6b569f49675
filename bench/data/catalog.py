"""Which data sets there are: their shape, statistics and fingerprint, known without touching the data."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from bench.errors import UserError


@dataclass(frozen=True)
class DataInfo:
    """What is known of a data set before it is opened.

    Attributes:
        mean, std: of each channel over all training images, in units of [0, 1]; std is the population's.
        sha256: the registered fingerprint of the decoded arrays, see `bench.data.prepare.fingerprint`. It is part of
            every run's identity, and `prepare` refuses data that have another one.
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
        # Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747.
        DataInfo(
            *("fashion_mnist", 10, 1, 28, 28, 60_000, 10_000, (0.2860,), (0.3530,)),
            "c4fd64c0f71f2641f3466766995c62214c997e8d8a75e574c4f68cc00263055c",
        ),
    )
}
"""Every data set by its name."""


def info(name: str) -> DataInfo:
    """The facts about a data set. Raises `UserError` listing the names there are."""
    if name in DATASETS:
        return DATASETS[name]
    close = difflib.get_close_matches(name, DATASETS, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    raise UserError(f"data set '{name}' is unknown{hint}; there are {', '.join(DATASETS)}.")
