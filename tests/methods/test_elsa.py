"""ELSA: nested levels of any sparsifier, whose frozen weights do not move by a bit."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import bench.training.train
from bench import catalog
from bench.context import Run
from bench.counting.macs import TrainingMacs
from bench.data import DATASETS
from bench.errors import Interrupted, UserError
from bench.method import Stage
from bench.optimization import NORMS
from bench.plan.lineage import identify, stages_of
from bench.recipe import Recipe
from bench.recipe.prunable import prunable
from bench.spec import RunSpec
from bench.training.run import execute
from bench.training.train import Trainer
from methods.elsa import Level
from tests.contract.harness import ADAMW, RESNET, VALUES, Laboratory
from tests.methods.by_hand import OneBatch, linear

LEVELS = (0.9, 0.5, 0.0)
SLOW = {"epochs": 1, "lr": 0.001}  # evaluation mode does not hold activations within bounds
SHORT: dict[str, Any] = {"train": {"epochs": 1, "lr": 0.05}, "finetune": {"epochs": 1, "lr": 0.02}}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A results folder."""
    yield Laboratory(tmp_path_factory.mktemp("elsa"))
    DATASETS.pop("tiny", None)


def spec_of(method, points, **changes):
    """Six steps per phase."""
    name, fields = catalog.parse(method)
    return identify(
        RunSpec(
            dataset="tiny",
            architecture=RESNET,
            method=name,
            hyperparameters=fields,
            points=points,
            seed=0,
            recipe=Recipe.read(VALUES | SHORT | changes, "the tests of elsa"),
            recipe_text="contract",
        )
    )


def carried_out(lab, method, points=LEVELS, results=None, **changes):
    """The record, the exported networks and the spec of a run."""
    spec = spec_of(method, points, **changes)
    found = execute(spec, results or lab.results)
    assert (found.outcome, found.reason) == ("ok", "")
    folder = (results or lab.results) / "runs" / found.id
    return found, [load_file(folder / result.weights) for result in found.results], spec


def weights_of(found):
    """The names of the prunable tensors."""
    return [layer.name for layer in found.results[0].layers if layer.prunable]


# -- by hand --------------------------------------------------------------------------------------------------------


def by_hand(method, parent, weights, **recipe):
    """A stage of a later level on two linear layers; `parent` are mask and weights of the sparser level."""
    values = {
        "batch_size": 1,
        "train": {"epochs": 1, "lr": 1.0},
        "optimizer": {"momentum": 0.9, "weight_decay": 0.5},
        "precision": "fp64",
    } | recipe
    batches = OneBatch(torch.tensor([[1.0, 2.0]], dtype=torch.float64), torch.tensor([1]))
    model = linear(*weights).double()
    stage = Stage("later", 0.5, parents=("sparser",), method=method, yields=(0.5,))
    run = Run(
        method, model, prunable(model, "all"), Recipe.read(values, "by hand"), batches, stage, 0, lambda name: parent
    )
    method.build(run)
    with torch.no_grad():  # what the engine does with the first parent
        model.load_state_dict(parent["model"])
    sizes = {name: weight.numel() for name, weight in run.weights.items()}
    return Trainer(run, TrainingMacs(dict.fromkeys(sizes, 1), sizes, method.zeros))


INITIAL = [[1.0, 0.25], [0.5, -1.0]], [[1.0, -1.0], [0.125, 2.0]]
SPARSER = {
    "model": {
        "0.weight": torch.tensor([[0.0, 0.0], [0.0, 0.0625]], dtype=torch.float64),
        "1.weight": torch.tensor([[0.0, -3.0], [0.0, 0.0]], dtype=torch.float64),
    },
    "masks": {
        "0.weight": torch.tensor([[False, False], [False, True]]),
        "1.weight": torch.tensor([[False, True], [False, False]]),
    },
}


def level(of="gmp[schedule.every=2, schedule.start=0.0, schedule.until=0.6]", **fields):
    """A later level of a method."""
    return Level(of=of, earlier=("sparser",), opens=True, **fields)


def begun(**fields):
    """The two layers' weights at the start of a level."""
    trainer = by_hand(level(**fields), SPARSER, INITIAL)
    trainer._update(trainer.run.method.on_train_start)
    assert all(bool((mask == 1).all()) for mask in trainer.run.masks.values())
    return [weight.tolist() for weight in trainer.run.weights.values()]


def test_free_weights_begin_as_the_option_says_beside_the_frozen_ones():
    assert begun(free="zeros") == [[[0, 0], [0, 0.0625]], [[0, -3], [0, 0]]]
    # Initial values everywhere but at the two frozen positions.
    assert begun(free="original") == [[[1, 0.25], [0.5, 0.0625]], [[1, -3], [0.125, 2]]]
    first, second = (torch.tensor(weight) for weight in begun(free="small"))
    assert (float(first[1, 1]), float(second[0, 1])) == (0.0625, -3.0)
    # Standard deviations of the initial layers: mean 0.1875, squares .66 + .004 + .098 + 1.41 over 3 → 0.85; and 1.29.
    # A tenth of it, times a standard normal draw: beyond five of those once in a million.
    free = torch.cat([first.flatten()[:3], second.flatten()[[0, 2, 3]]]).abs()
    assert float(free.min()) > 0
    assert float(free.max()) < 5 * 0.129


def test_the_ramp_keeps_what_is_frozen_however_small_it_is():
    trainer = by_hand(level(), SPARSER, INITIAL)
    run = trainer.run
    trainer._update(run.method.on_train_start)
    # |w| at the start: W1 = 1 .25 .5 (.0625), W2 = 1 (3) .125 2; GMP prunes each layer alone.
    # The schedule fires at 0, 2, 4 and 6 = 0.6 · 10; ramp 0.5·(1 − (1 − t/6)³): 0 at step 0, half way 0.4375, 0.5 at 6.
    run.at(0)
    trainer._update(run.method.update_masks)
    assert run.masks.kept() == {"0.weight": 4, "1.weight": 4}
    run.at(3)
    assert run.sparsity == pytest.approx(0.4375)
    run.at(6)
    trainer._update(run.method.update_masks)
    # Two of four in each layer: the frozen one, and the largest of the others.
    assert run.masks["0.weight"].tolist() == [[1, 0], [0, 1]]
    assert run.masks["1.weight"].tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize("optimizer", [{"momentum": 0.9, "weight_decay": 0.5}, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("of", ["gmp[schedule.every=2, schedule.start=0.0, schedule.until=0.6]", "dpf", "topkast"])
def test_momentum_and_decay_move_the_free_weights_only(of, optimizer):
    trainer = by_hand(
        level(of),
        SPARSER,
        INITIAL,
        optimizer=optimizer,
        train={"epochs": 1, "lr": 0.1, "schedule": "multistep", "milestones": [0.2, 0.6]},
    )
    trainer.train()
    run = trainer.run
    assert float(run.weights["0.weight"][1, 1]) == 0.0625
    assert float(run.weights["1.weight"][0, 1]) == -3.0
    assert float(run.weights["1.weight"][1, 1]) != 2.0
    assert run.masks.kept() == {"0.weight": 2, "1.weight": 2} or of == "dpf"
    state = run.optimizer.state[run.parameters["0.weight"]]
    momentum = state["momentum_buffer" if "momentum_buffer" in state else "exp_avg"]
    # No gradient reaches a frozen weight; coupled decay (0.5 · 0.0625 a step at most 1 / (1 − 0.9) times) still does.
    assert abs(float(momentum[1, 1])) <= 0.5 * 0.0625 * 10


# -- whole runs -----------------------------------------------------------------------------------------------------

SPARSIFIERS = [
    "gmp[schedule.every=2]",
    "dpf[schedule.every=2, schedule.until=0.6]",
    "magnitude",
    "rigl[schedule.every=2]",
    "snip",
    "set",
    "granet[schedule.every=2]",
]


CASES = [
    pytest.param(of, precision, marks=pytest.mark.long if precision == "bf16" and of not in SPARSIFIERS[1:3] else ())
    for of in SPARSIFIERS
    for precision in ("fp32", "bf16")
]
"""In bf16 one whose pruned weights live on and one of two stages; the others, in the long run."""


@pytest.mark.parametrize(("of", "precision"), CASES)
def test_levels_are_nested_exact_and_frozen_bit_for_bit(lab, of, precision):
    found, networks, _ = carried_out(lab, f"elsa[of={of!r}]", precision=precision)
    assert [result.point for result in found.results] == list(LEVELS)
    for sparse, denser in pairwise(networks):
        for name in weights_of(found):
            kept = sparse[name] != 0
            assert torch.equal(sparse[name][kept], denser[name][kept])
    counts = [result.counts for result in found.results]
    assert [count.target for count in counts] == list(LEVELS)
    inside = [count.prunable_sparsity - count.active_zeros / count.prunable_weights for count in counts]
    assert inside == pytest.approx(LEVELS, abs=0.005)


@pytest.mark.parametrize("of", SPARSIFIERS[:4])
def test_the_first_level_is_the_sparsifier_alone_bit_for_bit(lab, tmp_path, of):
    _, networks, _ = carried_out(lab, f"elsa[of={of!r}]")
    lab.workshop(spec_of(of, LEVELS[:1]), tmp_path)  # a results folder that knows nothing of the other run
    _, (alone,), _ = carried_out(lab, of, LEVELS[:1], results=tmp_path)
    assert networks[0].keys() == alone.keys()
    assert all(torch.equal(networks[0][name], value) for name, value in alone.items())


def test_levels_of_the_sparsifier_alone_and_of_other_options_are_trained_once(tmp_path, monkeypatch, lab):
    trained = []
    real = Trainer.train
    monkeypatch.setattr(
        Trainer, "train", lambda self, resumed=False: (trained.append(self.run.stage.name), real(self, resumed))[1]
    )
    lab.workshop(spec_of("snip", (0.9,)), tmp_path)
    alone, (network,), _ = carried_out(lab, "snip", (0.9,), results=tmp_path)
    for free in ("original", "zeros"):
        found, networks, _ = carried_out(lab, f"elsa[of=gmp, free={free}]", (0.9, 0.0), results=tmp_path)
    assert trained == ["train", "train", "level2-train", "level2-train"]
    found, networks, _ = carried_out(lab, "elsa[of=snip]", (0.9, 0.5), results=tmp_path)
    assert trained[4:] == ["level2-train"]
    assert all(torch.equal(networks[0][name], value) for name, value in network.items())
    # What it took is stated in full: an epoch alone, two for two levels.
    assert (alone.cost.epochs, found.cost.epochs) == (1, 2)


def test_a_run_cut_off_in_a_later_level_ends_with_the_same_bits(lab, tmp_path, monkeypatch):
    method = f"elsa[of={SPARSIFIERS[0]!r}]"
    undisturbed, _, spec = carried_out(lab, method)
    lab.workshop(spec, tmp_path)
    left = {"steps": 0}
    real = bench.training.train.Trainer._step

    def cut_off(trainer, step):
        real(trainer, step)
        left["steps"] -= 1
        if left["steps"] == 0:
            trainer.stop_request.made = True

    monkeypatch.setattr(bench.training.train.Trainer, "_step", cut_off)
    for steps in (6 + 1, 3, 2 + 4):  # the second level after 1 and 4 of 6 steps, the third after 4
        left["steps"] = steps
        with pytest.raises(Interrupted):
            execute(spec, tmp_path)
    left["steps"] = -1
    resumed = execute(spec, tmp_path)
    assert [r.weights_sha256 for r in resumed.results] == [r.weights_sha256 for r in undisturbed.results]


def norms(lab, spec, networks):
    """What normalisation consists of, by level: affine parameters and statistics."""
    modules = {name: module for name, module in lab.workshop(spec).model().named_modules() if isinstance(module, NORMS)}
    affine = {f"{path}.{name}" for path, module in modules.items() for name, _ in module.named_parameters()}
    running = {f"{path}.{name}" for path in modules for name in ("running_mean", "running_var")}
    return ([{name: network[name] for name in part} for network in networks] for part in (affine, running))


@pytest.mark.parametrize("bn", ["private", "recalibrate", "shared_frozen"])
def test_batch_norm_is_shared_as_far_as_the_option_says(lab, bn):
    _, networks, spec = carried_out(lab, f"elsa[of=gmp, bn={bn}, free=small]", (0.9, 0.5), train=SLOW)
    affine, running = norms(lab, spec, networks)
    same = [all(torch.equal(first[name], second[name]) for name in first) for first, second in (affine, running)]
    assert same == {"private": [False, False], "recalibrate": [True, False], "shared_frozen": [True, True]}[bn]
    assert not torch.equal(networks[0]["fc.bias"], networks[1]["fc.bias"]), "the classifier's bias is each level's own"


def test_recalibration_averages_over_the_training_batches(lab):
    """The first batch norm sees conv1 of the images: its mean over an epoch's batches, computed independently."""
    _, networks, spec = carried_out(lab, "elsa[of=gmp, bn=recalibrate]", (0.9, 0.5))
    workshop = lab.workshop(spec)
    model = workshop.model()
    model.load_state_dict(networks[1])
    model.eval()
    seen = []
    first = next(name for name, module in model.named_modules() if isinstance(module, NORMS))
    model.get_submodule(first).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].mean((0, 2, 3))))
    with torch.no_grad():
        for index in range(6):
            model(workshop.batches.train(0, index)[0])
    assert workshop.batches.steps_per_epoch == 6
    assert torch.allclose(torch.stack(seen).mean(0), networks[1][f"{first}.running_mean"], atol=1e-6)
    assert int(networks[1][f"{first}.num_batches_tracked"]) == 6


def test_the_overhead_is_counted_in_bytes(lab):
    def diagnostics(bn):
        found, networks, spec = carried_out(lab, f"elsa[of=gmp, bn={bn}, free=small]", train=SLOW)
        return (found, spec), networks, [result.diagnostics for result in found.results]

    (found, spec), (network, *_), private = diagnostics("private")
    affine, running = norms(lab, spec, [network])
    weights = sum(network[name].numel() for name in weights_of(found))
    mask = -(-weights // 8)  # a bit per prunable weight, rounded up to bytes
    own = sum(v.numel() for n, v in network.items() if n not in weights_of(found) and v.is_floating_point())
    assert [values["mask_bytes"] for values in private] == [mask, mask, 0]
    assert [values["private_bytes"] for values in private] == [4 * own] * 3
    # The dense network with two sparser levels: two masks and two sets of what they do not share with it.
    assert [values["overhead_bytes"] for values in private] == [0, mask + 4 * own, 2 * (mask + 4 * own)]
    affine, running = (4 * sum(value.numel() for value in part[0].values()) for part in (affine, running))
    assert diagnostics("recalibrate")[2][0]["private_bytes"] == 4 * own - affine
    assert diagnostics("shared_frozen")[2][0]["private_bytes"] == 4 * own - affine - running == 4 * 4  # fc.bias


def test_levels_too_close_for_the_network_are_refused(lab):
    spec = spec_of("elsa", (0.9, 0.8999999))
    found = execute(spec, lab.results)
    assert found.outcome == "error"
    assert found.reason == "elsa: the level 0.9 keeps no more weights than the one before it."


def test_a_method_that_does_not_spare_frozen_weights_is_stopped(lab):
    found = execute(spec_of("elsa[of='sanity_check[of=snip]']", (0.9, 0.5)), lab.results)
    assert found.reason == "elsa[of]: 'sanity_check' prunes weights of a sparser level."


@pytest.mark.parametrize("of", ["dense", "elsa", "dpf[structure=filters]"])
def test_what_cannot_make_levels_is_one_sentence(of):
    with pytest.raises(UserError, match=r"elsa\[of\]: '.*' does not prune single weights to a given sparsity\."):
        catalog.create("elsa", {"of": of})


def test_choices_are_set_inside_of():
    with pytest.raises(UserError, match="has no hyper-parameter 'allocation'; there are of, bn, free"):
        catalog.create("elsa", {"allocation": "global"})


def test_stages_follow_the_sparsifier_s():
    def shown(of, points):
        return [(stage.name, stage.phase, stage.sparsity, stage.parents) for stage in stages_of(spec_of(of, points))]

    assert shown("elsa", (0.0, 0.9, 0.5)) == [
        ("train", "train", 0.9, ()),
        ("level2-train", "train", 0.5, ("train",)),
        ("level3-train", "train", 0.0, ("level2-train",)),
    ]
    assert shown("elsa[of=magnitude]", (0.9, 0.5)) == [
        ("pretrain", "train", 0.0, ()),
        ("finetune", "finetune", 0.9, ("pretrain",)),
        ("level2-pretrain", "train", 0.0, ("finetune",)),
        ("level2-finetune", "finetune", 0.5, ("level2-pretrain", "finetune")),
    ]
