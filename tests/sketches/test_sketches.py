"""The hard families, written against the public interface alone, train and yield what they promise."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import methods
from bench import catalog
from bench.lineage import identify
from bench.recipe import Recipe
from bench.run import execute
from bench.spec import RunSpec
from tests.contract.harness import RESNET, VALUES, Laboratory

HERE = Path(__file__).parent


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A results folder, with the sketches among the methods."""
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(HERE)])
    monkeypatch.setattr(catalog, "files", catalog.files)
    catalog.method_class.cache_clear()
    yield Laboratory(tmp_path)
    catalog.method_class.cache_clear()


def carry_out(lab, method, points, **fields):
    """Run a sketch for 24 steps per stage."""
    recipe = Recipe.read(VALUES | {"evaluate_every": 2}, "the sketches")
    spec = identify(
        RunSpec(
            dataset="tiny",
            architecture=RESNET,
            method=method,
            hyperparameters=fields,
            points=points,
            seed=0,
            recipe=recipe,
            recipe_text="contract",
        )
    )
    found = execute(spec, lab.results)
    assert (found.outcome, found.reason) == ("ok", "")
    return found, lab.results / "runs" / found.id, lab.workshop(spec)


def test_str_exports_the_thresholded_weights(lab):
    found, folder, workshop = carry_out(lab, "str", (0.5,), initial=-3.0)
    assert found.results[0].counts.target is None
    run = workshop.finish(workshop.stages[0])
    exported = load_file(folder / found.results[0].weights)
    assert found.results[0].counts.prunable_sparsity > 0.3
    for name, weight in run.method.effective(run).items():
        assert torch.equal(exported[name] + 0.0, weight.detach() + 0.0)
        assert not torch.equal(exported[name], run.weights[name])


def test_elsa_levels_are_nested_and_frozen_bit_for_bit(lab):
    found, folder, _ = carry_out(lab, "elsa", (0.9, 0.5, 0.0))
    assert [result.point for result in found.results] == [0.9, 0.5, 0.0]
    files = [load_file(folder / result.weights) for result in found.results]
    for sparse, denser in pairwise(files):
        for layer in found.results[0].layers:
            if layer.prunable:
                kept = sparse[layer.name] != 0
                assert torch.equal(sparse[layer.name][kept], denser[layer.name][kept])
    assert found.results[0].counts.prunable_sparsity == pytest.approx(0.9, abs=0.001)
    assert found.results[2].counts.prunable_sparsity < 0.01
