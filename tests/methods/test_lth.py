"""Iterative magnitude pruning with rewinding: its rounds, its masks, and what goes back to where."""

from itertools import pairwise

import pytest
import torch

from bench import catalog
from bench.errors import UserError
from bench.method import Dense
from bench.optimization import learning_rate
from bench.plan.lineage import identify, identities, stages_of
from bench.recipe import Recipe
from bench.spec import RunSpec
from bench.training.run import execute
from tests.contract.harness import RESNET, VALUES, Laboratory
from tests.methods.by_hand import linear, trainer_for

PER_EPOCH = 6  # 96 images in batches of 16


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return Laboratory(tmp_path_factory.mktemp("lth"))


def spec(points, method="lth", **fields):
    """Four epochs, the rate divided by 10 after the second and the third."""
    recipe = Recipe.read(VALUES | {"evaluate_every": 2}, "the test")
    names = {"dataset": "tiny", "architecture": RESNET, "method": method, "recipe_text": "contract"}
    return identify(RunSpec(**names, hyperparameters=fields, points=points, seed=0, recipe=recipe))


def rounds(*points, **fields):
    return catalog.create("lth", fields).rounds(points)


def test_a_round_removes_a_fifth_of_what_is_left_and_stops_at_a_point():
    # 1 − 0.8ⁿ: 0.2, 0.36, 0.488, 0.5904. 0.5 lies between, so the fourth round stops there; 1 − 0.8·0.5 = 0.6.
    assert rounds(0.488) == pytest.approx([0.2, 0.36, 0.488])
    assert rounds(0.5) == pytest.approx([0.2, 0.36, 0.488, 0.5])
    assert rounds(0.6, 0.5) == pytest.approx([0.2, 0.36, 0.488, 0.5, 0.6])
    assert rounds(0.65, 0.5)[-2:] == pytest.approx([0.6, 0.65])
    assert rounds(0.75, fraction=0.5) == [0.5, 0.75]
    assert rounds(0.0) == []


def test_points_are_met_exactly_and_on_the_paper_s_path_without_another_round():
    for count in range(1, 30):
        point = round(1 - 0.8**count, 6)  # as somebody would write it
        assert rounds(point)[-1] == point
        assert len(rounds(point)) == count
    assert len(rounds(0.99)) == 21


def test_every_point_is_the_result_of_one_round():
    method = catalog.create("lth", {})
    stages = method.stages((0.5, 0.0, 0.2))
    assert [stage.yields for stage in stages] == [(0.0,), (0.2,), (), (), (0.5,)]
    assert isinstance(stages[0].method, Dense)
    assert stages[2].parents == ("pretrain@1", "round1")
    assert all(stage.begin == 1.0 for stage in stages[1:])


@pytest.mark.parametrize("fields", [{"fraction": 0.0}, {"fraction": 1.0}, {"rewind": -1.0}, {"rewound": "biases"}])
def test_what_makes_no_sense_is_refused(fields):
    with pytest.raises(UserError, match="lth"):
        catalog.create("lth", fields)


def test_a_cell_whose_training_ends_before_the_rewinding_is_skipped(lab):
    assert catalog.create("lth", {}).skip(spec((0.5,))) == ""
    assert "training is over at 4" in catalog.create("lth", {"rewind": 4.0}).skip(spec((0.5,)))


def test_masks_come_from_the_trained_weights_and_values_from_the_snapshot():
    # Eight weights, half of them removed per round: the first round keeps 4. The trained network says
    # |w| = 4 3 2 1 | 0.5 6 5 0.1, so 4, 3, 6 and 5 stay. Its masks had removed the 6 before, so it is the 2 instead.
    rewound = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]
    optimizer = {"momentum": 0.9, "weight_decay": 0.1}
    method = catalog.create("lth", {"fraction": 0.5, "rewind": 0.0})
    trainer = trainer_for(method, linear(rewound), [[1.0] * 4], [0], 0.5, optimizer=optimizer)
    run = trainer.run
    masks = torch.ones(2, 4, dtype=torch.bool)
    masks[1, 1] = False
    trained = torch.tensor([[4.0, -3.0, 2.0, 1.0], [0.5, -6.0, -5.0, 0.1]], dtype=torch.float64)
    run._parents = {"pretrain": {"model": {"0.weight": trained}, "masks": {"0.weight": masks}}}.get
    assert run.stage.parents == ("pretrain@0", "pretrain")
    trainer._update(run.method.on_train_start)
    assert run.masks["0.weight"].tolist() == [[1, 1, 1, 0], [0, 0, 1, 0]]
    kept = torch.tensor([[0.1, 0.2, 0.3, 0.0], [0.0, 0.0, 0.7, 0.0]]).double()
    assert torch.equal(run.weights["0.weight"], kept), "the snapshot's values"
    # They stay zero under momentum and decay, and no schedule ever fires: the mask is constant within a round.
    for step in (0, 5, 9):
        trainer._step(step)
    assert run.weights["0.weight"][run.masks["0.weight"] == 0].tolist() == [0.0] * 4
    assert not run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"][run.masks["0.weight"] == 0].any()
    assert trainer.progress.mask_updates == 0


def test_a_run_rewinds_to_the_snapshot_and_yields_every_point(lab):
    found = execute(spec((0.36, 0.5)), lab.results)
    assert (found.outcome, found.reason) == ("ok", "")
    assert [result.point for result in found.results] == [0.36, 0.5]
    assert [curve.stage for curve in found.curves] == ["pretrain", "round1", "round2", "round3", "round4"]
    # Each of the four rounds leaves out the first of four epochs.
    assert found.cost.epochs == pytest.approx(4 + 4 * 3)
    for result in found.results:
        assert result.counts.prunable_sparsity == pytest.approx(result.point, abs=1e-4)

    workshop = lab.workshop(spec((0.36, 0.5)))
    runs = [workshop.finish(stage) for stage in workshop.stages]
    for before, after in pairwise(runs):
        assert all(bool((after.masks[name] <= before.masks[name]).all()) for name in before.masks), "nested"
    trained = torch.cat([(w * runs[1].masks[n]).abs().flatten() for n, w in runs[1].weights.items()])
    kept = torch.cat([mask.flatten() for mask in runs[2].masks.values()]) != 0
    assert trained[kept].min() >= trained[~kept].max(), "one ranking over all layers, of the trained weights"

    snapshot = workshop.state("pretrain@1")["model"]
    trainer = lab.begin(workshop, workshop.stages[3])
    assert trainer.progress.step == PER_EPOCH
    for name, value in trainer.run.model.state_dict().items():  # weights, biases, batch norm and its statistics
        assert torch.equal(value, snapshot[name]), name
    assert not trainer.run.optimizer.state, "a fresh optimizer"


def test_a_round_without_pruning_repeats_the_dense_training_bit_for_bit(lab, monkeypatch):
    """The same batches in the same order at the same rates: only the mask makes the difference."""
    workshop = lab.workshop(spec((0.2,), rewind=0.0))
    dense, first = workshop.stages
    expected = workshop.finish(dense).export()
    monkeypatch.setattr(type(workshop.method), "on_train_start", lambda method, run: None)
    repeated = workshop.finish(first).export()
    assert all(torch.equal(repeated[name], value) for name, value in expected.items())


def test_rewinding_the_rate_goes_on_from_the_trained_weights(lab):
    workshop = lab.workshop(spec((0.2,), rewound="rate"))
    dense, first = workshop.stages
    trained = workshop.finish(dense).export()
    trainer = lab.begin(workshop, first)
    run = trainer.run
    assert all(torch.equal(run.model.state_dict()[name] + 0.0, value + 0.0) for name, value in trained.items())
    # Dense training ended at 0.02/100; after one epoch the rate is 0.02 once more.
    assert learning_rate(run.phase, run.steps - 1, PER_EPOCH) == pytest.approx(0.0002)
    assert learning_rate(run.phase, trainer.progress.step, PER_EPOCH) == pytest.approx(0.02)
    trainer._update(run.method.on_train_start)
    for name, weight in run.weights.items():
        assert torch.equal(weight, trained[name] * run.masks[name])
    assert run.masks.sparsity() == pytest.approx(0.2, abs=1e-4)


def test_dense_training_is_shared_and_only_its_first_steps_are_repeated(tmp_path, caplog):
    lab = Laboratory(tmp_path)
    execute(spec((), "dense"), lab.results)
    with caplog.at_level("INFO"):
        found = execute(spec((0.2,)), lab.results)
    assert found.cost.parents == ["pretrain"]
    assert f"training its first {PER_EPOCH} steps again for a snapshot" in caplog.text


def test_rounds_that_two_grids_have_in_common_are_one_training(lab):
    first, second = ({stage.name for stage in stages_of(spec(points))} for points in ((0.36,), (0.36, 0.5)))
    one, other = identities(spec((0.36,))), identities(spec((0.36, 0.5)))
    assert first < second
    assert all(other[name] == value for name, value in one.items())
