"""Sparse momentum: single updates, worked out by hand."""

import random

import pytest
import torch

from bench import catalog
from bench.errors import UserError
from methods import snfs
from tests.methods.dynamic import NAME, ROW, TWO, prepared, put, two_layers


def give_momentum(run, **tensors):
    """Set the momentum of layers; ones where nothing is given."""
    for name, weight in run.weights.items():
        value = tensors.get(name.replace(".", "_"), torch.ones_like(weight))
        run.optimizer.state[run.parameters[name]]["momentum_buffer"] = value.double()


def test_snfs_moves_weights_to_the_layer_with_more_momentum():
    trainer = two_layers("snfs", **{"drop.initial": 0.5, "drop.final": 0.5})
    run = trainer.run
    first = torch.ones(4, 4)
    first[3, 3] = -5.0  # not active, so it does not count in the mean, but it grows first
    give_momentum(run, **{"0_weight": first, "1_weight": 3 * torch.ones(2, 4)})
    run.at(10)
    trainer._update(run.method.update_masks)
    # Dropped: half of 8 and half of 4, six in all. Shares 1 : 3 → 1.5 and 4.5, rounded up 2 and 5. Layer 1 has 6 free
    # positions after the drop, 99 % of them is 5.94: both fit.
    assert run.masks.kept() == {"0.weight": 4 + 2, "1.weight": 2 + 5}
    assert run.masks["0.weight"][3, 3] == 1
    assert run.weights["0.weight"][3, 3] == 0, "a new weight starts at 0"
    assert run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"][3, 3] == -5, "with warm momentum"
    assert run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"][0, 0] == 1, "dropped ones keep theirs"


def test_snfs_makes_up_for_what_the_total_missed():
    trainer = two_layers("snfs", **{"drop.initial": 0.5, "drop.final": 0.5})
    run = trainer.run
    give_momentum(run, **{"1_weight": 3 * torch.ones(2, 4)})
    trainer._update(run.method.update_masks)
    # 13 are kept instead of 12: −1, so that 0.75 · −1 + −1 = −1.75 is to be added to the next growth.
    assert run.state["stock"].tolist() == [-1.75, -1, 1]
    trainer._update(run.method.update_masks)
    # Layer 1 is nearly dense and wants more than its share, so 1/8 · 7 → 1 is dropped, and 3 of layer 0's 6. To be
    # grown are 4 − 1.75 = 2.25 → 0.56 and 1.69 → 1 and 2. Layer 1 has 2 free: 1.98, the rest goes to layer 0: 1.02.
    # Kept are 3 + 1 and 6 + 1, one too few: 0.25 · −1.75 + 0.75 · 1 + 0.
    assert run.masks.kept() == {"0.weight": 4, "1.weight": 7}
    assert run.state["stock"].tolist() == [0.3125, 0, 2]


def test_snfs_spreads_what_full_layers_cannot_take_evenly():
    # 13 in all. a is full at 4 and leaves 6: 3 for each of the others; b is full at 3.5 and leaves 1.5 for c.
    assert snfs.spread({"a": 10, "b": 2, "c": 1}, {"a": 4.0, "b": 3.5, "c": 9.0}) == {"a": 4, "b": 3.5, "c": 5.5}
    assert snfs.spread({"a": 3, "b": 2}, {"a": 4.0, "b": 3.5}) == {"a": 3, "b": 2}
    assert snfs.spread({"a": 9, "b": 9}, {"a": 4.0, "b": 3.5}) == {"a": 4, "b": 3.5}, "there is no more room"


@pytest.mark.parametrize("seed", range(20))
def test_snfs_spreads_as_the_official_rounds_do(seed):
    """There every layer is given the mean of what overflowed, full ones too, until nothing overflows any more."""
    draw = random.Random(seed)
    wanted = {name: draw.randint(0, 200) for name in "abcdef"}
    room = {name: 0.99 * draw.randint(0, 400) for name in wanted}
    if sum(room.values()) < sum(wanted.values()):
        room["a"] += sum(wanted.values())
    given, over = dict(wanted), 0.0
    for _ in range(10_000):
        given = {name: n + over / len(given) for name, n in given.items()}
        over = sum(max(n - room[name], 0) for name, n in given.items())
        given = {name: min(n, room[name]) for name, n in given.items()}
    assert snfs.spread(wanted, room) == pytest.approx(given, abs=1e-6)


def test_snfs_grows_fewer_where_positions_have_no_momentum():
    # Layer 0: 4 are left after the drop, 12 are free, 2 of these have momentum. It is to grow 10: those two, and of the
    # other 8, which fall on 14 equal zeros (10 free, 4 kept), 8 · 10 / 14 = 5.7 → 5.
    trainer = two_layers("snfs", **{"drop.initial": 0.5, "drop.final": 0.5})
    run = trainer.run
    momentum = torch.zeros(4, 4)
    momentum[3, 2:] = 1.0
    give_momentum(run, **{"0_weight": momentum})
    run.masks.drop(lowest=run.weights.abs(), n={"0.weight": 4, "1.weight": 0})
    grown = run.method._grows(run, run.method._momentum(run).abs(), {"0.weight": 10, "1.weight": 1})
    assert grown == {"0.weight": 2 + 5, "1.weight": 1}


def test_snfs_target_is_met_but_for_a_little():
    trainer = two_layers("snfs")
    assert trainer.run.method.meaning == "about"
    give_momentum(trainer.run, **{"1_weight": 3 * torch.ones(2, 4)})
    for step in range(1, 10):
        trainer.run.at(step)
        trainer._update(trainer.run.method.update_masks)
        assert abs(sum(trainer.run.masks.kept().values()) - 12) <= 2


def test_snfs_without_redistribution_keeps_every_layer_s_count():
    trainer = two_layers("snfs", redistribute=False)
    run = trainer.run
    give_momentum(run)
    trainer._update(run.method.update_masks)
    assert run.masks.kept() == {"0.weight": 8, "1.weight": 4}


def test_snfs_anneals_from_a_half_to_half_a_percent():
    drop = catalog.create("snfs", {}).drop
    assert [drop.fraction(step, 100) for step in (0, 50, 100)] == pytest.approx([0.5, 0.2525, 0.005])


def test_snfs_spares_nearly_dense_layers_that_want_more():
    run = prepared("snfs", TWO).run
    run.masks["0.weight"][0, :2] = 0  # 2 of 16 are zero: sparsity 1/8 < 0.2
    run.masks["1.weight"][1] = 0
    # min(1/8, 0.5) · 14 = 1.75 → 2, where its momentum is above average; otherwise 0.5 · 14 = 7. Layer 1: 0.5 · 4 = 2.
    assert run.method._drops(run, {"0.weight": 0.75, "1.weight": 0.25}) == {"0.weight": 2, "1.weight": 2}
    assert run.method._drops(run, {"0.weight": 0.25, "1.weight": 0.75}) == {"0.weight": 7, "1.weight": 2}


def test_snfs_momentum_gathers_the_dense_gradient():
    trainer = prepared("snfs", recipe={"optimizer": {"momentum": 0.9, "weight_decay": 0.0}})
    run = trainer.run
    put(run, [ROW, [0.0] * 8], [[1.0] * 4 + [0.0] * 4, [0.0] * 8])
    trainer._step(1)
    assert run.optimizer.state[run.parameters[NAME]]["momentum_buffer"].abs().min() > 0
    assert not run.weights[NAME][0, 4:].any()


def test_snfs_needs_momentum():
    trainer = prepared("snfs")
    trainer.run.masks[NAME][0, 0] = 0
    with pytest.raises(UserError, match=r"optimizer\.momentum is 0"):
        trainer.run.method.update_masks(trainer.run)
