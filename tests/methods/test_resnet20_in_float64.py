"""What the engine prunes from a real ResNet-20 on images of 3×32×32, against another computation in float64.

That one (`tests.methods.resnet20`) shares nothing with the engine but the initial weights and the scoring images.
"""

from copy import deepcopy

import pytest
import torch

from bench.data import DATASETS
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.spec import RunSpec
from tests.contract.harness import VALUES, Laboratory
from tests.methods.resnet20 import (
    KEEP,
    cross_entropy,
    grasp,
    kept,
    left,
    minus_logit,
    rounds,
    slopes,
    snip,
    synflow,
    top,
)

IMAGES = 3


# -- the engine's masks --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A results folder with a small data set of four classes."""
    yield Laboratory(tmp_path_factory.mktemp("resnet20"))
    DATASETS.pop("tiny", None)


class Pruned:
    """The state before and after the engine's first step, and the scoring batches it drew."""

    def __init__(self, lab, method, norm="eval", precision="fp64", seed=0, **hyperparameters):
        values = VALUES | {"precision": precision, "scoring": {"batch_size": IMAGES, "norm": norm}}
        recipe = Recipe.read(values, "ResNet-20")
        spec = RunSpec(
            dataset="tiny",
            architecture="resnet20_cifar",
            method=method,
            hyperparameters=hyperparameters,
            points=(1 - KEEP,),
            seed=seed,
            recipe=recipe,
            recipe_text="ResNet-20",
        )
        workshop = lab.workshop(identify(spec))
        trainer = lab.begin(workshop, workshop.stages[-1])
        self.run, self.batches = trainer.run, []
        self.initial = {key: value.double() for key, value in deepcopy(self.run.model.state_dict()).items()}
        self.dense = {name: self.initial[name] for name in self.run.masks}
        self.size = sum(weight.numel() for weight in self.dense.values())
        for kind in ("scoring", "balanced"):
            draw = getattr(self.run.batches, kind)
            setattr(self.run.batches, kind, lambda *place, draw=draw: self.seen(draw(*place)))
        self.run.at(0)
        trainer._update(self.run.method.update_masks)
        assert list(self.dense) == [key for key, value in self.initial.items() if value.dim() > 1], "a layer is missing"

    def seen(self, batch):
        """Note a batch that the method asked for."""
        self.batches.append(batch)
        return batch

    def equals(self, mask):
        """Whether the engine's masks are these."""
        return all(torch.equal(kept.bool(), mask[name]) for name, kept in self.run.masks.items())


# -- methods -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["eval", "train"])
def test_snip(lab, norm):
    pruned = Pruned(lab, "snip", norm)
    assert len(pruned.batches) == 1
    assert pruned.equals(top(snip(pruned, norm == "train"), round(KEEP * pruned.size)))


@pytest.mark.parametrize(
    ("norm", "loss", "function"), [("eval", "cross_entropy", cross_entropy), ("train", "raw_logit", minus_logit)]
)
@pytest.mark.parametrize("name", ["force", "iterative_snip", "grasp_it"])
def test_rounds(lab, name, norm, loss, function):
    pruned = Pruned(lab, name, norm, **{"ramp.steps": 3, "batches": 2, "loss": loss})
    *scored, first_unseen, unseen = pruned.batches
    assert len(scored) == 6
    assert not torch.equal(scored[0][0], scored[2][0]), "every round looks at other images"
    mask = rounds(pruned, name, norm == "train", function, 3, 2)
    assert pruned.equals(mask)
    # The objective they end with: Σ |θ · g| of what is kept, at the pruned network, on images that no round has seen.
    there = {key: weight * mask[key] for key, weight in pruned.dense.items()}
    found = [slopes(pruned.initial, there, batch, norm == "train", function) for batch in (first_unseen, unseen)]
    objective = sum(float((there[key] * (found[0][key] + found[1][key]) / 2).abs().sum()) for key in there)
    assert float(pruned.run.state["sensitivity"]) == pytest.approx(objective, rel=1e-9)


@pytest.mark.parametrize("norm", ["eval", "train"])
def test_grasp(lab, norm):
    pruned = Pruned(lab, "grasp", norm, per_class=2, linear="trained")
    assert pruned.batches[0][1].bincount().tolist() == [2, 2, 2, 2], "two images of each of the four classes"
    assert torch.equal(pruned.batches[0][0], pruned.batches[1][0]), "the gradient and its Hessian on the same images"
    assert pruned.equals(top(grasp(pruned, norm == "train"), left(pruned.size, KEEP)))


@pytest.mark.parametrize(
    ("norm", "steps"), [pytest.param("train", 100, marks=pytest.mark.long), ("train", 10), ("eval", 1)]
)
def test_synflow_in_inference_mode_whatever_the_recipe_scores_in(lab, norm, steps):
    pruned = Pruned(lab, "synflow", norm, **{"ramp.steps": steps})
    assert pruned.equals(synflow(pruned, steps))


def test_magnitude_at_initialisation(lab):
    pruned = Pruned(lab, "magnitude", schedule="atinit")
    assert pruned.equals(top({k: w.abs() for k, w in pruned.dense.items()}, round(KEEP * pruned.size)))


# -- a pure function of seed and batch -----------------------------------------------------------------------------

CHEAP = {
    "random": {},
    "snip": {},
    "grasp": {"per_class": 1},
    "force": {"ramp.steps": 2},
    "synflow": {"ramp.steps": 2},
    "sanity_check": {},
}


@pytest.mark.parametrize("name", CHEAP)
def test_masks_follow_the_seed_and_no_other_state(lab, name):
    torch.manual_seed(1)
    first = Pruned(lab, name, **CHEAP[name])
    torch.manual_seed(2)
    torch.rand(5)
    again, other = Pruned(lab, name, **CHEAP[name]), Pruned(lab, name, seed=1, **CHEAP[name])
    assert first.run.masks.digest() == again.run.masks.digest()
    assert first.run.masks.digest() != other.run.masks.digest()


@pytest.mark.parametrize("name", ["snip", "grasp", "force"])
def test_masks_follow_the_images(lab, name):
    first = Pruned(lab, name, **CHEAP[name])
    twin = Pruned(lab, name, **CHEAP[name])
    run = twin.run
    batches = [(images.flip(3).flip(0), labels) for images, labels in twin.batches]  # others under the same labels
    draws = iter(batches)
    run.batches.scoring = run.batches.balanced = lambda *place: next(draws)
    run.weights.copy_(type(run.weights)(twin.dense))
    for mask in run.masks.values():
        mask.fill_(1)
    run.method.update_masks(run)
    assert run.masks.digest() != first.run.masks.digest()


@pytest.mark.parametrize("norm", ["eval", "train"])
def test_float32_decides_the_same_but_for_weights_at_the_threshold(lab, norm):
    pruned = Pruned(lab, "snip", norm, precision="fp32")
    scores = snip(pruned, norm == "train")
    ordered = torch.cat([score.flatten() for score in scores.values()]).sort(descending=True).values
    threshold = float(ordered[round(KEEP * pruned.size) - 1])
    for name, mask in pruned.run.masks.items():
        differing = scores[name][mask.bool() != (scores[name] >= threshold)]
        assert all(abs(float(score) / threshold - 1) < 1e-2 for score in differing)


# -- sanity checks -------------------------------------------------------------------------------------------------

RANKINGS = {"snip": snip, "grasp": grasp}
COUNTS = {
    "snip": lambda size, share: round(share * size),
    "grasp": left,
    "force": kept,
    "iterative_snip": kept,
    "synflow": left,
}


def expected(pruned, name):
    """The other method's masks, from the computation above in inference mode."""
    if name in RANKINGS:
        return top(RANKINGS[name](pruned, False), COUNTS[name](pruned.size, KEEP))
    return synflow(pruned, 3) if name == "synflow" else rounds(pruned, name, False, cross_entropy, 3, 1)


OTHERS = {
    "snip": "snip",
    "grasp": "grasp[per_class=1,linear=trained]",
    "synflow": "synflow[ramp.steps=3]",
    "force": "force[ramp.steps=3,loss=cross_entropy]",  # three images are too few for `raw_logit`
}


@pytest.mark.parametrize("name", OTHERS)
def test_shuffled_masks_have_the_other_method_s_counts_at_random_places(lab, name):
    pruned = Pruned(lab, "sanity_check", of=OTHERS[name])
    wanted = expected(pruned, name)
    assert pruned.run.masks.kept() == {key: int(mask.sum()) for key, mask in wanted.items()}
    # In a layer of n weights with k kept, k²/n of a random mask coincide with any other; at most n − k differ.
    flat = torch.cat([mask.flatten() for mask in pruned.run.masks.values()]).bool()
    same = int((flat & torch.cat([mask.flatten() for mask in wanted.values()])).sum())
    chance = sum(int(mask.sum()) ** 2 / mask.numel() for mask in wanted.values())
    assert abs(same - chance) < 5 * chance**0.5


@pytest.mark.parametrize("name", OTHERS)
def test_reinitialised_networks_have_the_other_method_s_masks_and_other_weights(lab, name):
    pruned = Pruned(lab, "sanity_check", of=OTHERS[name], check="reinitialise")
    assert pruned.equals(expected(pruned, name))
    for key, weight in pruned.run.weights.items():
        there = pruned.run.masks[key].bool()
        assert not (weight[there] == pruned.dense[key][there]).any()
        assert not weight[~there].any()


@pytest.mark.parametrize("name", RANKINGS)
def test_inverted_rankings_keep_what_scores_lowest(lab, name):
    pruned = Pruned(lab, "sanity_check", "train", of=OTHERS[name], check="invert")
    scores = {key: -score for key, score in RANKINGS[name](pruned, True).items()}
    assert pruned.equals(top(scores, COUNTS[name](pruned.size, KEEP)))


@pytest.mark.parametrize(("name", "steps"), [("force", 2), ("iterative_snip", 2), ("synflow", 1)])
def test_inverted_rounds_remove_the_highest_of_what_is_left(lab, name, steps):
    loss = "" if name == "synflow" else ",loss=cross_entropy"
    pruned = Pruned(lab, "sanity_check", "train", of=f"{name}[ramp.steps={steps}{loss}]", check="invert")
    mask = {key: torch.ones_like(weight) for key, weight in pruned.dense.items()}
    images = torch.ones(1, 3, 32, 32, dtype=torch.float64)
    for number in range(steps):
        if name == "synflow":
            state = {key: value.abs() for key, value in pruned.initial.items()}
            dense = {key: state[key] for key in mask}
            there = {key: weight * mask[key] for key, weight in dense.items()}
            found = slopes(state, there, (images, None), False, lambda logits, labels: logits.sum())
        else:
            dense = pruned.dense
            there = {key: weight * mask[key] for key, weight in dense.items()}
            found = slopes(pruned.initial, there, pruned.batches[number], True, cross_entropy)
        scores = {key: -(dense[key] * found[key]).abs() for key in mask}
        remaining = {key: score.masked_fill(mask[key] == 0, -torch.inf) for key, score in scores.items()}
        count = COUNTS[name](pruned.size, KEEP ** ((number + 1) / steps))
        mask = {key: one.double() for key, one in top(remaining, count).items()}
    assert pruned.equals({key: one.bool() for key, one in mask.items()})
