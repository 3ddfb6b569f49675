"""Runs that start from trained weights: a recipe's `initialisation.file`."""

import pytest
import torch

from bench import archs
from bench.errors import UserError
from bench.identity import file_digest
from bench.initialise import build
from bench.plan.lineage import identify, stages_of
from bench.recipe import Recipe
from bench.report.sections import _warning
from bench.spec import RunSpec
from bench.training.run import execute
from bench.weights import load_state, save_state
from tests.contract.harness import VALUES, Laboratory


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A weight file in a data folder of its own, with the classifier under another name."""
    torch.manual_seed(5)
    state = archs.create("resnet8_cifar", 4, 3, 8).state_dict()
    renamed = {name.replace("fc.", "linear."): value for name, value in state.items()}
    path = tmp_path / "downloads" / "trained.safetensors"
    save_state(renamed, path, metadata={})
    monkeypatch.setenv("REPRUNE_DATA", str(path.parent))
    return path


def recipe(path, **initialisation):
    values = {"file": path.name, "sha256": file_digest(path)} | initialisation
    return Recipe.read(VALUES | {"initialisation": values}, "the test")


def spec(path, method, points=(), **initialisation):
    found = RunSpec(
        dataset="tiny",
        architecture="resnet8_cifar",
        method=method,
        points=points,
        seed=0,
        recipe=recipe(path, **initialisation),
        recipe_text="contract",
    )
    return identify(found)


def test_every_seed_starts_from_the_file(weights):
    first, second = (build("resnet8_cifar", 4, 3, 8, recipe(weights), seed) for seed in (0, 1))
    expected = load_state(weights)
    assert torch.equal(first.conv1.weight, expected["conv1.weight"])
    assert torch.equal(first.fc.weight, expected["linear.weight"])
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_the_dense_network_is_the_file_as_it_is_and_what_is_pruned_afterwards(weights, tmp_path):
    lab = Laboratory(tmp_path)
    dense = execute(spec(weights, "dense"), lab.results)
    pruned = execute(spec(weights, "magnitude", (0.5,)), lab.results)
    assert (dense.outcome, pruned.outcome) == ("ok", "ok"), (dense.reason, pruned.reason)
    assert dense.cost.epochs == 0
    assert dense.results[0].best_accuracy is None, "nothing was ever the best epoch"
    exported = load_state(lab.results / "runs" / dense.id / dense.results[0].weights)
    assert torch.equal(exported["conv1.weight"], load_state(weights)["conv1.weight"])
    assert pruned.cost.epochs == pruned.cost.own_epochs > 0
    assert pruned.results[0].counts.prunable_sparsity == pytest.approx(0.5, abs=0.001)


def test_what_is_trained_is_trained_whatever_it_starts_from(weights):
    assert [stage.phase for stage in stages_of(spec(weights, "gmp", (0.5,)))] == ["train"]
    assert [stage.phase for stage in stages_of(spec(weights, "magnitude", (0.5,)))] == [None, "finetune"]


def test_another_file_is_another_run(weights):
    before = spec(weights, "snip", (0.5,)).identity
    save_state({"other": torch.zeros(1)}, weights, metadata={})
    assert spec(weights, "snip", (0.5,)).identity != before


def test_a_file_that_is_missing_or_another_one_is_one_sentence(weights):
    with pytest.raises(UserError, match=r"trained.safetensors has the checksum [0-9a-f]{12}…, not the recipe's 0000"):
        build("resnet8_cifar", 4, 3, 8, recipe(weights, sha256="0" * 64), 0)
    elsewhere = recipe(weights)
    weights.unlink()
    with pytest.raises(UserError, match=r"'initialisation.file' names .*trained.safetensors, which is not there"):
        build("resnet8_cifar", 4, 3, 8, elsewhere, 0)


def test_file_and_checksum_belong_together():
    with pytest.raises(UserError, match="'file' and 'sha256' belong together"):
        Recipe.read(VALUES | {"initialisation": {"file": "x.pt"}}, "the test")
    with pytest.raises(UserError, match="'key' says where in a 'file' the weights stand, and there is no 'file'"):
        Recipe.read(VALUES | {"initialisation": {"key": "state_dict_ema"}}, "the test")


def test_a_key_chooses_among_several_weights_and_is_part_of_the_identity(weights, tmp_path):
    Laboratory(tmp_path)  # which makes the data set known
    state = load_state(weights)
    raw, average = state, state | {"linear.bias": torch.ones(4)}
    path = weights.with_suffix(".pth")
    torch.save({"state_dict": raw, "state_dict_ema": average}, path)
    chosen = recipe(path, key="state_dict_ema")
    assert torch.equal(build("resnet8_cifar", 4, 3, 8, chosen, 0).fc.bias, torch.ones(4))
    assert torch.equal(build("resnet8_cifar", 4, 3, 8, recipe(path), 0).fc.bias, raw["linear.bias"])
    assert spec(path, "dense").identity != spec(path, "dense", key="state_dict_ema").identity
    assert spec(path, "dense").identity == spec(path, "dense", key="").identity


def test_what_a_file_is_says_more_than_that_it_is_another_one(weights):
    weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99\n")
    with pytest.raises(UserError, match=r"trained\.safetensors is a git-LFS pointer to 99 bytes that were not fetched"):
        build("resnet8_cifar", 4, 3, 8, recipe(weights, sha256="0" * 64), 0)


def test_a_report_says_that_there_is_a_single_parent():
    from bench.plan.grid import load

    assert _warning(load("configs/pretrained_cifar10.yaml")).startswith("SINGLE PARENT: every run starts from the same")
    assert _warning(load("configs/quick.yaml")) == ""
