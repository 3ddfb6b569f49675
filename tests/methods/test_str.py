"""Soft thresholds: forward, gradients, decay and the reached sparsity, worked out by hand."""

import math

import pytest
import torch
from safetensors.torch import load_file

from bench import catalog
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.spec import RunSpec
from bench.training.run import execute
from tests.contract.harness import RESNET, VALUES, Laboratory
from tests.methods.by_hand import linear, trainer_for

# x = (1, 1, 1, 1) and label 0; s = ln(1/3), so the threshold is sigmoid(s) = (1/3)/(4/3) = 1/4.
ROWS = [[1.0, -0.75, 0.25, -0.125], [0.0, 0.0, 0.0, 0.0]]
QUARTER = math.log(1 / 3)


def prepared(fields, point=0.5, **recipe):
    trainer = trainer_for(catalog.create("str", fields), linear(ROWS), [[1.0] * 4], [0], point, **recipe)
    trainer.run.extras.double()
    return trainer


def begun(fields, point=0.5, **recipe):
    trainer = prepared(fields, point, **recipe)
    trainer._update(trainer.run.method.on_train_start)
    return trainer


def s_of(run):
    """Of the one tensor there is."""
    return run.extras["thresholds"]["s"][0]


def test_the_threshold_is_taken_off_what_survives_it():
    run = begun({"initial": QUARTER}).run
    assert run.export()["0.weight"][0].tolist() == pytest.approx([0.75, -0.5, 0.0, 0.0])
    assert run.masks["0.weight"].tolist() == [
        [1, 1, float(run.weights["0.weight"][0, 2] > s_of(run).sigmoid()), 0],
        [0] * 4,
    ]
    assert run.weights["0.weight"][0].tolist() == ROWS[0], "latent weights stay"


def test_pruned_weights_get_no_gradient_and_the_threshold_gets_that_of_all_kept_ones():
    run = begun({"initial": QUARTER - 1e-9 + 0.01}).run  # a little above 1/4, so that 0.25 is pruned
    images, labels = run.batches.train(0, 0)
    run.loss(images, labels).backward()
    threshold = float(s_of(run).detach().sigmoid())
    # Logits (z, 0) with z = (1 − t) − (0.75 − t) = 0.25, so ∂L/∂z = σ(0.25) − 1 for the first row, its negative for
    # the second. ∂z/∂s = −Σ sign(w)·t(1 − t) = −(1 − 1)·t(1 − t) = 0.
    delta = 1 / (1 + math.exp(-0.25)) - 1
    gradient = run.parameters["0.weight"].grad
    assert gradient[0].tolist() == pytest.approx([delta, delta, 0.0, 0.0])
    assert not gradient[1].any()
    assert threshold > 0.25
    assert run.extras["thresholds"]["s"].grad.tolist() == pytest.approx([0.0], abs=1e-12)


def test_decay_raises_the_threshold_and_shrinks_pruned_weights():
    optimizer = {"momentum": 0.0, "weight_decay": 0.1}
    trainer = begun({"initial": -4.0, "decay": 0.2}, optimizer=optimizer)
    trainer.run.model[0].weight.data.zero_()  # no gradient from the loss then
    trainer._step(0)
    # Rate 1: s ↦ s − (0.1 + 0.2)·s = 0.7·s.
    assert s_of(trainer.run).item() == pytest.approx(-2.8)


def test_the_target_chooses_where_thresholds_start():
    # |w| sorted: 0 0 0 0 | 0.125 0.25 0.75 1. Six of eight are 0.75, whose quantile is 0.25: without decay s = ln(1/3).
    still = {"momentum": 0.0, "weight_decay": 0.0}
    assert s_of(begun({}, 0.75, optimizer=still).run).item() == pytest.approx(QUARTER)
    # Ten steps at rate 1 with decay 0.01 and momentum 0.5 shrink s by exp(−10·0.01/0.5): it starts as much lower.
    decays = {"momentum": 0.5, "weight_decay": 0.01}
    assert s_of(begun({}, 0.75, optimizer=decays).run).item() == pytest.approx(QUARTER * math.exp(0.2))
    assert s_of(begun({"initial": -7.0}, 0.75, optimizer=decays).run).item() == -7.0
    # A quantile above 1/2 is out of reach of decay.
    assert s_of(begun({}, 0.99, optimizer=still).run).item() == 0.0


def test_masks_follow_the_thresholds_in_every_step_and_weights_return():
    trainer = begun({"initial": 0.0}, optimizer={"momentum": 0.0, "weight_decay": 0.0})
    run = trainer.run
    assert run.masks["0.weight"][0].tolist() == [1, 1, 0, 0]
    s_of(run).data.fill_(-4.0)  # a threshold of 0.018
    run.method.update_masks(run)
    assert run.masks["0.weight"][0].tolist() == [1, 1, 1, 1]
    assert torch.equal(run.export()["0.weight"] != 0, run.masks["0.weight"] != 0)


def test_what_is_exported_are_the_thresholded_weights_and_the_sparsity_is_an_outcome(tmp_path):
    lab = Laboratory(tmp_path)
    spec = RunSpec(
        dataset="tiny",
        architecture=RESNET,
        method="str",
        hyperparameters={"initial": -3.0},
        points=(0.5,),
        seed=0,
        recipe=Recipe.read(VALUES | {"evaluate_every": 2}, "the test"),
        recipe_text="contract",
    )
    found = execute(identify(spec), lab.results)
    assert (found.outcome, found.results[0].counts.target) == ("ok", None)
    workshop = lab.workshop(identify(spec))
    run = workshop.finish(workshop.stages[0])
    exported = load_file(lab.results / "runs" / found.id / found.results[0].weights)
    assert found.results[0].counts.prunable_sparsity > 0.3
    for name, weight in run.method.effective(run).items():
        assert torch.equal(exported[name] + 0.0, weight.detach() + 0.0)
        assert not torch.equal(exported[name], run.weights[name])
