"""ImageNet's grid and recipes; the real architectures on photographs of ImageNet's size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench import data, names, recipe
from bench.counting import flops
from bench.data import batches, folder_batches
from bench.optimization import learning_rate
from bench.plan import grid
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.recipe.phase import Phase
from bench.spec import RunSpec
from tests.real_data import folder_with

GRID = Path(__file__).parents[2] / "configs" / "imagenet.yaml"
INFO = data.info("imagenet")

PROTOCOLS = {
    # steps in an epoch, length in steps, the learning rate at some of them, Nesterov, weight decay
    "imagenet": (5005, 450_450, {0: 0.1, 150_149: 0.1, 150_150: 0.01, 300_300: 0.001}, False, 1e-4),
    "rigl_imagenet": (
        312,
        32_000,
        {0: 0.0, 782: 0.8, 1564: 1.6, 9382: 1.6, 9383: 0.16, 21_895: 0.016, 28_150: 0.0016},
        True,
        1e-4,
    ),
    "dpf_imagenet": (1252, 112_680, {3130: 0.2, 6260: 0.4, 37_560: 0.04, 75_120: 0.004, 100_160: 4e-4}, True, 1e-4),
    "str_imagenet": (5005, 500_500, {25_025: 0.254, 250_250: 0.128, 500_499: 6.3e-5}, False, 2.251757813e-5),
    "deit_imagenet": (1251, 375_300, {3127: 5e-4, 6255: 9.993e-4, 187_650: 5.05e-4, 375_299: 1e-5}, False, 0.05),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_recipe_is_the_protocol_of_its_paper(name: str) -> None:
    epoch, length, rates, nesterov, decay = PROTOCOLS[name]
    chosen = recipe.load(name)
    found = (
        INFO.train_images // chosen.batch_size if chosen.data.drop_last else -(-INFO.train_images // chosen.batch_size)
    )
    assert found == epoch
    assert chosen.train.total_steps(epoch) == length
    assert {step: learning_rate(chosen.train, step, epoch) for step in rates} == pytest.approx(rates, rel=0.02)
    assert (chosen.optimizer.nesterov, chosen.optimizer.weight_decay) == (nesterov, decay)
    assert chosen.data.flip
    assert chosen.data.photographs.crop_scale == (0.08, 1.0)


@pytest.mark.parametrize("dataset", ["imagenet", "signdigits"])
def test_every_cell_has_a_recipe_that_fits_the_data(dataset: str) -> None:
    plan = grid.expand(grid.load(GRID, {"datasets": [dataset]}))
    for spec in plan.runs:
        fitting = spec.recipe if dataset == "imagenet" else spec.recipe.model_copy(update={"batch_size": 64})
        batches._check(fitting, data.info(dataset))
        folder_batches._check(fitting, data.info(dataset))
    used = {(spec.architecture, names.parse(spec.recipe_text)[0]) for spec in plan.runs}
    assert used == {
        ("resnet50", "imagenet"),
        ("resnet18", "imagenet"),
        ("mobilenetv1_100", "str_imagenet"),
        ("vit_tiny_patch16_224", "deit_imagenet"),
        ("deit_small_patch16_224", "deit_imagenet"),
    }
    methods = Counter(cell.method.partition("[")[0] for cell in plan.cells)
    assert methods == {"dense": 5, "magnitude": 4, "gmp": 10, "snip": 10, "rigl": 10}


# -- the real architectures -----------------------------------------------------------------------------------------

ARCHITECTURES = {
    # GMACs at 224 pixels and with 10 classes: convolutions, linear layers and products of attention
    "resnet50": 4.087,
    "resnet18": 1.814,
    "mobilenetv1_100": 0.568,
    "vit_tiny_patch16_224": 1.254,
    "deit_small_patch16_224": 4.599,
}


def spec_for(architecture: str) -> RunSpec:
    """Two steps of SNIP on four images each, under the architecture's recipe."""
    plan = grid.expand(grid.load(GRID, {"datasets": ["signdigits"], "seeds": [0]}))
    found = next(spec for spec in plan.runs if (spec.architecture, spec.method) == (architecture, "snip"))
    chosen = found.recipe.model_copy(update={"batch_size": 4, "train": Phase(steps=2, lr=1e-3)})
    short = Recipe.model_validate(chosen.model_dump() | {"scoring": chosen.scoring.model_dump() | {"batch_size": 4}})
    return identify(found.model_copy(update={"recipe": short, "points": (0.8,)}))


@pytest.mark.long
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_real_networks_train_and_are_measured_on_photographs(architecture: str, tmp_path: Path) -> None:
    from bench.training.pretrained import evaluate_weights
    from bench.training.run import execute
    from bench.workflow import probe

    spec, results = spec_for(architecture), tmp_path
    data.prepare("signdigits", results / "data", folder_with("signdigits"))
    macs = flops.count(architecture, data.info("signdigits"), results / "archs")
    assert sum(macs.values()) / 1e9 == pytest.approx(ARCHITECTURES[architecture], abs=1e-3)
    assert probe.speed(spec, "cpu", threads=1, seconds=0.1).images >= 4
    found = execute(spec, results, threads=2, workers=2)
    assert (found.outcome, found.reason) == ("ok", "")
    (result,) = found.results
    assert result.test_images == 200
    assert result.counts.prunable_sparsity == pytest.approx(0.8, abs=1e-4)
    again = evaluate_weights(
        results / "runs" / spec.id / result.weights,
        architecture,
        "signdigits",
        data_folder=results / "data",
        photographs=spec.recipe.data.photographs,
        workers=2,
    )
    assert again.accuracy == result.accuracy
