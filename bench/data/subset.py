"""Data sets that are a part of another one, chosen once by whoever published results on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.data.catalog import DataInfo

if TYPE_CHECKING:
    import numpy as np

ORIGINS = {"fashion_mnist_2000": "fashion_mnist"}
"""The data set that each is a part of, by its own name."""


def origin(name: str) -> str:
    """The data set whose originals a data set is decoded from: another one's, or its own."""
    return ORIGINS.get(name, name)


def choose(arrays: dict[str, np.ndarray], part: DataInfo) -> dict[str, np.ndarray]:
    """The images of a part, in the order in which they are chosen.

    They are the first of a random order of the training images, and then of the test images, drawn one after the other
    by numpy's legacy generator with seed 0, as in SET's tutorial (dcmocanu/sparse-evolutionary-artificial-neural-
    networks at 62ac974, `load_fashion_mnist_data`). Its stream is frozen (NEP 19). Classes are not balanced.

    Args:
        arrays: `train_x`, `train_y`, `test_x` and `test_y` of the whole.
        part: what it is to be, with its numbers of images.
    """
    import numpy as np

    draws = np.random.RandomState(0)
    part_arrays: dict[str, np.ndarray] = {}
    for name, count in (("train", part.train_images), ("test", part.test_images)):
        chosen = draws.permutation(len(arrays[f"{name}_y"]))[:count]
        part_arrays |= {f"{name}_{field}": arrays[f"{name}_{field}"][chosen] for field in ("x", "y")}
    return part_arrays
