"""Masks and schedules of methods on a network of two layers, worked out by hand.

The network: x = (1, 2), W1 = [[4, −3], [2.5, 1]], W2 = [[0.5, −0.6], [0.7, 0.2]], label 1, no nonlinearity. Sorted by
magnitude over both layers: 4, 3, 2.5, 1 | 0.7, 0.6, 0.5, 0.2, all of W1 before all of W2.
"""

import copy
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench import archs, catalog
from bench.allocation import ERK
from bench.errors import Collapsed
from bench.recipe.prunable import prunable
from bench.schedule import Timeline
from tests.methods.by_hand import linear, trainer_for

W1, W2 = [[4.0, -3.0], [2.5, 1.0]], [[0.5, -0.6], [0.7, 0.2]]
WIDE = (
    [[0.1 * (i + j) + 0.01 * i * j for j in range(10)] for i in range(20)],
    [[0.1 * (i - j) + 0.05 for j in range(20)] for i in range(2)],
)
DROPS = {"epochs": 1, "lr": 1.0, "schedule": "multistep", "milestones": [0.5, 0.8]}


def prepared(name, point=0.5, images=(1.0, 2.0), weights=(W1, W2), recipe=None, **fields):
    method = catalog.create(name, fields)
    return trainer_for(method, linear(*weights), [list(images)], [1], point, **({"train": DROPS} | (recipe or {})))


def updated(name, sparsity=0.5, **fields):
    """The masks of both layers after an update at a sparsity."""
    trainer = prepared(name, **fields)
    trainer.run.sparsity = sparsity
    trainer._update(trainer.run.method.update_masks)
    return [mask.tolist() for mask in trainer.run.masks.values()]


def fired(name, steps, drops=(), epoch=0, **fields):
    """The steps at which a method updates its masks in a training of that length."""
    schedule, timeline = catalog.create(name, fields).schedule, Timeline(steps, drops, epoch)
    return [step for step in range(steps) if schedule.fires(step, timeline)]


# -- magnitude: GMP, DPF, one-shot ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["magnitude", "dpf", "gmp"])
def test_magnitude_over_all_layers_and_within_each(name):
    # Half of eight: over both layers the four of W1; in each layer 4 3 | 0.7 0.6.
    assert updated(name, allocation="global") == [[[1, 1], [1, 1]], [[0, 0], [0, 0]]]
    assert updated(name, allocation="uniform") == [[[1, 1], [0, 0]], [[0, 1], [1, 0]]]


def test_the_default_allocations():
    assert updated("magnitude") == updated("dpf") == updated("gmp", allocation="global")
    assert updated("gmp") == updated("gmp", allocation="uniform")


def test_gmp_updates_from_step_20000_to_75000_of_97656_every_1000():
    assert fired("gmp", 97_656) == list(range(20_000, 75_001, 1000))


def test_gmp_ramp_at_start_middle_and_end():
    schedule, timeline = catalog.create("gmp", {}).schedule, Timeline(97_656)
    # 0.9 (1 − (1 − x)³) at x = 0, 1/2, 1: 0, 0.7875, 0.9. On sparsity: halfway 21.25 % are kept, not √0.1 = 31.6 %.
    steps = (0, 20_000, 47_500, 75_000, 97_655)
    assert [schedule.sparsity(s, 0.9, timeline) for s in steps] == pytest.approx([0, 0, 0.7875, 0.9, 0.9])


def test_gmp_masks_are_nested_whatever_the_pruned_weights_would_be_now():
    trainer = prepared("gmp", 0.75, allocation="global")
    run, before = trainer.run, None
    for sparsity in (0.25, 0.5, 0.75):
        run.sparsity = sparsity
        trainer._update(run.method.update_masks)
        trainer._step(1)  # no update: rate 1 moves what is kept by far
        assert before is None or all(bool((run.masks[name] <= before[name]).all()) for name in before)
        before = run.masks.clone()
    assert run.masks.sparsity() == 0.75


def test_gmp_with_weights_that_live_on_may_bring_one_back():
    trainer = prepared("gmp", zeros="alive")
    run = trainer.run
    run.sparsity = 0.5
    trainer._update(run.method.update_masks)
    run.weights["0.weight"][1, 1] = 9.0  # the 1, pruned, grew under the mask
    trainer._update(run.method.update_masks)
    assert run.masks["0.weight"].tolist() == [[1, 0], [0, 1]]


def test_magnitude_trains_densely_prunes_once_and_fine_tunes():
    dense, tuned = catalog.create("magnitude", {}).stages((0.9,))
    assert (dense.name, dense.phase, dense.method.name, dense.sparsity) == ("pretrain", "train", "dense", 0.0)
    assert (tuned.phase, tuned.parents, tuned.sparsity, tuned.yields) == ("finetune", ("pretrain",), 0.9, (0.9,))
    assert fired("magnitude", 20) == [0]


def test_dpf_updates_when_the_next_step_is_a_multiple_of_16_until_the_second_drop():
    assert fired("dpf", 200, drops=(0.25, 0.5)) == [15, 31, 47, 63, 79, 95, 100]
    schedule, timeline = catalog.create("dpf", {}).schedule, Timeline(200, (0.25, 0.5))
    # T = 100: 0.9 (1 − (1 − t/T)³) at 0, 50 and 100.
    assert [schedule.sparsity(s, 0.9, timeline) for s in (0, 50, 100, 199)] == pytest.approx([0, 0.7875, 0.9, 0.9])


def test_dpf_ranks_the_latent_weights_and_not_the_masked_ones():
    trainer = prepared("dpf")
    run = trainer.run
    run.sparsity = 0.5
    trainer._update(run.method.update_masks)
    run.weights["1.weight"][0, 0] = -8.0  # pruned, and now the largest of all; W1's 1 has to go
    trainer._update(run.method.update_masks)
    assert [mask.tolist() for mask in run.masks.values()] == [[[1, 1], [1, 0]], [[1, 0], [0, 0]]]


# -- at initialisation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["random", "snip", "force", "iterative_snip", "grasp_it", "grasp", "synflow"])
def test_pruning_at_initialisation_happens_before_the_first_step_and_never_again(name):
    assert fired(name, 50, epoch=10) == [0]


@pytest.mark.parametrize("name", ["snip", "grasp"])
def test_the_scale_of_the_loss_does_not_change_the_ranking(name, monkeypatch):
    fields = {"parts": 1} if name == "grasp" else {}
    plain = updated(name, **fields)
    trainer = prepared(name, **fields)
    run = trainer.run
    gradients, product = run.gradients, run.hessian_product
    monkeypatch.setattr(run, "gradients", lambda *a, **k: gradients(*a, **k) * 1000.0)
    monkeypatch.setattr(run, "hessian_product", lambda *a, **k: product(*a, **k) * 1000.0)
    trainer._update(run.method.update_masks)
    assert [mask.tolist() for mask in run.masks.values()] == plain


@pytest.mark.parametrize("name", ["snip", "force", "iterative_snip", "grasp_it"])
def test_signed_gradients_are_averaged_before_the_absolute_value(name):
    # One layer W = [[1, 1], [1, 1]], logits alike, δ = (½, −½) for label 1 whatever x. The images (1, 2) and (−1, 2)
    # have ∂L/∂W = [[½, 1], [−½, −1]] and [[−½, 1], [½, −1]]: their mean is [[0, 1], [0, −1]].
    fields = {"batches": 2} | ({} if name == "snip" else {"loss": "cross_entropy"})
    trainer = trainer_for(catalog.create(name, fields), linear([[1.0, 1.0], [1.0, 1.0]]), [[1.0, 2.0]], [1], 0.5)
    images, labels = trainer.run.batches.batch
    trainer.run.batches.scoring = lambda number, *keys: (images * torch.tensor([(-1.0) ** number, 1.0]), labels)
    assert trainer.run.method.saliency(trainer.run)["0.weight"].tolist() == [[0, 1], [0, 1]]


def test_snip_without_any_score_collapses():
    zeros = [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(Collapsed, match="only 0 saliencies in 2 layers together are not 0, 4 needed"):
        updated("snip", weights=(zeros, zeros))


def test_biases_and_batch_norm_are_never_pruned():
    model = archs.create("resnet8_cifar", 10, 3, 32)
    found = prunable(model, "all")
    assert all(parameter.dim() in (2, 4) for parameter in found.values())
    assert {"conv1.weight", "layer2.0.downsample.0.weight", "fc.weight"} <= set(found)


@pytest.mark.parametrize(("name", "more"), [("force", 0), ("iterative_snip", 0), ("grasp_it", 0), ("synflow", 1)])
@pytest.mark.parametrize(("ramp", "counts"), [("exponential", [121, 61, 31]), ("linear", [170, 100, 31])])
def test_counts_of_the_rounds(name, more, ramp, counts):
    # 13 % of 240 in three rounds: 240 · 0.13^(t/3) is 121.6, 61.6 and 31.2, and 240 (1 − 0.29 t) is 170.4, 100.8 and
    # 31.2. The code of the first three keeps int(that), SynFlow's removes int(what is not kept): one more is kept.
    trainer = prepared(name, 0.87, [0.1 + 0.1 * i for i in range(10)], WIDE, ramp=ramp, **{"ramp.steps": 3})
    run, seen = trainer.run, []
    keep = run.masks.keep
    run.masks.keep = lambda *scores, **goal: (keep(*scores, **goal), seen.append(sum(run.masks.kept().values())))
    trainer._update(run.method.update_masks)
    assert seen == [count + more for count in counts]


@pytest.mark.parametrize("name", ["random", "snip", "force", "iterative_snip", "grasp_it", "grasp", "synflow"])
def test_training_starts_from_the_weights_that_were_scored(name):
    fields = {"parts": 1} if name == "grasp" else {}
    trainer = prepared(name, images=[0.1 + 0.1 * i for i in range(10)], weights=WIDE, **fields)
    before = copy.deepcopy(trainer.run.model.state_dict())
    trainer._update(trainer.run.method.update_masks)
    for key, weight in trainer.run.weights.items():
        assert torch.equal(weight, before[key] * trainer.run.masks[key])


# -- sparse from the start -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        # 200 and 40 weights, a quarter of them kept: 60. ER and ERK are the same for matrices: raw·n = out + in, so 30
        # and 22, scale 60/52: 34.6 and 25.4. Uniform: a quarter of each.
        *[("rigl", [35, 25]), ("set", [35, 25]), ("snfs", [50, 10]), ("dsr", [50, 10])],
        ("granet[schedule.initial=0.75]", [35, 25]),
    ],
)
def test_random_masks_to_begin_with_have_exact_counts(name, counts):
    name, fields = catalog.parse(name)
    recipe = {"optimizer": {"momentum": 0.9, "weight_decay": 0.0}}
    trainer = prepared(name, 0.75, [0.1] * 10, WIDE, recipe, **fields)
    trainer.run.at(0)
    trainer._update(trainer.run.method.on_train_start)
    assert list(trainer.run.masks.kept().values()) == counts
    again = prepared(name, 0.75, [0.1] * 10, WIDE, recipe, **fields)
    again.run.at(0)
    again._update(again.run.method.on_train_start)
    assert again.run.masks.digest() == trainer.run.masks.digest()


@pytest.mark.parametrize("name", ["rigl", "set", "dsr"])
def test_the_number_of_active_weights_never_changes(name):
    fields = {"schedule": "periodic[every=2]"} | ({"threshold": 0.5, "moved": 0.05} if name == "dsr" else {})
    recipe = {"optimizer": {"momentum": 0.9, "weight_decay": 0.01}, "train": DROPS | {"lr": 0.01}}
    trainer = prepared(name, 0.75, [0.1 * i for i in range(10)], WIDE, recipe, **fields)
    run, layers, flips = trainer.run, [], 0
    trainer._update(run.method.on_train_start)
    for step in range(1, 10):
        before = run.masks.clone()
        trainer._step(step)
        layers.append(tuple(run.masks.kept().values()))
        flips += sum(int((run.masks[key] != before[key]).sum()) for key in before)
    assert flips > 0
    assert {sum(counts) for counts in layers} == {60}
    if name in ("rigl", "set"):
        assert len(set(layers)) == 1, "every layer keeps its own count"


def test_rigl_updates_every_100_steps_below_75000_of_97656():
    assert fired("rigl", 97_656) == list(range(0, 75_000, 100))


def test_rigl_drop_fraction_at_start_middle_and_end():
    trainer = prepared("rigl", 0.75, [0.1] * 10, WIDE, **{"schedule.until": 0.8, "schedule.every": 1})
    run, counts = trainer.run, []
    run.masks.drop = lambda lowest, n: counts.append(tuple(n.values()))
    run.masks.grow = lambda highest, n: None
    for mask, kept in zip(run.masks.values(), (100, 40), strict=True):
        mask.flatten()[kept:] = 0
    for step in (0, 4, 7):  # T_end is step 8
        run.at(step)
        run.method.update_masks(run)
    # int(f · 100) and int(f · 40), f = 0.15 (1 + cos(π t / 8)): 0.3, 0.15, 0.15 (1 − 0.92388) = 0.01142
    assert counts == [(30, 12), (15, 6), (1, 0)]


def granet_update(gradients):
    """The run after an update that prunes to three of eight, 4 3 2.5, and regenerates ceil(0.5 · 3) = 2 of W1."""
    recipe = {"optimizer": {"momentum": 0.9, "weight_decay": 0.0}}
    trainer = prepared("granet", 0.9, recipe=recipe)
    run = trainer.run
    trainer._step(1)  # gives the optimizer its momentum buffers
    for name, rows in (("0.weight", W1), ("1.weight", W2)):
        run.weights[name].copy_(torch.tensor(rows))
        run.optimizer.state[run.parameters[name]]["momentum_buffer"].fill_(7.0)
    run.state["gradient.0.weight"].copy_(torch.tensor(gradients))
    run.state["gradient.1.weight"].zero_()
    run.at(0)
    run.sparsity = 0.625
    trainer._update(run.method.update_masks)
    return run, run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"]


def test_granet_grows_what_the_ramp_just_pruned_at_zero_without_momentum():
    # The ramp prunes W1's 1; 3 and 2.5 are dropped; grown are the 1 and the 2.5.
    run, momentum = granet_update([[0.0, 1.0], [2.0, 9.0]])
    assert run.masks["0.weight"].tolist() == [[1, 0], [1, 1]]
    assert run.masks["1.weight"].tolist() == [[0, 0], [0, 0]]
    assert run.weights["0.weight"].tolist() == [[4, 0], [2.5, 0]]
    assert momentum.tolist() == [[7, 0], [7, 0]]


def test_granet_gives_back_what_it_dropped_with_value_and_momentum():
    run, momentum = granet_update([[0.0, 9.0], [8.0, 1.0]])
    assert run.weights["0.weight"].tolist() == [[4, -3], [2.5, 0]]
    assert momentum.tolist() == [[7, 7], [7, 0]]


def test_granet_anneals_over_the_whole_training():
    drop = catalog.create("granet", {}).drop
    assert [drop.fraction(step, 100) for step in (0, 50, 100)] == pytest.approx([0.5, 0.2525, 0.005])


def test_dsr_periods_double_at_epochs_25_80_and_140_of_200_and_end_at_190():
    found = fired("dsr", 200 * 500)  # 500 steps an epoch: batches of 100
    assert found[:3] == [100, 200, 300]
    for epoch, period in ((10, 100), (50, 200), (100, 400), (150, 800)):
        inside = [step for step in found if epoch * 500 <= step < (epoch + 10) * 500]
        assert {b - a for a, b in pairwise(inside)} == {period}
    assert found[-1] < 190 * 500


# -- allocation ----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(2, 60), min_size=2, max_size=6), st.floats(0.05, 0.95))
def test_erk_leaves_larger_square_layers_sparser(widths, sparsity):
    shapes = {str(i): (width, width, 3, 3) for i, width in enumerate(sorted(widths))}
    units = {name: math.prod(shape) for name, shape in shapes.items()}
    densities = list(ERK().densities(shapes, units, sparsity).values())
    assert all(a >= b - 1e-12 for a, b in pairwise(densities))


def test_erk_of_a_resnet20_at_90_percent_has_dense_small_layers_and_the_right_total():
    model = archs.create("resnet20_cifar", 10, 3, 32)
    shapes = {name: tuple(weight.shape) for name, weight in prunable(model, "all").items()}
    units = {name: math.prod(shape) for name, shape in shapes.items()}
    densities = ERK().densities(shapes, units, 0.9)
    # raw = sum / product: conv1 25/432, fc 74/640, the 1×1 shortcuts 50/512 and 98/2048, the largest 3×3 134/36,864.
    assert densities["fc.weight"] == densities["layer2.0.downsample.0.weight"] == 1
    assert densities["layer3.2.conv2.weight"] < 0.1
    total = sum(units.values())
    assert sum(densities[name] * units[name] for name in units) == pytest.approx(0.1 * total)
    assert abs(sum(group.keep for group in ERK().groups(shapes, units, 0.9)) - 0.1 * total) < len(units) / 2
