"""The recipes of papers against an independent transcript of their protocols."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench import data, published, recipe
from bench.optimization import learning_rate

# steps in an epoch, length in steps, the learning rate at some steps, momentum is Nesterov's, weight decay, padding,
# initial weights, reported epoch. Steps in an epoch: 50,000 or 45,000 images over 64, 100 or 128, rounded up.
PROTOCOLS = {
    "dpf_cifar10": (391, 117_300, {0: 0.2, 58_649: 0.2, 58_650: 0.02, 87_975: 0.002}, True, 1e-4, "zeros", "last"),
    "dsr_cifar10": (
        500,
        100_000,
        {0: 0.1, 29_999: 0.1, 30_000: 0.02, 60_000: 0.004, 80_000: 8e-4},
        True,
        5e-4,
        "reflect",
        "last",
    ),
    # the scheduler is stepped before the epoch: drops after 149 and 249 epochs of 352 steps
    "force_cifar10": (
        352,
        123_200,
        {52_447: 0.1, 52_448: 0.01, 87_647: 0.01, 87_648: 0.001},
        False,
        5e-4,
        "zeros",
        "last",
    ),
    "ftwt_cifar10": (
        391,
        78_200,
        {31_670: 0.1, 31_671: 0.01, 47_702: 1e-3, 59_041: 1e-4},
        False,
        5e-4,
        "zeros",
        "best",
    ),
    "granet_cifar10": (352, 56_320, {28_159: 0.1, 28_160: 0.01, 42_240: 0.001}, True, 5e-4, "reflect", "best"),
    "grasp_cifar10": (391, 62_560, {31_279: 0.1, 31_280: 0.01, 46_920: 0.001}, False, 5e-4, "zeros", "best"),
    "greg_cifar10": (391, 78_200, {39_099: 0.1, 39_100: 0.01, 58_650: 0.001}, False, 5e-4, "zeros", "best"),
    "l1_filter_cifar10": (782, 125_120, {62_559: 0.1, 62_560: 0.01, 93_840: 0.001}, False, 1e-4, "zeros", "best"),
    "missing_the_mark_cifar10": (391, 62_560, {31_279: 0.1, 31_280: 0.01, 46_920: 0.001}, False, 1e-4, "zeros", "last"),
    "rescience_cifar10": (352, 88_000, {29_999: 0.1, 30_000: 0.02, 60_000: 0.004}, True, 5e-4, "reflect", "last"),
    "rigl_cifar10": (
        391,
        97_656,
        {29_999: 0.1, 30_000: 0.02, 60_000: 0.004, 90_000: 8e-4},
        True,
        5e-4,
        "symmetric",
        "last",
    ),
    "snfs_cifar10": (450, 112_500, {24_999: 0.1, 25_000: 0.01, 100_000: 1e-5}, True, 5e-4, "reflect", "last"),
    "snip_cifar10": (
        352,
        150_000,
        {29_999: 0.1, 30_000: 0.02, 90_000: 8e-4, 120_000: 1.6e-4},
        False,
        5e-4,
        "zeros",
        "last",
    ),
    "synflow_cifar10": (391, 62_560, {23_459: 0.1, 23_460: 0.01, 46_920: 0.001}, True, 1e-4, "zeros", "best"),
}

FINETUNING = {
    # length in epochs, first and last learning rate
    "ftwt_cifar10": (200, 0.01, 1e-5),
    "greg_cifar10": (120, 0.01, 1e-4),
    "l1_filter_cifar10": (40, 1e-3, 1e-3),
    "missing_the_mark_cifar10": (160, 0.1, 1e-3),
}


def steps_per_epoch(chosen: recipe.Recipe) -> int:
    return -(-(data.info("cifar10").train_images - chosen.data.validation) // chosen.batch_size)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_recipe_is_the_protocol_of_its_paper(name: str) -> None:
    epoch, length, rates, nesterov, decay, padding, report = PROTOCOLS[name]
    chosen = recipe.load(name)
    assert steps_per_epoch(chosen) == epoch
    assert chosen.train.total_steps(epoch) == length
    assert {step: learning_rate(chosen.train, step, epoch) for step in rates} == pytest.approx(rates)
    assert (chosen.optimizer.momentum, chosen.optimizer.nesterov) == (0.9, nesterov)
    assert chosen.optimizer.weight_decay == decay
    assert (chosen.data.crop_padding, chosen.data.flip, chosen.data.padding_mode) == (4, True, padding)
    assert chosen.report == report


@pytest.mark.parametrize("name", FINETUNING)
def test_the_phase_after_pruning_is_the_papers(name: str) -> None:
    epochs, first, last = FINETUNING[name]
    phase = recipe.load(name).phase("finetune")
    assert phase.epochs == epochs
    assert learning_rate(phase, 0, 10) == pytest.approx(first)
    assert learning_rate(phase, 10 * epochs - 1, 10) == pytest.approx(last)


@pytest.mark.parametrize(
    ("name", "batch", "mode"),
    [
        ("force_cifar10", 128, "train"),  # naver/force never calls `eval` before scoring
        ("synflow_cifar10", 100, "eval"),  # Synaptic-Flow at 384c544, prune.py:8
    ],
)
def test_scores_are_taken_as_in_the_authors_code(name: str, batch: int, mode: str) -> None:
    chosen = recipe.load(name)
    assert (chosen.scoring.batch_size or chosen.batch_size, chosen.scoring.norm) == (batch, mode)


def test_gmp_in_the_replication_of_rigl_is_warmed_up_before_its_steps_begin() -> None:
    """Its warm-up of 3,500 steps goes on to the end of the tenth epoch, and only then its StepLR counts steps."""
    chosen = recipe.load(published.load().protocols["rescience_cifar10_gmp"].recipe or "").train
    warm = 10 * 352
    expected = [0.1 * step / 3500 for step in range(warm)]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1 * warm / 3500)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30_000, gamma=0.2)
    optimizer.step()  # torch warns if a scheduler goes first
    for _ in range(88_000 - warm):
        expected.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    rates = [learning_rate(chosen, step, 352) for step in range(88_000)]
    assert np.allclose(rates, expected, rtol=1e-9, atol=0)


def test_rigl_grows_on_imagenet_by_the_gradient_of_a_whole_batch() -> None:
    """Its code sums it over the replicas, `set_masked_grads` in rigl/sparse_optimizers_base.py."""
    found = recipe.load("rigl_imagenet")
    assert found.scoring.batch_size in (None, 4096)
    assert found.batch_size == 4096


@pytest.mark.parametrize("file", sorted(recipe.RECIPES.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_recipe_says_where_it_was_read(file) -> None:
    source = recipe.load(file.stem).source
    assert len(source) > 60
    assert file.read_text(encoding="utf-8").startswith(("source:", "# "))


def test_the_recipes_of_papers_differ_in_material_fields() -> None:
    loaded = {name: recipe.load(name) for name in PROTOCOLS}
    for one in loaded:
        assert all(recipe.differences(loaded[one], loaded[other]) for other in loaded if other != one)
