"""A short measurement of how fast a network trains here, and how large its files are. It leaves nothing behind.

The images are noise: a step takes as long on them as on others, and no data set has to be there.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import safetensors.torch
import torch

from bench import archs, data
from bench.base import determinism
from bench.base.malloc import keep_freed_memory
from bench.context import Run
from bench.counting.macs import TrainingMacs
from bench.data.batches import Batches
from bench.data.images import Images
from bench.initialise import build
from bench.method import Dense, Stage
from bench.recipe import Photographs, Recipe, Scoring
from bench.recipe.phase import Phase
from bench.recipe.prunable import prunable
from bench.spec import RunSpec
from bench.training.train import Trainer, evaluate_run

EPOCH = 64
"""Steps in the probe's epoch; it ends before the epoch does, since that would evaluate the network."""

LONGEST = EPOCH - 1

SMALLEST = 8
"""Images in the batches that a large network is measured with on the CPU."""


@dataclass(frozen=True)
class Speed:
    """Seconds per image of dense training and of evaluation, and the number of images that training was timed on.

    Seconds of CPU time where a single thread computes, so that other processes on the machine hardly matter.
    """

    training: float
    evaluation: float
    images: int


@dataclass(frozen=True)
class Sizes:
    """Bytes of a network's files: exported weights, a finished stage, a checkpoint on the way there."""

    weights: int
    state: int
    checkpoint: int


def speed(spec: RunSpec, device: str, threads: int, seconds: float = 1.0) -> Speed:
    """Train the dense network of a run for about so many seconds, at least one step, and evaluate it.

    Args:
        spec: its data set, architecture and recipe are what matters.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads.
        seconds: how long to train, after a few steps that are not timed.
    """
    keep_freed_memory()
    determinism.configure(spec.recipe, threads)
    clock = time.process_time if device == "cpu" and threads == 1 else time.perf_counter
    probed = trainer(spec, device, _batch(spec, device, seconds, clock))
    _train(probed, 8 if device == "cuda" else 1)
    begin, first = clock(), probed.progress.trained_images
    while probed.progress.trained_images == first or (clock() - begin < seconds and probed.progress.step < LONGEST):
        _train(probed, 1)
    taken, images = clock() - begin, probed.progress.trained_images - first
    return Speed(taken / images, _evaluation(probed.run, clock), images)


def _batch(spec: RunSpec, device: str, seconds: float, clock: Callable[[], float]) -> int:
    """The recipe's batch size, or on the CPU, where an image takes as long in any batch, as many as fit the time."""
    if device == "cuda" or spec.recipe.batch_size <= SMALLEST:
        return spec.recipe.batch_size
    small, begin = trainer(spec, device, SMALLEST), clock()
    _train(small, 1)
    return min(spec.recipe.batch_size, max(SMALLEST, round(SMALLEST * seconds / (clock() - begin))))


def hardware(device: str, threads: int) -> str:
    """What the measurement was made on: the name of the GPU, or how many CPU threads."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return "one CPU thread" if threads == 1 else f"{threads} CPU threads"


def sizes(spec: RunSpec) -> Sizes:
    """The sizes of a network's files, by writing them to memory; what a method remembers comes on top."""
    info = data.info(spec.dataset)
    model = archs.create(spec.architecture, info.classes, info.channels, (info.height, info.width))
    masks = {
        name: torch.ones(weight.shape, dtype=torch.bool) for name, weight in prunable(model, spec.prunable).items()
    }
    state = {"model": model.state_dict(), "masks": masks}
    copies = {"adamw": 2}.get(spec.recipe.optimizer.name, int(spec.recipe.optimizer.momentum > 0))
    moments = [[torch.empty_like(parameter) for parameter in model.parameters()] for _ in range(copies)]
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    return Sizes(len(safetensors.torch.save(weights)), _saved(state), _saved(state | {"optimizer": moments}))


def trainer(spec: RunSpec, on: str, batch: int) -> Trainer:
    """A trainer of a run's dense network on noise, in batches of so many images, on ``cpu`` or ``cuda``."""
    device = torch.device(on)
    recipe, info = _short(spec.recipe, batch), data.info(spec.dataset)
    shape = (info.channels, info.height, info.width)
    model = build(spec.architecture, info.classes, info.channels, shape[1:], recipe, 0).to(device)
    tested = min(info.test_images, 1000 if device.type == "cuda" and not info.folder else batch)
    train, test = _noise(EPOCH * batch, info, device), _noise(tested, info, device)
    batches = Batches(Images(*train, *test), info, recipe, 0, device)
    run = Run(Dense(), model, prunable(model, spec.prunable), recipe, batches, Stage("probe"), 0)
    return Trainer(run, TrainingMacs({}, {}, run.method.zeros), checkpoint_seconds=float("inf"))


def _short(recipe: Recipe, batch: int) -> Recipe:
    """The recipe for two epochs in which weights hardly move, so that noise as data lets nothing diverge."""
    return recipe.model_copy(
        update={
            "batch_size": batch,
            "train": Phase(epochs=2, lr=1e-6),
            "initialisation": recipe.initialisation.model_copy(update={"file": None, "sha256": None}),
            "scoring": Scoring(),
            "data": recipe.data.model_copy(update={"validation": 0, "photographs": Photographs()}),
        }
    )


def _noise(count: int, info: data.DataInfo, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """So many images with labels; of photographs, which would fill the memory, one stands for all."""
    shape, drawn = (info.channels, info.height, info.width), torch.Generator().manual_seed(0)
    images = torch.randint(256, (1 if info.folder else count, *shape), generator=drawn, dtype=torch.uint8)
    labels = torch.randint(info.classes, (count,), generator=drawn)
    return images.to(device).expand(count, *shape), labels.to(device)


def _train(trainer: Trainer, steps: int) -> None:
    trainer.stop = trainer.progress.step + steps
    trainer.train(resumed=trainer.progress.step > 0)
    if trainer.run.device.type == "cuda":
        torch.cuda.synchronize()


def _evaluation(run: Run, clock: Callable[[], float]) -> float:
    """Seconds per image, of the second time; results come back to the CPU, so all is done when it returns."""
    evaluate_run(run, "test")
    begin = clock()
    found = evaluate_run(run, "test")
    return (clock() - begin) / int(found.images)


def _saved(content: Mapping[str, Any]) -> int:
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    return buffer.tell()
