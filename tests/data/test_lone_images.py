"""Batches of one image and images that a network can't take: known, with the reason, before anything is trained."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from bench import archs, data
from bench.archs.stumbling import where
from bench.counting.flops import macs_for
from bench.errors import UserError
from bench.recipe import Recipe
from bench.training import lone_images

DIGITS = data.info("digits")  # 898 training images


def recipe(**fields: Any) -> Recipe:
    return Recipe.read({"name": "mine", "train": {"epochs": 1, "lr": 0.1}, "batch_size": 128} | fields, "the test")


def pooled() -> nn.Sequential:
    """A batch norm over maps of one pixel, behind one over maps of 64."""
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4)),
        *(nn.Flatten(), nn.Linear(4, 10)),
    )


ALONE = {
    "the last batch": ({"batch_size": 39}, "the last batch of an epoch has 1 of 898 images"),  # 898 = 23 · 39 + 1
    "every batch": ({"batch_size": 1}, "field 'batch_size' is 1: some batches have one image each"),
    "on several GPUs": ({"batch_size": 7, "gpus": 2}, "the last batch of an epoch has 2 of 898 images on 2 GPUs"),
    "held out": ({"batch_size": 80, "data": {"validation": 17}}, "the last batch of an epoch has 1 of 881 images"),
    "scored": ({"scoring": {"batch_size": 1}}, "field 'scoring.batch_size' is 1"),
}


@pytest.mark.parametrize(("fields", "said"), ALONE.values(), ids=ALONE)
def test_one_image_under_batch_normalisation(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=rf"recipe 'mine' with data set 'digits': {said}.*batch norm '3' has a single"):
        lone_images.check(pooled(), recipe(**fields), DIGITS, scores=True)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):  # it would have stopped there
        pooled().train()(torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize(
    "fields",
    [
        {"batch_size": 128},  # a last one of 2
        {"batch_size": 39, "data": {"drop_last": True}},
        {"scoring": {"batch_size": 1, "norm": "eval"}},
    ],
)
def test_batches_of_more_images_are_let_through(fields: dict[str, Any]) -> None:
    lone_images.check(pooled(), recipe(**fields), DIGITS, scores=True)


def test_one_image_of_many_pixels_is_enough() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10))
    lone_images.check(model, recipe(batch_size=1), DIGITS, scores=True)
    model.train()(torch.zeros(1, 1, 8, 8))


def test_an_image_that_a_network_can_not_take_is_told_with_the_place_where_it_stops() -> None:
    photographs = dataclasses.replace(DIGITS, channels=3, height=224, width=224)
    model = archs.create("halonet26t", 10, 3, 224)
    with pytest.raises(UserError) as caught:
        macs_for(model, photographs, "halonet26t")
    assert str(caught.value) == (
        "architecture 'halonet26t' can't take images of 3x224x224: its 'stages.2.1.self_attn' (HaloAttn) does not "
        "accept maps of 256x14x14; timm built it for 3x256x256."
    )


def test_what_timm_can_not_build_is_told_without_its_words() -> None:
    with pytest.raises(UserError, match=r"'vgg11': timm can't build it for .* dropout 0: it has no paths to drop\.$"):
        archs.create("vgg11", 10, 3, 32, drop_path=0.1)
    with pytest.raises(UserError, match=r"of its weights none is called 'no_such_tag', but a1_in1k,"):
        archs.create("resnet18.no_such_tag", 10, 3, 32)


def test_the_innermost_module_is_named_and_the_mode_left() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(5, 4, 3)))
    assert where(model, torch.zeros(1, 1, 8, 8)) == "its '1.1' (Conv2d) does not accept maps of 4x6x6"
    assert where(model, torch.zeros(1, 2, 8, 8)) == "its '0' (Conv2d) does not accept maps of 2x8x8"
    assert where(model[0], torch.zeros(1, 1, 8, 8)) == ""
    assert model.training
    assert not model[1][1]._forward_hooks
