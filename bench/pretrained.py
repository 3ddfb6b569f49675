"""How good are these weights? Other people's checkpoints on the registered data sets."""

from __future__ import annotations

from pathlib import Path

import torch

from bench import archs, data
from bench.data.batches import batches_of
from bench.evaluate import Evaluation, evaluate
from bench.phase import Phase
from bench.recipe import Data, Photographs, Recipe
from bench.weights import fit, load_state


def evaluate_weights(
    path: Path,
    architecture: str,
    dataset: str,
    *,
    data_folder: Path,
    data_dir: Path | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    photographs: Photographs | None = None,
    workers: int = 0,
    device: torch.device | str = "cpu",
) -> Evaluation:
    """Accuracy of a weight file on a data set's test images, in float32 without TF32.

    Args:
        path: the weights; see `bench.weights.load_state` for what is read and `fit` for what is renamed.
        architecture: what they are weights of.
        dataset: name of the data set.
        data_folder: where the decoded data set lies, or is put.
        data_dir: where its originals lie; see `bench.data.prepare`.
        mean: per channel in units of [0, 1], as in training of the weights; the data set's own by default.
        std: likewise.
        photographs: how an image folder's are cut; as almost everybody does by default.
        workers: processes that decode them.
        device: where to compute.

    Raises:
        UserError: if the file, the architecture or the data set isn't there, or they don't fit together.
    """
    info, state = data.info(dataset), load_state(path)
    model = archs.create(architecture, info.classes, info.channels, (info.height, info.width))
    model.load_state_dict(fit(model, state, source=f"{path}: the weights"))
    data.prepare(dataset, data_folder, data_dir)
    images = data.load(dataset, data_folder, device)
    recipe = _protocol(mean, std, photographs or Photographs())
    batches = batches_of(images, info, recipe, seed=0, device=device, workers=workers)
    model.to(device).eval()
    try:
        with torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False):
            return evaluate(model, batches.evaluation("test"))
    finally:
        batches.close()


def _protocol(mean: tuple[float, ...] | None, std: tuple[float, ...] | None, photographs: Photographs) -> Recipe:
    """A recipe of which only what evaluation does to images is used."""
    data = Data(mean=mean, std=std, photographs=photographs)
    return Recipe(name="evaluate", batch_size=1, train=Phase(epochs=1, lr=1), data=data)
