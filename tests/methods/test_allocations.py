"""Every method that prunes to a target takes every allocation, and keeps what that says."""

import dataclasses
from pathlib import Path

import pytest

from bench import catalog
from bench.allocation import UniformPlus
from bench.method import Method
from tests.methods.by_hand import linear, trainer_for

OURS = [name for name, file in catalog.files().items() if file.parent == Path(__file__).parents[2] / "methods"]
WRAPPERS = {name for name in OURS if "of" in {field.name for field in dataclasses.fields(catalog.method_class(name))}}
"""They have the allocation of the method that they run."""

SCORES = [name for name in OURS if catalog.method_class(name).update_masks is Method.update_masks and name != "dense"]
SCORES = [name for name in SCORES if catalog.method_class(name).saliency is not Method.saliency]


@pytest.mark.parametrize("name", sorted(set(OURS) - WRAPPERS))
def test_an_allocation_can_be_set(name):
    assert isinstance(catalog.create(name, {"allocation": "uniformplus"}).allocation, UniformPlus)


@pytest.mark.parametrize("name", sorted(set(SCORES) - WRAPPERS))
def test_under_uniform_plus_the_first_layer_is_dense_and_the_others_have_the_target(name):
    weights = [[[0.1 * (i + 2 * j + layer) - 0.5 for j in range(4)] for i in range(4)] for layer in range(3)]
    images, labels = [[1.0, 2.0, -1.0, 0.5], [0.3, -0.7, 2.0, 1.0]], [1, 3]
    run = trainer_for(catalog.create(name, {"allocation": "uniformplus"}), linear(*weights), images, labels, 0.75).run
    run.sparsity = 0.75
    run.method.update_masks(run)
    assert list(run.masks.kept().values()) == [16, 4, 4]
