"""Balanced scoring batches: as many images of every class, a pure function of seed and keys."""

from __future__ import annotations

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

CLASSES, SIZES = 3, (12, 7, 9)
"""Three classes of unequal size: 28 images."""


def batches(seed: int = 0, validation: int = 0, augment: bool = True, crop_padding: int = 0) -> Batches:
    """Image i has the value i in every pixel, so a batch tells which images it holds."""
    order = np.random.default_rng(1).permutation(sum(SIZES))
    labels = np.repeat(np.arange(CLASSES), SIZES)[order]
    x = torch.arange(len(labels), dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 4, 4).contiguous()
    y = torch.from_numpy(labels)
    info = DataInfo("fake", CLASSES, 1, 4, 4, len(labels), len(labels), (0.0,), (1.0,), "")
    data = Data(normalise="none", validation=validation, crop_padding=crop_padding)
    phase = Phase(epochs=1, lr=0.1)
    recipe = Recipe(name="t", batch_size=4, train=phase, data=data, scoring=Scoring(augment=augment))
    return Batches(Images(x, y, x, y), info, recipe, seed)


def held(batch: tuple[torch.Tensor, torch.Tensor]) -> list[int]:
    return [round(255 * float(image.amax())) for image in batch[0]]


@settings(deadline=None, max_examples=30)
@given(per_class=st.integers(1, 7), number=st.integers(0, 30), seed=st.integers(0, 3))
def test_every_class_has_as_many_different_images_each_with_its_label(per_class: int, number: int, seed: int) -> None:
    made = batches(seed)
    found = made.balanced(per_class, number, "stage", 0)
    assert found[1].tolist() == [label for label in range(CLASSES) for _ in range(per_class)]
    assert len(set(held(found))) == CLASSES * per_class
    assert found[1].tolist() == made.images.train_y[held(found)].tolist()


def test_batches_of_the_same_keys_share_no_image_until_the_smallest_class_is_used_up() -> None:
    # Three twos fit into seven: batches 0, 1 and 2 are disjoint, batch 3 begins anew.
    drawn = [held(batches().balanced(2, number, "stage")) for number in range(4)]
    assert len({image for images in drawn[:3] for image in images}) == 3 * 6
    assert set(drawn[3]) & {image for images in drawn[:3] for image in images}
    assert sorted(drawn[3]) != sorted(drawn[0])


def test_it_depends_on_seed_keys_and_number_and_on_nothing_else() -> None:
    used = batches()
    used.scoring(1, "stage")
    used.train(0, 0)
    used.balanced(3, 0, "other")
    torch.rand(3)
    before = torch.random.get_rng_state()
    assert held(used.balanced(2, 1, "stage", 7)) == held(batches().balanced(2, 1, "stage", 7))
    assert torch.equal(torch.random.get_rng_state(), before)
    others = [batches(1).balanced(2, 1, "stage", 7), used.balanced(2, 1, "stage", 8), used.balanced(2, 0, "stage", 7)]
    assert all(held(other) != held(used.balanced(2, 1, "stage", 7)) for other in others)


def test_other_batches_are_drawn_as_if_there_were_no_balanced_ones() -> None:
    used = batches()
    plain = held(used.scoring(0, "stage"))
    used.balanced(2, 0, "stage")
    assert held(used.scoring(0, "stage")) == plain


def test_images_held_out_for_validation_are_never_drawn() -> None:
    made = batches(validation=9)
    held_out = {image for batch in made.evaluation("validation") for image in held(batch)}
    assert len(held_out) == 9
    assert all(not held_out & set(held(made.balanced(4, number, "stage"))) for number in range(5))


def test_they_are_augmented_where_scoring_batches_are() -> None:
    plain, augmented = (batches(augment=augment, crop_padding=2).balanced(4, 0, "s") for augment in (False, True))
    assert torch.equal(plain[1], augmented[1])
    assert bool((plain[0].flatten(1).std(1) == 0).all())
    assert not torch.equal(plain[0], augmented[0])  # crops have a border of zeros


@pytest.mark.parametrize("per_class", [0, 8])
def test_more_than_a_class_has_is_one_sentence(per_class: int) -> None:
    with pytest.raises(UserError, match=rf"^'per_class' is {per_class}, and of every class 1 to 7 "):
        batches().balanced(per_class, 0)
