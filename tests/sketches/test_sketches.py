"""The hard families, written against the public interface alone, train and yield what they promise."""

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
