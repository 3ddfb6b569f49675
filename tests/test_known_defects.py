"""Defects found in other pruning code, each as a test that would have caught it there.

Those whose place is elsewhere: convolution groups and padding in MACs, fused attention that counts 0 (test_flops.py),
ties at the threshold (test_selection.py, test_masks.py), loss and accuracy over a partial last batch
(test_evaluate.py), scoring that shifts batch-norm statistics (contract/test_zeros.py), exit codes of failed jobs
(workflow/). Shuffled masks and packed masks do not exist here.
"""

import ast
from pathlib import Path

import pytest
import torch

from bench import catalog
from bench.data.batches import Batches
from bench.errors import UserError
from bench.seeds import seed_for
from tests.contract.harness import INFO, Laboratory, spec_for
from tests.methods.by_hand import linear, trainer_for

TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))


@pytest.fixture
def lab(tmp_path):
    """A results folder."""
    return Laboratory(tmp_path)


def test_the_seed_is_set_before_weights_scoring_batch_and_random_mask_are_drawn(lab):
    """A seed applied after the model was built leaves the initial weights to chance."""
    spec = spec_for("random")
    torch.manual_seed(1)
    first = lab.workshop(spec).model().state_dict()
    torch.manual_seed(2)
    second = lab.workshop(spec).model().state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_the_target_must_be_reached_or_the_run_says_otherwise(lab):
    """A mask that keeps none, or an `exit(0)` on a missed target, must not pass for a result: see test_run.py."""
    trainer = trainer_for(catalog.create("magnitude", {}), linear([[1.0] * 10] * 2), [[1.0] * 10], [0], 0.75)
    trainer.run.masks.keep(trainer.run.weights.abs(), 0.75)  # twenty equal weights
    assert trainer.run.masks.kept() == {"0.weight": 5}


@pytest.mark.parametrize(("text", "value"), [("false", False), ("true", True), ("False", False)])
def test_the_word_false_is_false(text, value):
    """`type=bool` in argparse makes every word true."""
    assert catalog.create(*catalog.parse("rigl"))
    method = catalog.create("rigl", {"step_on_update": catalog.mini.parse(f"rigl[x={text}]")[1]["x"]})
    assert method.step_on_update is value


def test_scoring_batches_differ_and_are_not_the_first_one_again(lab):
    """`next(iter(loader))` in a loop restarts the loader for every batch."""
    workshop = lab.workshop(spec_for("snip"))
    assert isinstance(workshop.batches, Batches)
    labels = [workshop.batches.scoring(number, "train", 0, 0)[0] for number in range(3)]
    assert not torch.equal(labels[0], labels[1])
    assert not torch.equal(labels[1], labels[2])


def test_stale_momentum_does_not_bring_pruned_weights_back(lab, tmp_path):
    """Masking weights and gradients once while SGD's momentum goes on turns 90 % zeros into none within 20 steps."""
    trainer = lab.trainer(spec_for("gmp"), tmp_path / "other")
    for step in range(13):
        trainer._step(step)
    masked = sum(int((mask == 0).sum()) for mask in trainer.run.masks.values())
    zeros = sum(int((weight == 0).sum()) for weight in trainer.run.weights.values())
    assert zeros >= masked > 100_000


def test_a_method_is_named_in_full():
    """`strategy in 'IMP'` accepts 'I', 'M' and the empty string."""
    for name in ("g", "gm", "snipe", "GMP"):
        with pytest.raises(UserError, match="there is no method"):
            catalog.create(name, {})
    with pytest.raises(UserError, match="is not of the form"):
        catalog.parse("")


def test_negative_weights_train_and_survive(lab, tmp_path):
    """A comparison without `abs` froze every negative weight, and that repository's accuracy with it."""
    trainer = lab.trainer(spec_for("gmp"), tmp_path / "other")
    before = trainer.run.weights.clone()
    for step in range(3):
        trainer._step(step)
    for name, weight in trainer.run.weights.items():
        kept = (trainer.run.masks[name] != 0) & (before[name] < 0)
        assert float((weight[kept] != before[name][kept]).double().mean()) > 0.9


def test_the_recorded_sparsity_is_measured_and_not_the_target(lab):
    """A file stamped with the sparsity that was asked for while another one was pruned."""
    found = lab.finished("gmp", "test_resnet")
    counts = found.results[0].counts
    layers = [layer for layer in found.results[0].layers if layer.prunable]
    zeros = sum(torch.Size(layer.shape).numel() - layer.kept for layer in layers)
    assert counts.prunable_sparsity == pytest.approx(zeros / counts.prunable_weights)


def test_seeds_of_different_purposes_are_unrelated():
    drawn = {seed_for(seed, purpose, key) for seed in range(5) for purpose in ("init", "order") for key in range(5)}
    assert len(drawn) == 50
    assert INFO.train_images == 96


def test_every_test_asserts_something():
    """Test files that only print pass whatever happens."""
    silent = []
    for path in TESTS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not _checks(node):
                silent.append(f"{path.name}::{node.name}")
    assert silent == []


def _checks(function):
    """Whether a test asserts, expects an exception, or hands over to a helper that does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("pytest.raises", "pytest.fail", "pytest.skip") or called.split(".")[-1].startswith(
                ("assert", "check", "same", "expect", "benchmark")
            ):
                return True
    return False
