"""How long a batch takes, on one CPU thread and on a GPU where there is one.

``pytest benchmarks/test_batches.py``; the images are random, their number and shape are real.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
import torch

from bench.data import Images, info
from bench.data.batches import Batches
from bench.recipe import Data, Phase, Recipe

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu])] if torch.cuda.is_available() else ["cpu"]
PIPELINES: dict[str, dict[str, Any]] = {
    "plain": {},
    "crop-flip": {"crop_padding": 4, "flip": True},
    "reflect-image": {"crop_padding": 4, "flip": True, "padding_mode": "reflect", "normalise": "image"},
}


def random_batches(name: str, data: Data, device: str) -> Batches:
    """Batches of 128 from as many random images as a data set has."""
    facts = info(name)
    shape = (facts.channels, facts.height, facts.width)
    random = torch.Generator().manual_seed(0)
    parts = [
        made.to(device)
        for size in (facts.train_images, facts.test_images)
        for made in (
            torch.randint(256, (size, *shape), generator=random, dtype=torch.uint8),
            torch.randint(facts.classes, (size,), generator=random),
        )
    ]
    return Batches(Images(*parts), facts, Recipe(batch_size=128, train=Phase(epochs=1, lr=0.1), data=data), 0, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("name", ["digits", "fashion_mnist", "cifar10"])
def test_training_batch(benchmark: Any, name: str, pipeline: str, device: str) -> None:
    """A training batch, with its share of drawing the order of an epoch."""
    batches, numbers = random_batches(name, Data(**PIPELINES[pipeline]), device), count()

    def draw() -> torch.Tensor:
        epoch, index = divmod(next(numbers), batches.steps_per_epoch)
        images, _ = batches.train(epoch, index)
        if device == "cuda":
            torch.cuda.synchronize()
        return images

    assert benchmark(draw).shape[1:] == batches.images.train_x.shape[1:]
