from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data import DataInfo, Images
from bench.data.batches import Batches
from bench.errors import UserError
from bench.recipe import Data, Recipe, Scoring
from bench.recipe.phase import Phase
from bench.seeds import generator

TRAIN, TEST, CHANNELS, HEIGHT, WIDTH = 50, 13, 3, 6, 5
AUGMENTED: dict[str, Any] = {"crop_padding": 2, "flip": True}
MEAN, STD = (0.2, 0.4, 0.6), (0.25, 0.5, 1.0)


def images(train: int = TRAIN, labels: np.ndarray | None = None) -> Images:
    """Random pixels; the label of a training image is its number, so that batches tell what they hold."""
    random = np.random.default_rng(0)
    x, y = (
        torch.from_numpy(random.integers(0, 256, (n, CHANNELS, HEIGHT, WIDTH), dtype=np.uint8)) for n in (train, TEST)
    )
    return Images(x, torch.arange(train) if labels is None else torch.from_numpy(labels), y, torch.arange(TEST))


def info(train: int = TRAIN) -> DataInfo:
    return DataInfo("fake", train, CHANNELS, HEIGHT, WIDTH, train, TEST, MEAN, STD, "")


def recipe(data: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    fields: dict[str, Any] = {"name": "test", "batch_size": 8, "train": Phase(epochs=2, lr=0.1)}
    return Recipe(**(fields | {"data": Data(**(AUGMENTED if data is None else data))} | changes))


def batches(seed: int = 0, **changes: Any) -> Batches:
    return Batches(images(), info(), recipe(**changes), seed)


Batch = tuple[torch.Tensor, torch.Tensor]


def equal(one: Batch, other: Batch) -> bool:
    return torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


# -- what a batch depends on ----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["train", "scoring", "other phase"]), st.integers(0, 2), st.integers(0, 6))))
def test_a_batch_does_not_depend_on_what_was_drawn_before(drawn: list[tuple[str, int, int]]) -> None:
    used = batches()
    for kind, epoch, index in drawn:
        if kind == "scoring":
            used.scoring(index, "stage", epoch)
        else:
            used.train(epoch, index, phase="finetune" if kind == "other phase" else "train")
    torch.rand(3)  # nor on torch's own generator
    assert equal(used.train(1, 3), batches().train(1, 3))
    assert equal(used.scoring(2, "stage", 0, 7), batches().scoring(2, "stage", 0, 7))


@pytest.mark.parametrize(
    "other",
    [
        batches(seed=1).train(1, 3),
        batches().train(2, 3),
        batches().train(1, 4),
        batches().train(1, 3, phase="finetune"),
        batches().train(1, 3, copy=1),
    ],
    ids=["seed", "epoch", "index", "phase", "copy"],
)
def test_a_batch_depends_on(other: Batch) -> None:
    found, labels = batches().train(1, 3)
    assert not torch.equal(labels, other[1])
    assert not torch.equal(found, other[0])


def test_torch_s_own_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    batches().train(0, 0)
    batches().scoring(0, "stage")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_data_are_left_alone() -> None:
    loaded = images()
    before = loaded.train_x.clone()
    Batches(loaded, info(), recipe({"normalise": "none"}), 0).train(0, 0)[0].zero_()
    assert torch.equal(loaded.train_x, before)


# -- an epoch -------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(train=st.integers(1, 40), size=st.integers(1, 45), validation=st.integers(0, 10), epoch=st.integers(0, 3))
def test_an_epoch_holds_every_training_image_once(train: int, size: int, validation: int, epoch: int) -> None:
    total = train + validation
    chosen = recipe({"validation": validation}, batch_size=size)
    made = Batches(images(total), info(total), chosen, 0)
    drawn = [made.train(epoch, index)[1] for index in range(made.steps_per_epoch)]
    assert made.train_size == train
    assert all(len(labels) == size for labels in drawn[:-1])
    held_out = torch.cat([labels for _, labels in made.evaluation("validation")]) if validation else torch.arange(0)
    assert sorted(torch.cat([*drawn, held_out]).tolist()) == list(range(total))


def test_the_last_batch_is_partial_or_dropped() -> None:
    # 50 = 6 · 8 + 2
    made = batches()
    assert made.steps_per_epoch == 7
    assert len(made.train(0, 6)[1]) == 2
    dropping = batches(data={"drop_last": True})
    assert dropping.steps_per_epoch == 6
    assert equal(dropping.train(0, 5), batches(data={}).train(0, 5))
    with pytest.raises(IndexError, match="batch 6 of an epoch with 6 batches"):
        dropping.train(0, 6)


def test_the_order_changes_from_epoch_to_epoch() -> None:
    made = batches()
    orders = [torch.cat([made.train(epoch, index)[1] for index in range(7)]).tolist() for epoch in range(3)]
    assert orders[0] != orders[1] != orders[2] != list(range(TRAIN))


# -- validation and test --------------------------------------------------------------------------------------------


def test_the_validation_split_is_stratified_and_the_same_for_every_seed() -> None:
    labels = np.arange(TRAIN) % 5
    made = [Batches(images(labels=labels), info(), recipe({"validation": 10}), seed) for seed in (0, 1)]
    one, other = (list(item.evaluation("validation")) for item in made)
    assert all(equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.bincount(one[0][1]).tolist() == [2] * 5


def test_evaluation_is_in_order_and_not_augmented() -> None:
    found = list(batches().evaluation("test"))
    assert torch.cat([labels for _, labels in found]).tolist() == list(range(TEST))
    plain = list(batches(data={}).evaluation("test"))
    assert all(equal(a, b) for a, b in zip(found, plain, strict=True))


def test_evaluation_comes_in_parts_the_last_of_them_partial() -> None:
    many = images(2300)
    made = Batches(Images(many.test_x, many.test_y, many.train_x, many.train_y), info(TEST), recipe(), 0)
    parts = [labels for _, labels in made.evaluation("test")]
    assert list(map(len, parts)) == [1000, 1000, 300]
    assert torch.equal(torch.cat(parts), torch.arange(2300))


@pytest.mark.parametrize("split", ["validation", "train"])
def test_a_split_that_is_not_there_is_an_error(split: str) -> None:
    with pytest.raises(ValueError, match=f"no split '{split}'"):
        next(batches().evaluation(split))


def test_whole_images_are_standardised_as_they_were_before_the_crop() -> None:
    """So batches equal crops of standardised images wherever padding repeats pixels of the image itself."""
    mirrored = AUGMENTED | {"padding_mode": "symmetric"}
    raw, _ = batches(data=mirrored | {"normalise": "none"}).train(0, 1)
    found, labels = batches(data=mirrored | {"normalise": "whole_image"}).train(0, 1)
    whole = images().train_x[labels].float() / 255
    mean, std = whole.mean((1, 2, 3)), whole.flatten(1).std(1, correction=0)
    expected = (raw - mean.view(-1, 1, 1, 1)) / std.view(-1, 1, 1, 1)
    torch.testing.assert_close(found, expected, check_stride=False)
    assert not torch.allclose(found.mean((1, 2, 3)), torch.zeros(len(labels)), atol=1e-3)


# -- scoring --------------------------------------------------------------------------------------------------------


def test_scoring_batches_are_full_and_from_the_training_part() -> None:
    made = batches(data={"validation": 10}, scoring=Scoring(batch_size=16))
    held_out = {label for _, labels in made.evaluation("validation") for label in labels.tolist()}
    assert made.scoring_size == 16
    drawn = [made.scoring(number, "stage", 0)[1].tolist() for number in range(5)]
    assert all(len(set(labels)) == 16 and not held_out & set(labels) for labels in drawn)
    # Two of the batches fit into 40 images: they share none, and the third begins anew.
    assert not set(drawn[0]) & set(drawn[1])
    assert drawn[2] != drawn[0]


def test_a_recipe_may_want_scoring_batches_balanced() -> None:
    few = images(labels=np.arange(TRAIN) % 5)  # ten images of each class
    facts = replace(info(), classes=5)
    made = Batches(few, facts, recipe({}, scoring=Scoring(batch_size=10, balanced=True)), 0)
    drawn = [made.scoring(number, "stage") for number in range(5)]
    assert all(labels.bincount().tolist() == [2] * 5 for _, labels in drawn)
    assert len({tuple(image.flatten().tolist()) for pixels, _ in drawn for image in pixels}) == TRAIN  # each once
    with pytest.raises(UserError, match=r"'scoring\.balanced': batches of 8 images are no multiple of 5 classes"):
        Batches(few, facts, recipe({}, scoring=Scoring(balanced=True)), 0)


def test_scoring_batches_are_no_larger_than_the_training_part() -> None:
    made = batches(scoring=Scoring(batch_size=1000))
    assert made.scoring_size == TRAIN
    assert sorted(made.scoring(3, "stage")[1].tolist()) == list(range(TRAIN))


def test_scoring_uses_the_recipe_s_batch_size_by_default() -> None:
    assert len(batches().scoring(0)[1]) == 8


def test_scoring_differs_by_keys_and_seed() -> None:
    labels = [batches().scoring(0, "a")[1], batches().scoring(0, "b")[1], batches(seed=1).scoring(0, "a")[1]]
    assert len({tuple(found.tolist()) for found in labels}) == 3


def test_scoring_without_augmentation() -> None:
    made = batches(scoring=Scoring(augment=False))
    found, labels = made.scoring(0, "stage")
    plain = batches(data={}).scoring(0, "stage")
    assert equal((found, labels), plain)
    assert not torch.equal(found, batches().scoring(0, "stage")[0])


# -- what is done to the images -------------------------------------------------------------------------------------


def naive(pixels: np.ndarray, row: int, column: int, flip: bool, padding: int) -> torch.Tensor:
    """One image, as torchvision's Pad, crop, flip, ToTensor and Normalize would treat it."""
    padded = np.pad(pixels, ((0, 0), (padding, padding), (padding, padding)))
    window = padded[:, row : row + HEIGHT, column : column + WIDTH]
    image = torch.from_numpy(np.ascontiguousarray(window[:, :, ::-1] if flip else window)).float() / 255
    return torch.stack([(image[c] - MEAN[c]) / STD[c] for c in range(CHANNELS)])


def test_a_training_batch_equals_the_naive_pipeline() -> None:
    drawn = generator("cpu", 0, "augmentation", "train", 0, 1, 3)
    corners, flips = torch.randint(5, (2, 8), generator=drawn), torch.randint(2, (8,), generator=drawn)
    found, labels = batches().train(1, 3)
    pixels = images().train_x.numpy()
    wanted = [
        naive(pixels[number], row, column, bool(flip), padding=2)
        for number, row, column, flip in zip(labels.tolist(), *corners.tolist(), flips.tolist(), strict=True)
    ]
    assert torch.equal(found, torch.stack(wanted))


def test_every_crop_and_both_orientations_occur() -> None:
    # 3 × 3 corners, two orientations: 18 versions of one image.
    one = images(1)
    made = Batches(one, info(1), recipe({"crop_padding": 1, "flip": True, "normalise": "none"}), 0)
    versions = {made.train(epoch, 0)[0].numpy().tobytes() for epoch in range(300)}
    assert len(versions) == 18


def test_crops_that_are_scaled_up_are_drawn_for_the_whole_batch_whichever_share_is_made() -> None:
    chosen = recipe({"resized_crop": (0.2, 0.9), "flip": True, "normalise": "none"})
    whole = Batches(images(), info(), chosen, 0).train(0, 0)
    halves = [
        Batches(images(), info(), chosen, 0, share=part).train(0, 0) for part in (slice(0, None, 2), slice(1, None, 2))
    ]
    for half, part in zip(halves, (slice(0, None, 2), slice(1, None, 2)), strict=True):
        assert equal(half, (whole[0][part], whole[1][part]))
    assert whole[0].shape[1:] == images().train_x.shape[1:]
    plain = Batches(images(), info(), recipe({"normalise": "none"}), 0).train(0, 0)
    assert torch.equal(whole[1], plain[1])
    assert not torch.equal(whole[0], plain[0])


def test_flips_alone() -> None:
    made = Batches(images(1), info(1), recipe({"flip": True, "normalise": "none"}), 0)
    versions = {made.train(epoch, 0)[0].contiguous().numpy().tobytes() for epoch in range(30)}
    pixels = images(1).train_x / 255
    assert versions == {pixels.numpy().tobytes(), pixels.flip(3).numpy().tobytes()}


def test_the_recipe_s_statistics_go_before_the_data_set_s() -> None:
    plain, _ = batches(data={"normalise": "none"}).train(0, 0)
    own, _ = batches(data={"mean": (0.5, 0.5, 0.5), "std": (0.1, 0.2, 0.5)}).train(0, 0)
    wanted = (plain - 0.5) / torch.tensor([0.1, 0.2, 0.5]).view(1, 3, 1, 1)
    assert torch.allclose(own, wanted)
    assert plain.min() >= 0
    assert plain.max() <= 1


def test_per_image_normalisation() -> None:
    found, _ = batches(data={"normalise": "image"}).train(0, 0)
    assert torch.allclose(found.flatten(1).mean(1), torch.zeros(8), atol=1e-6)


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp32", torch.float32), ("tf32", torch.float32), ("bf16", torch.float32), ("fp64", torch.float64)],
)
def test_the_type_follows_the_precision(precision: str, dtype: torch.dtype) -> None:
    made = batches(precision=precision)
    for found, labels in (made.train(0, 0), made.scoring(0), next(made.evaluation("test"))):
        assert found.dtype == dtype
        assert labels.dtype == torch.int64


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_memory_format_follows_the_recipe(channels_last: bool) -> None:
    found, _ = batches(channels_last=channels_last).train(0, 0)
    assert found.is_contiguous(memory_format=torch.channels_last) == channels_last
    assert found.is_contiguous() != channels_last
    assert torch.equal(found, batches().train(0, 0)[0])


# -- recipes that do not fit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"mean": (0.5,)}, "field 'data.mean' has 1 values for 3 channels"),
        ({"std": (0.5, 0.5)}, "field 'data.std' has 2 values for 3 channels"),
        ({"crop_padding": 5, "padding_mode": "reflect"}, "field 'data.crop_padding': 5 is not below 5 to reflect"),
        ({"crop_padding": 6, "padding_mode": "symmetric"}, "field 'data.crop_padding': 6 is more than 5 to mirror"),
        ({"validation": 50}, "leaves 0 of 50 images to train on, and at least 1 must be left"),
        ({"validation": 43, "drop_last": True}, "leaves 7 of 50 images to train on, and at least 8 must be left"),
    ],
)
def test_a_recipe_that_does_not_fit_is_one_sentence(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^recipe 'test' with data set 'fake': .*{message}"):
        batches(data=data)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_draws_the_same_images_crops_and_flips() -> None:
    loaded = images()
    there = Images(*(getattr(loaded, name).cuda() for name in ("train_x", "train_y", "test_x", "test_y")))
    on_gpu, on_cpu = Batches(there, info(), recipe(), 0, "cuda"), batches()
    for found, wanted in ((on_gpu.train(1, 3), on_cpu.train(1, 3)), (on_gpu.scoring(1, "a"), on_cpu.scoring(1, "a"))):
        assert found[0].is_cuda
        assert torch.equal(found[1].cpu(), wanted[1])
        assert torch.allclose(found[0].cpu(), wanted[0], atol=1e-6)
