"""How good are these weights? Other people's checkpoints on the registered data sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from bench import archs, data
from bench.data.batches import batches_of
from bench.errors import UserError
from bench.foreign.fitting import fitted
from bench.foreign.states import load
from bench.recipe import Data, Photographs, Recipe
from bench.recipe.phase import Phase
from bench.training.evaluate import Evaluation, evaluate


@dataclass(frozen=True)
class Assumed:
    """What nobody told and somebody has to know who compares an accuracy with another one.

    Attributes:
        mean, std: per channel in units of [0, 1]; what images were normalised by.
        size: channels, height and width of the images.
        key: where in the file the weights stand; empty if it holds nothing else.
        other_keys: where there are weights, too.
        prefix: what was taken off all names.
        masked: tensors that were multiplied by a mask of the file's.
        photographs: how those of an image folder were cut; None for other data sets.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, int, int]
    key: str
    other_keys: tuple[str, ...]
    prefix: str
    masked: int
    photographs: Photographs | None


@dataclass(frozen=True)
class Judgement(Evaluation):
    """What somebody's weights make of a data set.

    Attributes:
        assumed: under which circumstances.
    """

    assumed: Assumed


def evaluate_weights(
    path: Path,
    architecture: str,
    dataset: str,
    *,
    data_folder: Path,
    data_dir: Path | None = None,
    key: str = "",
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    photographs: Photographs | None = None,
    workers: int = 0,
    device: torch.device | str = "cpu",
) -> Judgement:
    """Accuracy of a weight file on a data set's test images, in float32 without TF32.

    Args:
        path: the weights; see `bench.foreign.states.load` for what is read and `bench.foreign.fitting.fitted` for what
            is renamed.
        architecture: what they are weights of.
        dataset: name of the data set.
        data_folder: where the decoded data set lies, or is put.
        data_dir: where its originals lie; see `bench.data.prepare`.
        key: where in the file the weights stand, if it holds several.
        mean: per channel in units of [0, 1], as in training of the weights; the data set's own by default.
        std: likewise.
        photographs: how an image folder's are cut; as almost everybody does by default.
        workers: processes that decode them.
        device: where to compute.

    Raises:
        UserError: if the file, the architecture or the data set isn't there, they don't fit together, or the network's
            answers are not finite.
    """
    info, found = data.info(dataset), load(path, key)
    model = archs.create(architecture, info.classes, info.channels, (info.height, info.width))
    renamed = fitted(model, found.state, source=f"{path}: the weights")
    model.load_state_dict(renamed.state)
    data.prepare(dataset, data_folder, data_dir)
    images = data.load(dataset, data_folder, device)
    cut = photographs or Photographs()
    batches = batches_of(images, info, _protocol(mean, std, cut), seed=0, device=device, workers=workers)
    model.to(device).eval()
    try:
        with torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False):
            evaluation = evaluate(model, batches.evaluation("test"))
    finally:
        batches.close()
    _check_finite(evaluation, path, architecture)
    assumed = Assumed(
        mean=mean or info.mean,
        std=std or info.std,
        size=(info.channels, info.height, info.width),
        key=found.key,
        other_keys=found.others,
        prefix=found.prefix + renamed.prefix,
        masked=renamed.masked,
        photographs=cut if info.folder else None,
    )
    return Judgement(**vars(evaluation), assumed=assumed)


def _check_finite(found: Evaluation, path: Path, architecture: str) -> None:
    """Raise a `UserError` for a network that answers by no numbers, though its weights are some."""
    if not torch.isfinite(torch.tensor(found.loss)):
        unclear = int((found.predictions < 0).sum())
        raise UserError(
            f"{path}: with these weights the test loss of '{architecture}' is {found.loss}, and {unclear} of its "
            f"{found.images} answers are NaN; that is no accuracy."
        )


def _protocol(mean: tuple[float, ...] | None, std: tuple[float, ...] | None, photographs: Photographs) -> Recipe:
    """A recipe of which only what evaluation does to images is used."""
    data = Data(mean=mean, std=std, photographs=photographs)
    return Recipe(name="evaluate", batch_size=1, train=Phase(epochs=1, lr=1), data=data)
