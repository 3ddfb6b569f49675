"""Stratified choices of images that never change: not with the run's seed, nor with the version of a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.seeds import seed_for

if TYPE_CHECKING:
    import numpy as np


def stratified(labels: np.ndarray, count: int, purpose: str) -> np.ndarray:
    """Choose `count` images such that every class is represented by its share, to within one image.

    How many of each class: by largest remainders (of equal ones, the smaller class first). Which: the first ones of a
    random order, drawn by numpy's legacy generator, whose stream is frozen (NEP 19).

    Args:
        labels: int class indices, shape (images,).
        count: how many to choose, at most ``len(labels)``.
        purpose: names the choice; another purpose gives another one.

    Returns:
        Their indices in increasing order, int64, shape (count,).
    """
    import numpy as np

    order = np.random.RandomState(seed_for(0, purpose) % 2**32).permutation(len(labels))
    sizes = np.bincount(labels)
    quota, remainder = np.divmod(count * sizes, len(labels))
    quota[np.argsort(-remainder, kind="stable")[: count - quota.sum()]] += 1
    by_class = order[np.argsort(labels[order], kind="stable")]
    place = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(by_class[place < np.repeat(quota, sizes)]).astype(np.int64)
