"""The objective of FORCE, Σ |θ · g| over the kept weights, and networks that die in the middle of the rounds.

The first network is the one of `test_rounds_at_init`: x = (1, 2), W1 = [[1, 0], [0.5, −1]], W2 = [[1, −1], [0, 2]],
label 1, loss −(logit of the label), so |θ · g| = [[0, 0], [1, 4]] for W1 and [[0, 0], [0, 3]] for W2. One round:

    3 of 8 kept (0.5, −1 and 2): h₂ = −1.5 as before, so the sum is 1 + 4 + 3 = 8
    2 of 8 kept (−1 and 2):      h₂ = −2, so 2 scores |2 · 2| = 4 now and not 3, and the sum is 4 + 4 = 8
    GRASP-It keeps 0.5 and −1 of 8 (g² = 4 and 16, 2.25 of the 2): W2 is gone, and the sum is 0

The second: x = (1, 1, 1, 1, 1, 1), W1 = (1, 1, 1, 1, 1, 1), W2 = (0.15, −0.2, 0.15)ᵀ, label 1, cross-entropy:
h = 6, and by symmetry p − y = (d, −2d, d). Scores: 0.7 d for each of W1, (0.9 d, 2.4 d, 0.9 d) for W2.
Two rounds to one of nine keep three first, which is W2 alone: h = 0, and no gradient reaches W2. Weights of W1 still
have one, so FORCE brings one of them back, without W2; Iterative SNIP has nothing left to rank.
"""

import copy

import pytest
import torch
from torch import nn

from bench import catalog
from bench.errors import Collapsed
from methods.force import UNSEEN
from tests.methods.by_hand import linear, trainer_for
from tests.methods.test_rounds_at_init import FIRST, prepared, rounds
from tests.methods.test_rounds_on_resnet20 import backward, raw, real_run, updated

NAMES = ["force", "iterative_snip", "grasp_it"]
SECOND = [[1.0] * 6], [[0.15], [-0.2], [0.15]]


def objective(name, point, weights=FIRST, images=(1.0, 2.0), **fields):
    trainer = prepared(name, weights, list(images), point, **({"ramp.steps": 1} | fields))
    trainer._update(trainer.run.method.update_masks)
    return trainer.run.method.diagnostics(trainer.run)


@pytest.mark.parametrize("name", NAMES)
def test_the_objective_by_hand(name):
    assert objective(name, 0.625) == {"sensitivity": 8.0}


@pytest.mark.parametrize(("name", "expected"), zip(NAMES, [8.0, 8.0, 0.0], strict=True))
def test_it_is_taken_at_the_pruned_network(name, expected):
    assert objective(name, 0.75) == {"sensitivity": expected}


def test_it_stays_that_of_the_initial_weights_while_they_are_trained():
    trainer = prepared("force", FIRST, [1.0, 2.0], 0.625, **{"ramp.steps": 1})
    trainer.train()
    assert trainer.run.weights["1.weight"][1, 1] != 2
    assert trainer.run.method.diagnostics(trainer.run) == {"sensitivity": 8.0}


def test_measuring_it_costs_the_method_nothing():
    trainer = prepared("force", FIRST, [1.0, 2.0], 0.625, batches=2, **{"ramp.steps": 3})
    trainer.run.method.update_masks(trainer.run)
    assert trainer.run.scoring_passes == 3 * 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("steps", "loss"), [(1, "raw_logit"), (3, "raw_logit"), (3, "cross_entropy")])
def test_on_a_resnet_it_equals_a_backward_pass_of_the_pruned_copy_on_unseen_images(name, steps, loss):
    run = updated(name, batches=2, loss=loss, **{"ramp.steps": steps})
    pruned = copy.deepcopy(run.model)
    with torch.no_grad():
        for key, parameter in pruned.named_parameters():
            if key in run.masks:
                parameter.mul_(run.masks[key])
    numbers = (2 * UNSEEN, 2 * UNSEEN + 1)
    differentiated = raw if loss == "raw_logit" else nn.functional.cross_entropy
    found = [backward(pruned, differentiated, run.batches.scoring(number)) for number in numbers]
    weights = {key: parameter.detach() for key, parameter in pruned.named_parameters()}
    total = sum(float((weights[key] * (found[0][key] + found[1][key]) / 2).abs().sum()) for key in run.masks)
    assert run.method.diagnostics(run)["sensitivity"] == pytest.approx(total)


def test_one_round_of_either_gives_the_objective_of_snip():
    snip = updated("snip", **{"allocation.rounding": "down"})
    ours = [updated(name, loss="cross_entropy", **{"ramp.steps": 1}) for name in ("force", "iterative_snip")]
    assert all(run.masks.digest() == snip.masks.digest() for run in ours)
    values = [run.method.diagnostics(run)["sensitivity"] for run in ours]
    gradients = snip.gradients(first=UNSEEN)  # snip's own masks, the same images
    assert values == [float((snip.weights * snip.masks * gradients).abs().sum())] * 2


def test_more_rounds_change_the_mask_but_not_the_images_it_is_measured_on():
    runs = [real_run("force", **{"ramp.steps": steps}) for steps in (1, 5)]
    last = []
    for run in runs:
        drawn, scoring = [], run.batches.scoring
        run.batches.scoring = lambda number, *keys, drawn=drawn, scoring=scoring: (
            drawn.append((number, *keys)),
            scoring(number, *keys),
        )[1]
        run.method.update_masks(run)
        last.append(drawn[-1])
    assert last[0] == last[1] == (UNSEEN, "train", 0, 0)
    assert runs[0].masks.digest() != runs[1].masks.digest()


@pytest.mark.parametrize("name", ["force", "iterative_snip"])
def test_few_images_that_single_out_too_few_weights_collapse_and_leave_nothing_dense(name):
    # The one image's label is 1: row 0 of W2 scores nothing, nor does row 0 of W1, which W2's 0 cuts from that logit.
    trainer = prepared(name, FIRST, [1.0, 2.0], 0.5, **{"ramp.steps": 1})
    with pytest.raises(Collapsed, match="only 3 saliencies in 2 layers together are not 0, 4 needed"):
        trainer._update(trainer.run.method.update_masks)


def second(name):
    method = catalog.create(name, {"ramp.steps": 2, "loss": "cross_entropy"})
    return trainer_for(method, linear(*SECOND), [[1.0] * 6], [1], 8 / 9)


def test_a_network_that_dies_between_rounds_collapses_and_is_not_made_dense():
    with pytest.raises(Collapsed, match="only 0 saliencies in 2 layers together are not 0, 1 needed"):
        rounds(second("iterative_snip"))


def test_force_outlives_a_dead_round_and_its_objective_tells_of_a_dead_end():
    trainer = second("force")
    before, after = rounds(trainer)
    assert before["0.weight"].tolist() == [[0] * 6]
    assert before["1.weight"].tolist() == [[1], [1], [1]]
    assert (int(after["0.weight"].sum()), int(after["1.weight"].sum())) == (1, 0)
    assert trainer.run.method.diagnostics(trainer.run) == {"sensitivity": 0.0}
