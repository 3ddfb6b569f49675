"""One-shot pruning without fine-tuning: the dense network of the table, with its smallest weights gone."""

import pytest
import torch
from safetensors.torch import load_file

from bench import catalog
from bench.data import DATASETS
from bench.errors import UserError
from bench.plan.lineage import identify
from bench.training.run import execute
from tests.contract.harness import Laboratory, spec_for


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A results folder."""
    yield Laboratory(tmp_path_factory.mktemp("one_shot"))
    DATASETS.pop("tiny", None)


SHORT = {"train": {"epochs": 1, "lr": 0.02}, "finetune": {"epochs": 1, "lr": 0.01}}


def network_of(lab, method, **fields):
    spec = spec_for(method, **SHORT)
    spec = identify(spec.model_copy(update={"hyperparameters": fields}))
    found = execute(spec, lab.results)
    assert (found.outcome, found.reason) == ("ok", "")
    return found, load_file(lab.results / "runs" / found.id / found.results[0].weights)


def test_the_largest_weights_of_the_dense_network_are_left_as_they_are(lab):
    _, dense = network_of(lab, "dense")
    found, pruned = network_of(lab, "one_shot")
    prunable = [layer.name for layer in found.results[0].layers if layer.prunable]
    magnitudes = torch.cat([dense[name].abs().flatten() for name in prunable])
    threshold = magnitudes.sort(descending=True).values[round(0.3 * len(magnitudes)) - 1]  # 70 % are pruned
    for name, value in pruned.items():
        expected = dense[name] * (dense[name].abs() >= threshold) if name in prunable else dense[name]
        assert torch.equal(value, expected), name
    assert found.cost.parents == ["pretrain"]
    assert (found.cost.epochs, found.cost.own_epochs) == (1, 0)


def test_recalibration_changes_statistics_only(lab):
    _, plain = network_of(lab, "one_shot")
    _, again = network_of(lab, "one_shot", recalibrate=True)
    changed = {name for name in plain if not torch.equal(plain[name], again[name])}
    statistics = {name for name in plain if name.rpartition(".")[2].startswith(("running", "num_batches"))}
    assert {name for name in changed if "num_batches" not in name} == {n for n in statistics if "num_batches" not in n}
    assert changed <= statistics


def test_what_does_not_prune_after_training_is_one_sentence():
    with pytest.raises(UserError, match=r"one_shot\[of\]: 'gmp' does not prune a trained network at once\."):
        catalog.create("one_shot", {"of": "gmp"})
