"""SET, SNFS, Top-KAST, GraNet and DSR: single updates, worked out by hand."""

import random

import pytest
import torch

from bench import catalog
from bench.errors import UserError
from bench.tensors import NamedTensors
from methods import snfs
from tests.methods.by_hand import linear, trainer_for

NAME = "0.weight"
ROW = [4.0, -3.0, 2.0, -1.0, 0.0, 0.0, 0.0, 0.0]


def prepared(name, rows=(ROW,), point=0.5, recipe=None, **fields):
    """A trainer on a chain of one-row layers; every layer after the first is scaled by one weight."""
    model = linear([list(rows[0])] * 2) if len(rows) == 1 else linear(*rows)
    inputs = len(rows[0]) if len(rows) == 1 else len(rows[0][0])
    return trainer_for(catalog.create(name, fields), model, [[1.0] * inputs], [0], point, **(recipe or {}))


def put(run, weights, mask, momentum=None, name=NAME):
    """Set weights, mask and momentum of a layer."""
    run.weights[name].copy_(torch.tensor(weights))
    run.masks[name].copy_(torch.tensor(mask))
    if momentum is not None:
        buffer = torch.tensor(momentum, dtype=torch.float64)
        run.optimizer.state[run.parameters[name]]["momentum_buffer"] = buffer


def draws(monkeypatch, run, **values):
    """Let `run.random` or `run.gradients` return given values."""
    for function, tensors in values.items():
        named = NamedTensors({name: torch.tensor(value, dtype=torch.float64) for name, value in tensors.items()})
        monkeypatch.setattr(type(run), function, lambda self, *args, named=named: named)


# -- SET ------------------------------------------------------------


def set_update(monkeypatch, draw, **fields):
    run = (trainer := prepared("set", **{"drop": 0.5} | fields)).run
    row = [4.0, 3.0, 2.0, 1.0, -0.5, 0.0, 0.0, 0.0]
    mask = [1.0] * 5 + [0.0] * 3
    put(run, [row, row], [mask, [0.0] * 8], [[7.0] * 5 + [0.0] * 3, [0.0] * 8])
    run.mask_weights()
    draws(monkeypatch, run, random={NAME: [draw, [0.1] * 8]})
    run.at(5)
    trainer._update(run.method.update_masks)
    return run


def test_set_drops_a_fraction_of_each_sign(monkeypatch):
    # Positive: 4 3 2 1. The code keeps what is above the third smallest, ⌊0.5 · 4⌋ = 2 places after the first: 4.
    # Negative: ⌊0.5 · 1⌋ = 0 are kept. Four go, and the four free positions with the largest draws come.
    run = set_update(monkeypatch, [0, 0, 0, 0.2, 0, 0.8, 0.9, 0.3])
    assert run.masks[NAME][0].tolist() == [1, 0, 0, 1, 0, 1, 1, 1]
    assert run.weights[NAME][0].tolist() == [4, 0, 0, 0, 0, 0, 0, 0]


def kept_by_threshold(row, fraction):
    """What the authors' code keeps of a layer with free positions: beyond two of its sorted values."""
    values = torch.tensor(row).sort().values
    negative, positive = int((values < 0).sum()), int((values > 0).sum())
    below = values[int((1 - fraction) * negative)]
    above = values[min(len(values) - 1, len(values) - positive + int(fraction * positive))]
    return [bool(value < below or value > above) for value in row]


@pytest.mark.parametrize("seed", range(20))
def test_set_keeps_what_lies_beyond_the_thresholds_of_the_code(monkeypatch, seed):
    draw = random.Random(seed)
    row = [draw.choice([0.0, draw.gauss(draw.choice([-0.5, 0, 0.5]), 1)]) for _ in range(40)] + [0.0]
    mask = [float(value != 0 or draw.random() < 0.2) for value in row[:-1]] + [0.0]  # some that are active are 0
    run = prepared("set", ([row], [[1.0]])).run
    run.masks[NAME].copy_(torch.tensor([mask]))
    left = {}
    grow = run.masks.grow
    monkeypatch.setattr(run.masks, "grow", lambda **given: (left.update(run.masks.clone()), grow(**given)))
    run.at(5)
    run.method.update_masks(run)
    assert left[NAME][0].tolist() == kept_by_threshold(row, 0.3)
    assert int(run.masks[NAME].sum()) == sum(mask)


def test_set_drops_by_magnitude_if_asked(monkeypatch):
    # |w|: 4 3 2 1 0.5; int(2.5) = 2 go: −0.5 and 1.
    run = set_update(monkeypatch, [0, 0, 0, 0.2, 0, 0.8, 0.9, 0.3], split_signs=False)
    assert run.masks[NAME][0].tolist() == [1, 1, 1, 0, 0, 1, 1, 0]


def test_set_starts_a_weight_that_is_drawn_again_at_zero(monkeypatch):
    run = set_update(monkeypatch, [0, 0, 0.1, 0.95, 0, 0.8, 0.2, 0.3], split_signs=False)
    assert run.masks[NAME][0].tolist() == [1, 1, 1, 1, 0, 1, 0, 0]
    assert run.weights[NAME][0].tolist() == [4, 3, 2, 0, 0, 0, 0, 0]
    momentum = run.optimizer.state[run.parameters[NAME]]["momentum_buffer"]
    assert momentum[0].tolist() == [7, 7, 7, 0, 0, 0, 0, 0], "others keep their momentum"


def test_set_begins_with_a_new_optimizer_as_the_code_does(monkeypatch):
    run = set_update(monkeypatch, [0, 0, 0, 0.2, 0, 0.8, 0.9, 0.3])
    assert not any(bool(state["momentum_buffer"].any()) for state in run.optimizer.state.values())


def test_set_anneals_its_fraction_only_if_asked():
    for anneal, expected in ((False, [0.3, 0.3, 0.3]), (True, [0.3, 0.15, 0.0])):
        run = prepared("set", anneal=anneal).run
        found = []
        for step in (0, 5, 10):  # of ten
            run.step = step
            found.append(run.method._fraction(run))
        assert found == pytest.approx(expected)


# -- Top-KAST ------------------------------------------------------------


def topkast(decay=0.0, momentum=0.0, **fields):
    """Both rows 4 −3 2 −1 0.5 0.4 0.3 0.2 (16 weights) at 75 %: A is 4 −3 of each row; B, twice as many, adds 2 −1."""
    recipe = {"optimizer": {"momentum": momentum, "weight_decay": decay}}
    trainer = prepared("topkast", point=0.75, recipe=recipe, **fields)
    row = [4.0, -3.0, 2.0, -1.0, 0.5, 0.4, 0.3, 0.2]
    trainer.run.weights[NAME].copy_(torch.tensor([row, row]))
    return trainer, row


def test_topkast_uses_a_trains_b_and_freezes_the_rest():
    trainer, row = topkast()
    trainer._step(0)
    run = trainer.run
    assert run.masks[NAME].tolist() == [[1, 1, 0, 0, 0, 0, 0, 0]] * 2
    assert run.state[f"trained.{NAME}"].tolist() == [[1, 1, 1, 1, 0, 0, 0, 0]] * 2
    # Logits (1, 1), label 0: δ = (−½, ½), inputs 1, rate 1: row 0 gains ½ on B, row 1 loses ½ on B.
    assert run.weights[NAME][0].tolist() == pytest.approx([4.5, -2.5, 2.5, -0.5, *row[4:]])
    assert run.weights[NAME][1].tolist() == pytest.approx([3.5, -3.5, 1.5, -1.5, *row[4:]])


def test_topkast_penalty_is_larger_by_one_over_density_on_the_rim():
    trainer, row = topkast(decay=0.1)
    trainer._step(0)
    # On A 0.1 w; on B minus A 0.1 w / 0.25 = 0.4 w: 2 → 2 + ½ − 0.8, −1 → −1 + ½ + 0.4; none outside.
    expected = [4 + 0.5 - 0.4, -3 + 0.5 + 0.3, 2 + 0.5 - 0.8, -1 + 0.5 + 0.4, *row[4:]]
    assert trainer.run.weights[NAME][0].tolist() == pytest.approx(expected)


def test_topkast_lets_no_momentum_or_decay_move_frozen_weights():
    trainer, row = topkast(decay=0.1, momentum=0.9)
    for step in range(4):
        trainer._step(step)
    assert trainer.run.weights[NAME][0, 4:].tolist() == torch.tensor(row[4:]).tolist()
    assert not any(key.startswith("before") for key in trainer.run.state), "nothing of a step reaches a checkpoint"


def test_topkast_returns_with_the_latent_value_and_without_old_momentum():
    trainer, _ = topkast(momentum=0.9)
    run = trainer.run
    trainer._step(0)
    run.weights[NAME][:, 4] = 9.0
    run.optimizer.state[run.parameters[NAME]]["momentum_buffer"].fill_(7.0)
    trainer._update(run.method.update_masks)
    assert run.masks[NAME][0].tolist() == [1, 0, 0, 0, 1, 0, 0, 0]
    assert run.export()[NAME][0, 4] == 9
    momentum = run.optimizer.state[run.parameters[NAME]]["momentum_buffer"]
    assert momentum[:, 4].tolist() == [0, 0]
    assert momentum[0, 0] == 7


def test_topkast_backward_sparsity_may_be_given():
    trainer, _ = topkast(backward=0.25)
    trainer.run.method.update_masks(trainer.run)
    assert int(trainer.run.state[f"trained.{NAME}"].sum()) == 12


# -- SNFS ------------------------------------------------------------

TWO = ([[1.0] * 4] * 4, [[1.0] * 4] * 2)  # layers of 16 and 8 weights


def two_layers(name, **fields):
    """Layer 0 keeps eight weights (1 … 8), layer 1 four (10 … 13)."""
    trainer = prepared(name, TWO, **fields)
    run = trainer.run
    first = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [0.0] * 4, [0.0] * 4]
    second = [[10.0, 11.0, 12.0, 13.0], [0.0] * 4]
    put(run, first, [[1.0] * 4] * 2 + [[0.0] * 4] * 2, name="0.weight")
    put(run, second, [[1.0] * 4, [0.0] * 4], name="1.weight")
    return trainer


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


# -- GraNet ------------------------------------------------------------


def test_granet_prunes_over_all_layers_and_regenerates_within_each():
    trainer = two_layers("granet", **{"drop.initial": 0.5, "drop.final": 0.5})
    run = trainer.run
    gradients = {"0.weight": [[0.0] * 4] * 3 + [[0.0, 0.0, 8.0, 9.0]], "1.weight": [[0.0] * 4, [9.0, 0.0, 0.0, 0.0]]}
    run.state.update({f"gradient.{name}": torch.tensor(rows) for name, rows in gradients.items()})
    run.sparsity, run.target = 0.75, 0.9  # six of 24: 7 8 in layer 0, 10 11 12 13 in layer 1
    trainer._update(run.method.update_masks)
    # Layer 0 drops the 7 and grows one, layer 1 drops 10 and 11 and grows two: the 9, and one of its zeros.
    assert run.masks.kept() == {"0.weight": 2, "1.weight": 4}
    assert run.weights["0.weight"].flatten().nonzero().flatten().tolist() == [7]
    assert run.masks["0.weight"][3].tolist() == [0, 0, 0, 1]
    assert run.masks["1.weight"][1, 0] == 1
    assert run.masks["1.weight"][0, 2:].tolist() == [1, 1]


def test_granet_starts_dense_or_from_a_random_sparse_mask():
    for initial, sparsity in ((0.0, 0.0), (0.5, 0.5)):
        run = prepared("granet", TWO, point=0.75, **{"schedule.initial": initial}).run
        run.at(0)
        run.method.on_train_start(run)
        assert run.masks.sparsity() == pytest.approx(sparsity, abs=1 / 24)


def test_granet_goes_on_regenerating_after_the_ramp():
    trainer = prepared("granet", TWO, point=0.75, **{"schedule.every": 2})
    fires = [step for step in range(10) if trainer.run.method.schedule.fires(step, trainer.run.timeline)]
    assert fires == [2, 4, 5, 6, 8]  # the ramp ends at 5 with an update of its own
    assert [trainer.run.method.schedule.sparsity(s, 0.75, trainer.run.timeline) for s in (5, 8)] == [0.75, 0.75]


def batches_of_their_own(trainer, steps):
    """Let every step of a trainer see four images that no other sees."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(steps, 4, 8, generator=draw, dtype=torch.float64)
    labels = torch.arange(4) % 2
    trainer.run.batches.train = lambda epoch, index, **keys: (images[index], labels)
    return images, labels


def test_granet_grows_by_the_gradient_of_the_batch_of_the_step_just_made():
    recipe = {"optimizer": {"momentum": 0.9, "weight_decay": 0.1}, "label_smoothing": 0.2, "batch_size": 4}
    trainer = prepared("granet", point=0.5, recipe=recipe, **{"schedule.every": 3, "schedule.initial": 0.5})
    run = trainer.run
    images, labels = batches_of_their_own(trainer, 4)
    trainer._update(run.method.on_train_start)
    for step in range(3):
        weight, mask = run.weights[NAME].clone(), run.masks[NAME].clone()
        trainer._step(step)
    logits = images[2] @ (weight * mask).T  # of the last step, at the weights before it
    target = torch.full_like(logits, 0.1)
    target[range(4), labels] += 0.8
    slope = ((logits.softmax(1) - target) / 4).T @ images[2]  # ∂/∂W of the mean over the batch; no decay in it
    assert torch.allclose(run.state[f"gradient.{NAME}"], slope, rtol=1e-12)
    assert run.state[f"gradient.{NAME}"][mask == 0].abs().min() > 0, "pruned positions have one too"
    # Half of the 16 weights are kept. Of these ceil(8 · (0.005 + 0.2475 (1 + cos 0.3π))) = ceil(3.18) = 4 are dropped,
    # and four grown of the twelve that are then free.
    keep = torch.zeros(16)
    keep[run.weights[NAME].abs().flatten().argsort(descending=True)[:4]] = 1
    keep[(slope.abs().flatten() * (1 - keep)).argsort(descending=True)[:4]] = 1
    trainer._step(3)
    assert run.masks[NAME].flatten().tolist() == keep.tolist()
    assert keep.tolist() != mask.flatten().tolist()


def test_granet_st_begins_with_a_period_without_an_update():
    trainer = prepared("granet", point=0.5, **{"schedule.every": 3, "schedule.initial": 0.5})
    run = trainer.run
    batches_of_their_own(trainer, 4)
    trainer._update(run.method.on_train_start)
    start = run.masks.digest()
    for step in range(3):
        trainer._step(step)
        assert run.masks.digest() == start
    trainer._step(3)
    assert run.masks.digest() != start
    assert trainer.progress.mask_updates == 1


def test_granet_regenerates_nothing_before_there_is_a_gradient():
    trainer = prepared("granet", point=0.5, **{"schedule.every": 3, "schedule.offset": 0, "schedule.initial": 0.5})
    trainer._update(trainer.run.method.on_train_start)
    start = trainer.run.masks.digest()
    assert trainer.run.method.schedule.fires(0, trainer.run.timeline)
    trainer._update(trainer.run.method.update_masks)
    assert trainer.run.masks.digest() == start


def test_granet_leaves_no_gradients_in_a_finished_stage():
    trainer = prepared("granet", **{"schedule.every": 3})
    batches_of_their_own(trainer, 10)
    trainer.train()
    assert not trainer.run.state


def test_granet_keeps_active_zeros_before_pruned_ones():
    run = (trainer := prepared("granet", **{"drop.initial": 0.0, "drop.final": 0.0})).run
    put(run, [ROW, [0.0] * 8], [[1.0] * 6 + [0.0] * 2, [0.0] * 8])
    run.sparsity = run.target = 1 - 6 / 16
    trainer._update(run.method.update_masks)
    assert run.masks[NAME][0].tolist() == [1] * 6 + [0] * 2


# -- DSR ------------------------------------------------------------


def test_dsr_drops_below_one_threshold_and_grows_by_size(monkeypatch):
    trainer = two_layers("dsr", threshold=3.5, moved=3 / 24)
    run = trainer.run
    trainer._update(run.method.update_masks)
    # Below 3.5: 1 2 3 of layer 0, none of layer 1. Left 5 and 4: shares of three 1.67 and 1.33 → 2 and 1.
    assert run.masks.kept() == {"0.weight": 5 + 2, "1.weight": 4 + 1}
    assert run.masks["0.weight"][0].tolist() == [0, 0, 0, 1], "what was just dropped is not grown"
    assert float(run.state["threshold"]) == 3.5  # exactly the goal of three


def test_dsr_threshold_moves_by_factors_of_two_outside_ten_percent():
    for goal, expected in ((3 / 24, 3.5), (4 / 24, 7.0), (2 / 24, 1.75)):
        trainer = two_layers("dsr", threshold=3.5, moved=goal)
        trainer._update(trainer.run.method.update_masks)
        assert float(trainer.run.state["threshold"]) == expected


def test_dsr_keeps_a_weight_in_every_layer():
    run = two_layers("dsr", threshold=1e3).run
    assert run.method._below(run) == {"0.weight": 7, "1.weight": 3}


def test_dsr_grows_new_weights_at_zero_with_their_old_momentum():
    trainer = two_layers("dsr", threshold=3.5)
    run = trainer.run
    buffer = torch.full((4, 4), 7.0, dtype=torch.float64)
    run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"] = buffer
    before = run.masks["0.weight"].clone()
    trainer._update(run.method.update_masks)
    new = (run.masks["0.weight"] == 1) & (before == 0)
    assert run.weights["0.weight"][new].tolist() == [0, 0]
    assert buffer[new].tolist() == [7, 7]
