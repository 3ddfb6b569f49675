"""Stratified choices of images that never change: not with the run's seed, nor with the version of a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.seeds import seed_for

if TYPE_CHECKING:
    import numpy as np


def stratified(labels: np.ndarray, count: int, purpose: str) -> np.ndarray:
    """Choose `count` images such that every class is represented by its share, to within one image.

    The images of a class are put in a random order; the one at place k of n has position (k + ½) / n, and those with
    the smallest positions are chosen (of equal positions, the smaller class first). A larger choice therefore
    contains a smaller one. The order comes from numpy's legacy generator, whose stream is frozen (NEP 19).

    Args:
        labels: int class indices, shape (images,).
        count: how many to choose, at most ``len(labels)``.
        purpose: names the choice; another purpose gives another one.

    Returns:
        Their indices in increasing order, int64, shape (count,).
    """
    import numpy as np

    order = np.random.RandomState(seed_for(0, purpose) % 2**32).permutation(len(labels))
    shuffled = labels[order]
    by_class = np.argsort(shuffled, kind="stable")
    sizes = np.bincount(shuffled)
    place = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    position = (place + 0.5) / np.repeat(sizes, sizes)
    chosen = np.argsort(position, kind="stable")[:count]
    return np.sort(order[by_class[chosen]]).astype(np.int64)
