"""Batches of one image, over which batch normalisation has nothing to average."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.base.modes import evaluating
from bench.data import DataInfo
from bench.errors import UserError
from bench.recipe import Recipe


def check(model: nn.Module, recipe: Recipe, info: DataInfo, scores: bool) -> None:
    """Raise a `UserError` if training would meet a batch of one image in which a channel has a single value.

    Args:
        model: the network.
        recipe: what batches there are.
        info: of the data set.
        scores: whether gradients are computed of scoring batches, too.
    """
    field = _of_one(recipe, info, scores)
    norm = _single(model, (info.channels, info.height, info.width)) if field else ""
    if norm:
        raise UserError(
            f"recipe '{recipe.name}' with data set '{info.name}': {field}, and the batch norm '{norm}' has a single "
            "value a channel to average then."
        )


def _of_one(recipe: Recipe, info: DataInfo, scores: bool) -> str:
    """Which field makes batches, or shares of them, of one image; empty if none does."""
    gpus, size = recipe.gpus, recipe.batch_size
    shared = f" on {gpus} GPUs" if gpus > 1 else ""
    images = info.train_images - recipe.data.validation
    last = 0 if recipe.data.drop_last else images % size
    if min(size, images) // gpus == 1:
        return f"field 'batch_size' is {size}{shared}: some batches have one image each"
    if last and last // gpus == 1:
        return (
            f"the last batch of an epoch has {last} of {images} images{shared} ('data.drop_last: true' leaves it out, "
            "another 'batch_size' makes it another one)"
        )
    scoring = recipe.scoring
    if scores and scoring.norm == "train" and (scoring.batch_size or size) // gpus == 1:
        return f"field 'scoring.batch_size' is {scoring.batch_size or size}{shared}"
    return ""


def _single(model: nn.Module, shape: tuple[int, int, int]) -> str:
    """The first batch norm that one image of a shape reaches with one value a channel; empty if there is none."""
    found: list[str] = []
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm):

            def look(_module: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> None:
                if inputs[0].numel() == inputs[0].shape[1]:
                    found.append(name)

            handles.append(module.register_forward_pre_hook(look))
    like = next(model.parameters())
    try:
        with evaluating(model), torch.no_grad():
            model(torch.zeros(1, *shape, device=like.device, dtype=like.dtype))
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else ""
