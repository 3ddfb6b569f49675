"""GReg by hand: which filters are chosen, how λ grows, and what it does to their weights.

The network: W1 = [[1, 2], [0.25, −0.25], [−2, 3], [0.5, 1]] (filters with mean |w| of 1.5, 0.25, 2.5, 0.75) behind
which W2 is all zero and stays so. No gradient of the loss reaches W1, the penalty acts alone: w ← (1 − λ − γ) w.
At sparsity 0.5, filters 1 and 3 of W1 are to go. Rate 1, ten steps; growth over 8 of them (until 0.8), every 2 steps:
λ = 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.4, 0.4 for τ = 0.4, during the steps 0 to 9.
"""

import copy
import math

import pytest
import torch

from bench import catalog
from bench.context import Run
from bench.counting.macs import TrainingMacs
from bench.method import Dense
from bench.recipe import Recipe
from bench.recipe.prunable import prunable
from bench.training.train import Trainer, start
from tests.methods.by_hand import OneBatch, linear

W1 = [[1.0, 2.0], [0.25, -0.25], [-2.0, 3.0], [0.5, 1.0]]
W2 = [[0.0] * 4, [0.0] * 4]
FIELDS = {"every": 2, "until": 0.8, "ceiling": 0.4}
LAMBDA = [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.4, 0.4]


def trainer_of(stage=1, parent=None, decay=0.0, momentum=0.0, steps=10, point=0.5, w1=W1, w2=W2, middle=(), **fields):
    """A trainer of the stage that grows (1) or the one that fine-tunes (2)."""
    method = catalog.create("greg", FIELDS | fields)
    phase = {"steps": steps, "lr": 1.0}
    optimizer = {"momentum": momentum, "weight_decay": decay}
    values = {"batch_size": 1, "train": phase, "finetune": phase, "optimizer": optimizer, "precision": "fp64"}
    batches = OneBatch(torch.tensor([[1.0, 2.0]], dtype=torch.float64), torch.tensor([1]))
    model = linear(w1, *middle, w2).double()
    model[-1].weight.requires_grad_(False)
    chosen = method.stages((point,))[stage]
    weights = prunable(model, f"all[exclude={len(model) - 1}.weight]")
    run = Run(method, model, weights, Recipe.read(values, "by hand"), batches, chosen, 0, parents=lambda name: parent)
    sizes = {name: weight.numel() for name, weight in run.weights.items()}
    trainer = Trainer(run, TrainingMacs(dict.fromkeys(sizes, 1), sizes, method.zeros))
    if parent is not None:
        start(run, parent, with_extras=False)
    return trainer


def penalties(trainer, layer=0):
    return trainer.run.state[f"penalty.{layer}.weight"].tolist()


def test_growth_by_hand():
    trainer = trainer_of()
    seen, factor = [], 1.0
    for step, strength in enumerate(LAMBDA):
        trainer._step(step)
        seen.append(penalties(trainer))
        factor *= 1 - strength
        weight = trainer.run.weights["0.weight"]
        assert weight[[0, 2]].tolist() == [W1[0], W1[2]]
        assert weight[1].tolist() == pytest.approx([0.25 * factor, -0.25 * factor])
        assert weight[3].tolist() == pytest.approx([0.5 * factor, 1.0 * factor])
    expected = [*LAMBDA[1:], 0.4]
    assert [row[1] for row in seen] == [row[3] for row in seen] == pytest.approx(expected)
    assert [row[0] for row in seen] == [row[2] for row in seen] == [0] * 10
    assert trainer.run.masks.sparsity() == 0


@pytest.mark.parametrize(
    ("steps", "every", "until", "last"), [(110_000, 10, 10 / 11, 10_000), (120, 10, 10 / 11, 10), (120, 1, 0.5, 60)]
)
def test_growth_is_spread_over_the_stage_as_the_authors_over_110_000_steps(steps, every, until, last):
    run = trainer_of(steps=steps, every=every, until=until, ceiling=1.0).run
    assert run.method.increases(run) == (0, last)
    run.method.update_masks(run)
    assert run.state["penalty.0.weight"].tolist() == pytest.approx([0, 1 / last, 0, 1 / last])
    run.step = every - 1
    run.method.on_after_step(run)
    assert run.state["penalty.0.weight"].tolist() == pytest.approx([0, 2 / last, 0, 2 / last])


def test_of_16_filters_at_70_percent_12_go_and_one_stays_of_two_at_90():
    """⌈11.2⌉, and never all."""
    wide = trainer_of(point=0.7, w1=[[float(i), 1.0] for i in range(16)], w2=[[0.0] * 16] * 2).run
    wide.method.update_masks(wide)
    assert wide.state["kept.0.weight"].tolist() == [0] * 12 + [1] * 4
    narrow = trainer_of(point=0.9, w1=[[1.0, 1.0], [2.0, 1.0]], w2=[[0.0] * 2] * 2).run
    narrow.method.update_masks(narrow)
    assert narrow.state["kept.0.weight"].tolist() == [0, 1]


def test_it_comes_on_top_of_weight_decay():
    trainer = trainer_of(decay=0.1)
    for step in range(3):
        trainer._step(step)
    # λ = 0.1, 0.1, 0.2 with γ = 0.1: 0.8 · 0.8 · 0.7 for what is to go, 0.9³ for the others.
    assert trainer.run.weights["0.weight"][:, 0].tolist() == pytest.approx(
        [0.729, 0.25 * 0.448, -2 * 0.729, 0.5 * 0.448]
    )


def test_it_goes_through_momentum():
    trainer = trainer_of(momentum=0.5)
    for step in range(2):
        trainer._step(step)
    # Step 0: buffer 0.1 w; step 1: buffer 0.05 w + 0.1 · 0.9 w = 0.14 w
    assert trainer.run.weights["0.weight"][3].tolist() == pytest.approx([0.5 * 0.76, 0.76])


def test_the_ratio_is_a_moving_average_and_stops_the_growth():
    # At the start 2 / 0.5 = 4 (means of 1.5 and 2.5, and of 0.25 and 0.75). At the increases before the steps 0, 2, 4
    # and 6 the weights to go have shrunk by 1, 0.81, 0.81 · 0.64 and 0.81 · 0.64 · 0.49: ratios 4, 4.94, 7.72, 15.7.
    # The average: 4, 4.094, 4.456. With a limit of 4.2 the third increase is the last.
    trainer = trainer_of(ratio=4.2)
    trainer.train()
    average = 0.9 * (0.9 * 4 + 0.1 * 4 / 0.81) + 0.1 * 4 / 0.81 / 0.64
    assert average > 4.2
    assert penalties(trainer) == pytest.approx([0, 0.3, 0, 0.3])
    last = 0.9 * average + 0.1 * 4 / 0.81 / 0.64 / 0.49
    assert trainer.run.state["ratios"].tolist() == pytest.approx([last])


def test_what_has_stopped_growing_does_not_start_again():
    trainer = trainer_of(ratio=4.2)
    for step in range(4):
        trainer._step(step)
    trainer.run.state["ratios"].fill_(1.0)
    for step in range(4, 10):
        trainer._step(step)
    assert penalties(trainer) == pytest.approx([0, 0.3, 0, 0.3])


@pytest.mark.parametrize(("variant", "first", "second"), [(1, 0.4, 0.4), (2, 0.3, 0.4)])
def test_the_first_variant_stops_when_all_layers_are_ready_and_the_second_layer_by_layer(variant, first, second):
    # The first variant: as above, but the second layer's ratio of 2 / 1 is far from 4.2. The second chooses before step
    # 0 and raises all to 0.1, so ratios stay for two steps: averages of 4, 4, 0.9 · 4 + 0.1 · 4 / 0.64 = 4.225 > 4.2.
    picks = {"picking": 0.0, "pick_ceiling": 0.1, "release": 0.0} if variant == 2 else {}
    trainer = trainer_of(ratio=4.2, variant=variant, middle=[[[2.0] * 4, [1.0] * 4]], w2=[[0.0] * 2] * 2, **picks)
    for step in range(10):
        trainer._step(step)
    assert penalties(trainer) == pytest.approx([0, first, 0, first])
    assert penalties(trainer, layer=1) == pytest.approx([0, second])


def test_nothing_is_stopped_by_a_layer_without_filters_to_go():
    trainer = trainer_of(point=0.0)
    trainer.train()
    assert penalties(trainer) == [0, 0, 0, 0]
    assert trainer.run.state["ratios"].tolist() == [math.inf]


def test_what_grew_is_removed_and_what_replaces_it_in_rank_is_not():
    growing = trainer_of()
    growing.train()
    with torch.no_grad():
        growing.run.weights["0.weight"][0] = 1e-6  # smaller now than what was penalised
    parent = copy.deepcopy(growing.state())
    trainer = trainer_of(2, parent)
    assert trainer.run.weights["0.weight"][1].any()
    trainer.train()
    run = trainer.run
    assert run.masks["0.weight"].tolist() == [[1, 1], [0, 0], [1, 1], [0, 0]]
    assert run.weights["0.weight"][[1, 3]].tolist() == [[0, 0], [0, 0]]
    assert run.weights["0.weight"][2].tolist() == W1[2]  # no penalty any more
    assert run.method.diagnostics(run) == {
        "largest_penalty": pytest.approx(0.4),
        "smallest_ratio": float(parent["state"]["ratios"].min()),
    }


def test_the_second_variant_chooses_after_a_penalty_on_all_and_frees_the_rest_of_decay():
    # Increases 1 and 2 of 4 (picking 0.5) raise λ of all filters to τ' = 0.1; then two raise that of the chosen to 0.4.
    trainer = trainer_of(variant=2, picking=0.5, pick_ceiling=0.1, decay=0.01, release=None)
    run = trainer.run
    assert run.method.increases(run) == (2, 4)
    trainer._step(0)
    with torch.no_grad():
        run.weights["0.weight"][1] = 5.0  # training made it large: it stays, and filter 0 goes
    assert penalties(trainer) == pytest.approx([0.05] * 4)
    trainer._step(1)
    assert penalties(trainer) == pytest.approx([0.1] * 4)
    assert run.state["kept.0.weight"].tolist() == [0, 1, 1, 0]
    trainer._step(2)
    trainer._step(3)
    assert penalties(trainer) == pytest.approx([0.25, -0.01, -0.01, 0.25])
    before = run.weights["0.weight"].clone()
    trainer._step(4)
    assert torch.allclose(run.weights["0.weight"][[1, 2]], before[[1, 2]])  # decay of 0.01 cancelled
    assert torch.allclose(run.weights["0.weight"][[0, 3]], before[[0, 3]] * (1 - 0.26))
    for step in range(5, 10):
        trainer._step(step)
    assert penalties(trainer) == pytest.approx([0.4, -0.01, -0.01, 0.4])


def test_by_default_what_stays_is_freed_of_as_much_decay_as_in_the_code():
    trainer = trainer_of(variant=2, decay=5e-4)
    for step in range(10):
        trainer._step(step)
    assert penalties(trainer) == pytest.approx([-1e-4, 0.4, -1e-4, 0.4])


def test_the_first_variant_removes_what_one_shot_pruning_by_l1_removes():
    run = trainer_of().run
    run.method.update_masks(run)
    other = catalog.create("l1_filter", {})
    one_shot = Run(
        other, run.model, prunable(run.model, "all[exclude=1.weight]"), run.recipe, run.batches, run.stage, 0
    )
    one_shot.masks.keep(other.saliency(one_shot), 0.5)
    assert one_shot.masks["0.weight"][:, 0].tolist() == run.state["kept.0.weight"].tolist() == [1, 0, 1, 0]


def test_stages():
    dense, growing, finetune = catalog.create("greg", {}).stages((0.5,))
    assert isinstance(dense.method, Dense)
    assert (growing.parents, growing.phase, finetune.parents) == (("pretrain",), "finetune", ("regularise",))
    one_shot = catalog.create("magnitude", {}).stages((0.5,))[-1]
    assert (finetune.phase, finetune.copy, finetune.yields) == (one_shot.phase, one_shot.copy, one_shot.yields)


def test_going_on_in_the_middle_of_the_growth_gives_the_same_bits():
    whole, first, second = trainer_of(variant=2), trainer_of(variant=2), trainer_of(variant=2)
    for step in range(10):
        whole._step(step)
    for step in range(5):
        first._step(step)
    second.restore(copy.deepcopy(first.checkpoint()))
    for step in range(5, 10):
        second._step(step)
    assert torch.equal(whole.run.weights["0.weight"], second.run.weights["0.weight"])
    assert penalties(whole) == penalties(second)
