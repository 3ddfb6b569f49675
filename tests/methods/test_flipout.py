"""FlipOut's score, its noise and the epochs in which it prunes, worked out by hand."""

import pytest
import torch

from bench import catalog
from methods.flipout import halvings
from tests.methods.by_hand import linear, trainer_for

EPOCHS = {"train": {"epochs": 3, "lr": 1.0}}


def begun(weights, point=0.75, **fields):
    trainer = trainer_for(catalog.create("flipout", fields), linear(weights), [[1.0, 2.0]], [1], point, **EPOCHS)
    trainer.run.at(0)
    trainer._update(trainer.run.method.on_train_start)
    return trainer


def test_a_weight_that_flips_counts_less():
    run = begun([[3.0, -2.0], [1.0, -4.0]]).run
    for values in ([[3.0, 2.0], [1.0, -4.0]], [[3.0, -2.0], [0.0, -4.0]], [[3.0, 2.0], [2.0, -4.0]]):
        run.weights["0.weight"].copy_(torch.tensor(values))
        run.method.on_after_step(run)
    # Flips: 0 of the 3, 3 of the 2, 2 of the last (to 0 and from it), 0 of the 4: 9, 4/4, 4/3, 16.
    assert run.method.saliency(run)["0.weight"].flatten().tolist() == pytest.approx([9, 1, 4 / 3, 16])
    assert catalog.create("flipout", {"power": 1.0}).saliency(run)["0.weight"].flatten().tolist() == [3, 0.5, 2 / 3, 4]


def test_flips_of_pruned_weights_are_forgotten():
    run = begun([[3.0, -2.0], [1.0, -4.0]]).run
    run.masks["0.weight"][0, 1] = 0
    run.weights["0.weight"].copy_(torch.tensor([[-3.0, 0.0], [1.0, -4.0]]))
    run.method.on_after_step(run)
    assert run.state["flips.0.weight"].tolist() == [[1, 0], [0, 0]]


def test_noise_is_as_large_as_the_gradient_that_is_left():
    """|g| = (3, 4, 12), of which the last is masked: the root of (9 + 16) over three entries."""
    trainer = begun([[1.0, 1.0, 1.0]], noise=2.0)
    run, weight = trainer.run, trainer.run.parameters["0.weight"]
    run.masks["0.weight"][0, 2] = 0
    run.state["noise.0.weight"].copy_(torch.tensor([[1.0, -1.0, 0.5]]))
    weight.grad = torch.tensor([[3.0, 4.0, 12.0]]).double()
    run.method.on_after_backward(run)
    scale = 2 * 5 / 3**0.5
    assert weight.grad[0, :2].tolist() == pytest.approx([3 + scale, 4 - scale])


def test_every_step_has_noise_of_its_own_and_a_seed_repeats_it():
    runs = [begun([[3.0, -2.0], [1.0, -4.0]]).run for _ in range(2)]
    first = [run.state["noise.0.weight"].clone() for run in runs]
    assert torch.equal(*first) and first[0].abs().sum() > 0
    for run in runs:
        run.method.on_after_step(run)
        run.at(1)
        run.method.on_after_step(run)
    second = [run.state["noise.0.weight"] for run in runs]
    assert torch.equal(*second) and not torch.equal(first[0], second[0])


def test_half_of_what_is_left_goes_in_every_third_of_the_training():
    trainer = begun([[3.0, -2.0, 1.0, 0.5], [1.5, -4.0, 0.1, 2.5]], noise=0.0)
    seen = []
    for step in (10, 20):  # ten steps an epoch, three epochs
        trainer.run.at(step)
        trainer._update(trainer.run.method.update_masks)
        seen.append(trainer.run.masks["0.weight"].tolist())
    assert seen == [[[1, 1, 0, 0], [0, 1, 0, 1]], [[1, 0, 0, 0], [0, 1, 0, 0]]]


@pytest.mark.parametrize(
    ("target", "period", "times"), [(0.75, 117, 2), (0.9375, 70, 4), (0.9844, 50, 6), (0.9961, 39, 8), (0.999, 32, 10)]
)
def test_the_epochs_are_those_of_the_authors(target, period, times):
    assert halvings(target, 350) == (times, period)


def test_shorter_trainings_prune_before_their_last_epoch_too():
    for epochs in range(2, 40):
        for target, wanted in ((0.5, 1), (0.9, 4), (0.98, 6)):
            times, period = halvings(target, epochs)
            assert times == wanted and period >= 1
            assert times * period < epochs or (period == 1 and epochs <= times)


def test_a_training_with_fewer_epochs_than_halvings_does_the_rest_in_its_last_one():
    trainer = begun([[3.0, -2.0, 1.0, 0.5], [1.5, -4.0, 0.1, 2.5]], point=0.875, noise=0.0)  # three halvings
    kept = []
    for step in (10, 20):
        trainer.run.at(step)
        trainer._update(trainer.run.method.update_masks)
        kept.append(sum(trainer.run.masks.kept().values()))
    assert kept == [4, 1]
