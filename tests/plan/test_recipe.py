"""Recipes: validation, budgets, and what makes two of them comparable."""

import pytest

from bench import recipe
from bench.errors import UserError
from bench.recipe import Recipe, differences
from bench.recipe.phase import Phase

MINIMAL = {"batch_size": 8, "train": {"epochs": 10, "lr": 0.1}}


def read(**changes):
    return Recipe.read(MINIMAL | changes, "r.yaml")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bacth_size": 3}, "r.yaml: unknown field 'bacth_size'; did you mean 'batch_size'"),
        ({"train": {"epochs": 1, "lr": -1}}, r"r.yaml: field 'train.lr' has to be above 0, not -1\."),
        ({"train": {"lr": 1}}, "give either 'epochs' or 'steps'"),
        ({"train": {"epochs": 1, "steps": 3, "lr": 1}}, "give either 'epochs' or 'steps'"),
        ({"train": {"epochs": 4, "lr": 1, "schedule": "multistep"}}, "needs 'milestones'"),
        ({"train": {"epochs": 4, "lr": 1, "milestones": [2, 5]}}, "lie below the length 4"),
        ({"train": {"epocs": 1, "lr": 1}}, "r.yaml: unknown field 'train.epocs'; did you mean 'epochs'"),
        ({"train": 3}, "field 'train' has to be a group of fields, not 3"),
        (
            {"train": {"epochs": 4, "lr": 1, "milestones": 2}},
            r"'train.milestones' has to be a list, such as \[2\], not 2",
        ),
        (
            {"train": {"epochs": 4, "lr": 1, "milestones": [-1]}},
            "field 'train.milestones.0' has to be at least 0, not -1",
        ),
        ({"train": {"epochs": 4, "lr": 1, "gamma": -1}}, "field 'train.gamma' has to be at least 0"),
        ({"optimizer": {"betas": [0.9, 1]}}, "field 'optimizer.betas.1' has to be below 1, not 1"),
        ({"optimizer": {"betas": [0.9]}}, "field 'optimizer.betas' has to be a list of at least 2 entries"),
        ({"optimizer": {"nesterov": True, "momentum": 0}}, "'nesterov' needs a 'momentum' above 0"),
        ({"data": {"std": [0.2, 0]}}, "field 'data.std.1' has to be above 0, not 0"),
        ({"data": {"flip": "maybe"}}, "field 'data.flip' has to be true or false, not 'maybe'"),
        ({"batch_size": None}, "field 'batch_size' has to be a whole number, not null"),
        ({"batch_size": True}, "field 'batch_size' has to be a number, not true or false"),
        ({"train": {"epochs": 4, "lr": True}}, "field 'train.lr' has to be a number, not true or false"),
        ({"optimizer": {"betas": [False, 0.9]}}, r"field 'optimizer\.betas\.0' has to be a number"),
        ({"batch_size": 2.5}, "field 'batch_size' has to be a whole number, not 2.5"),
        ({"scoring": {"batch_size": "x"}}, "field 'scoring.batch_size' has to be a whole number, not 'x'"),
        ({"label_smoothing": float("nan")}, "field 'label_smoothing' has to be a finite number, not nan"),
        ({"name": 3}, "field 'name' has to be a text, not 3"),
        ({"precision": "fp8"}, "field 'precision' has to be 'fp32', 'tf32', 'bf16' or 'fp64', not 'fp8'"),
    ],
)
def test_a_mistake_is_one_sentence(changes, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        read(**changes)
    assert "\n" not in str(caught.value)


def test_a_budget_scales_lengths_and_milestones():
    phase = Phase(epochs=160, lr=0.1, schedule="multistep", milestones=(80, 120), warmup=5).scaled(0.1)
    assert (phase.epochs, phase.milestones, phase.warmup) == (16, (8, 12), 0.5)
    steps = Phase(steps=97_656, lr=0.1, schedule="multistep", milestones=(30_000,)).scaled(0.5)
    assert (steps.steps, steps.milestones) == (48_828, (15_000,))


def test_steps_of_a_phase():
    assert Phase(epochs=2.5, lr=1).total_steps(10) == 25
    assert Phase(steps=7, lr=1).total_steps(10) == 7
    assert Phase(epochs=0.001, lr=1).total_steps(10) == 1
    assert Phase(epochs=4, lr=1).to_steps(1.5, 10) == 15
    assert Phase(steps=40, lr=1).to_steps(15, 10) == 15


def test_a_missing_phase_is_one_sentence():
    with pytest.raises(UserError, match="recipe 'x' has no 'finetune' phase"):
        read(name="x").phase("finetune")


def test_every_recipe_of_the_project_loads():
    files = sorted(recipe.RECIPES.glob("*.yaml"))
    assert len(files) >= 2
    for file in files:
        loaded = recipe.load(file.stem)
        assert loaded.name == file.stem
        assert loaded.source


def test_fields_can_be_changed_by_name():
    assert recipe.load("digits[train.epochs=21,batch_size=5]").train.epochs == 21
    with pytest.raises(UserError, match=r"digits\.yaml: unknown field 'epocs'"):
        recipe.load("digits[epocs=2]")
    with pytest.raises(UserError, match=r"recipe 'digit' is not in .*; did you mean 'digits'"):
        recipe.load("digit")


def test_differences_name_the_material_fields_only():
    ours = read(evaluate_every=5, name="a", label_smoothing=0.1)
    assert [*map(str, differences(ours, read(name="b")))] == ["label_smoothing: 0.1 instead of 0.0"]
    assert [*map(str, differences(read().scaled(0.5), read()))] == ["train.epochs: 5.0 instead of 10.0"]
