"""A small image folder, drawn anew: what tests of image folders are done on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bench.data import DataInfo

CLASSES, TRAIN, TEST, SIDE = 3, 8, 2, 24
"""Classes, images of each for training and for testing, and the side to which all are cut."""


def info(**changes: object) -> DataInfo:
    """The facts about the folder `draw` makes."""
    facts = {
        "name": "photos",
        "classes": CLASSES,
        "channels": 3,
        "height": SIDE,
        "width": SIDE,
        "train_images": CLASSES * TRAIN,
        "test_images": CLASSES * TEST,
        "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.25, 0.3),
        "sha256": "",
        "folder": "photos",
    }
    return DataInfo(**(facts | changes))  # type: ignore[arg-type]


def draw(data_dir: Path) -> Path:
    """Write JPEG files of several sizes to ``data_dir/photos``; a class is a bright stripe at its own height."""
    random = np.random.default_rng(0)
    root = data_dir / "photos"
    for part, count in (("train", TRAIN), ("val", TEST)):
        for label in range(CLASSES):
            folder = root / part / f"class{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                height, width = random.integers(20, 60, 2)
                pixels = random.integers(0, 120, (height, width, 3), dtype=np.uint8)
                third = height // CLASSES
                pixels[third * label : third * (label + 1)] += 130
                Image.fromarray(pixels).save(folder / f"{number}.{'JPEG' if number % 2 else 'jpg'}", quality=90)
    return root


def describe(folder: Path) -> None:
    """Write the file of `configs/datasets/` that describes it."""
    facts = info()
    (folder / "photos.yaml").write_text(
        f"classes: {facts.classes}\nsize: {SIDE}\ntrain_images: {facts.train_images}\n"
        f"test_images: {facts.test_images}\nmean: {list(facts.mean)}\nstd: {list(facts.std)}\n"
    )
