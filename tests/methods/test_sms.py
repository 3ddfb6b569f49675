"""Sparse model soups: phases, members and averages worked out by hand."""

import pytest
import torch

from bench import catalog
from bench.method import Dense
from tests.methods.by_hand import linear, trainer_for


def test_every_phase_prunes_trains_members_and_averages_them():
    stages = catalog.create("sms", {"phases": 2, "members": 2}).stages((0.75,))
    assert isinstance(stages[0].method, Dense)
    assert [(stage.name, stage.phase, stage.parents) for stage in stages[1:]] == [
        ("pruned1", None, ("pretrain",)),
        ("member1-0", "finetune", ("pruned1",)),
        ("member1-1", "finetune", ("pruned1",)),
        ("soup1", None, ("member1-0", "member1-1")),
        ("pruned2", None, ("soup1",)),
        ("member2-0", "finetune", ("pruned2",)),
        ("member2-1", "finetune", ("pruned2",)),
        ("soup2", None, ("member2-0", "member2-1")),
    ]
    # Half of what is left goes in each of two phases: 1 − √0.25.
    assert [stage.sparsity for stage in stages] == pytest.approx([0, *[0.5] * 4, *[0.75] * 4])
    assert [stage.copy for stage in stages] == [0, 0, 0, 1, 0, 0, 0, 1, 0]
    assert [stage.yields for stage in stages] == [(), *[()] * 7, (0.75,)]


def run_of(stage, model, **fields):
    method = catalog.create("sms", fields)
    (chosen,) = [each for each in method.stages((0.5,)) if each.name == stage]
    method.stages = lambda points: [chosen]
    images = [[1.0, 2.0], [-1.0, 0.5], [0.0, 1.0], [3.0, -2.0]]
    return trainer_for(method, model, images, [0, 1, 0, 1], 0.5).run


def test_the_smallest_weights_of_all_layers_go():
    run = run_of("pruned1", linear([[3.0, -1.0], [0.5, 2.0]], [[0.2, 5.0], [4.0, 1.5]]))
    run.method.on_train_start(run)
    assert [weight.tolist() for weight in run.weights.values()] == [[[3, 0], [0, 2]], [[0, 5], [4, 0]]]


def test_a_soup_is_the_mean_of_its_members_with_statistics_of_its_own():
    model = torch.nn.Sequential(*linear([[1.0, 2.0], [3.0, 4.0]]), torch.nn.BatchNorm1d(2))
    run = run_of("soup1", model, members=2)
    members = []
    for factor in (1.0, 3.0):
        state = {name: value.clone() for name, value in run.model.state_dict().items()}
        state["0.weight"], state["1.weight"] = state["0.weight"] * factor, state["1.weight"] * factor
        state["1.running_mean"] = torch.tensor([9.0, 9.0]).double()
        members.append({"model": state})
    run._parents = dict(zip(run.stage.parents, members, strict=True)).get
    run.method.on_train_start(run)
    assert run.weights["0.weight"].tolist() == [[2, 4], [6, 8]]
    assert model[1].weight.tolist() == [2, 2]
    run.method.on_train_end(run)
    images, _ = run.batches.batch
    before = images @ torch.tensor([[2.0, 4.0], [6.0, 8.0]]).double().T
    torch.testing.assert_close(model[1].running_mean, before.mean(0))
    torch.testing.assert_close(model[1].running_var, before.var(0))
