"""Cells of a grid that differ from the others, and where a grid's reports go."""

from __future__ import annotations

from typing import Any

import pytest

from bench.errors import UserError
from bench.plan import grid

PAPER: dict[str, Any] = {
    "name": "paper",
    "recipe": "digits",
    "datasets": ["digits"],
    "architectures": ["resnet8_cifar", "convnet_small"],
    "methods": ["gmp", "gmp[schedule.every=10]", "magnitude"],
    "sparsities": [0.9, 0.95],
    "seeds": [0, 1],
}
LONGER = "digits[train.epochs=30]"


def expanded(*overrides: dict[str, Any]) -> grid.Plan:
    return grid.expand(grid.load(PAPER | {"overrides": list(overrides)}))


def points(plan: grid.Plan, method: str, architecture: str = "convnet_small") -> list[float | None]:
    return [cell.point for cell in plan.cells if (cell.method, cell.architecture) == (method, architecture)]


def test_an_override_covers_what_it_names_and_nothing_else() -> None:
    plan = expanded({"architectures": ["convnet_small"], "methods": ["gmp"], "points": [0.8]})
    assert points(plan, "gmp") == [0.8]
    assert points(plan, "gmp", "resnet8_cifar") == [0.9, 0.95]
    assert points(plan, "gmp[schedule.every=10]") == [0.9, 0.95]  # a variant is another method


def test_a_method_is_named_as_in_the_grid_whatever_the_order_or_spelling_of_its_fields() -> None:
    plan = expanded({"methods": ["gmp[ schedule.every = 10 ]"], "points": [0.8]})
    assert points(plan, "gmp[schedule.every=10]") == [0.8]


def test_without_points_a_method_is_left_out_there() -> None:
    plan = expanded({"architectures": ["convnet_small"], "methods": ["magnitude", "gmp"], "points": []})
    assert points(plan, "gmp") == points(plan, "magnitude") == []
    assert points(plan, "dense") == [None]
    assert points(plan, "magnitude", "resnet8_cifar") == [0.9, 0.95]


def test_recipe_and_prunable_set_of_some_cells() -> None:
    plan = expanded({"methods": ["gmp"], "recipe": LONGER}, {"architectures": ["convnet_small"], "prunable": "conv"})
    found = {
        (run.architecture, run.method_text): (run.recipe_text, run.recipe.train.epochs, run.prunable)
        for run in plan.runs
    }
    assert found["resnet8_cifar", "gmp"] == (LONGER, 30, "all")
    assert found["convnet_small", "gmp"] == (LONGER, 30, "conv")
    assert found["convnet_small", "magnitude"] == ("digits", 24, "conv")
    assert found["resnet8_cifar", "dense"] == ("digits", 24, "all")


def test_later_overrides_win() -> None:
    assert points(expanded({"points": [0.5]}, {"methods": ["gmp"], "points": [0.6]}), "gmp") == [0.6]
    assert points(expanded({"methods": ["gmp"], "points": [0.6]}, {"points": [0.5]}), "gmp") == [0.5]


def test_only_methods_under_the_dense_network_s_recipe_wait_for_it() -> None:
    """Under another recipe there is no dense run to wait for; the method's own run trains what it starts from."""
    assert len(expanded().parent) == 2 * 2 * 2  # magnitude: two architectures, two points, two seeds
    assert not expanded({"methods": ["magnitude"], "recipe": LONGER}).parent
    assert len(expanded({"recipe": LONGER}).parent) == 8  # of all methods, the dense network too


def test_a_budget_scales_the_recipes_of_all_cells() -> None:
    values = PAPER | {"overrides": [{"methods": ["gmp"], "recipe": LONGER}], "budget": 0.5}
    runs = grid.expand(grid.load(values)).runs
    assert {run.recipe.train.epochs for run in runs if run.method_text == "gmp"} == {15}
    assert {run.recipe.train.epochs for run in runs if run.method_text == "magnitude"} == {12}
    assert {run.budget for run in runs} == {0.5}


def test_a_method_may_have_its_points_from_overrides_alone() -> None:
    values = PAPER | {"sparsities": [], "overrides": [{"points": [0.9]}]}
    assert points(grid.expand(grid.load(values)), "gmp") == [0.9]


def test_a_training_adds_rows_under_another_recipe() -> None:
    longer = {"label": "2x", "methods": ["dense", "magnitude", "gmp[schedule.every=10]"], "recipe": LONGER}
    values = PAPER | {"trainings": [longer | {"points": [0.9]}], "overrides": [{"methods": ["gmp"], "recipe": LONGER}]}
    plan = grid.expand(grid.load(values))
    specs = {spec.id: spec for spec in plan.runs}
    found = {cell.method: specs[cell.runs[0][1]] for cell in plan.cells}
    assert points(plan, "magnitude[training=2x]") == [0.9]
    assert points(plan, "magnitude") == [0.9, 0.95]
    assert points(plan, "dense[training=2x]") == [None]
    assert found["gmp[schedule.every=10,training=2x]"].method_text == "gmp[schedule.every=10]"
    assert found["magnitude[training=2x]"].recipe_text == LONGER
    assert found["magnitude"].recipe_text == "digits"
    dense = {run.id: run.recipe_text for run in plan.runs if run.method == "dense"}
    assert {(specs[run].recipe_text, dense[start]) for run, start in plan.parent.items()} == {
        ("digits", "digits"),
        (LONGER, LONGER),
    }


def test_a_training_of_what_the_grid_does_not_have_is_one_sentence() -> None:
    training = {"label": "2x", "methods": ["snip"], "recipe": LONGER}
    with pytest.raises(UserError, match="field 'trainings': 'snip' is not among the grid's methods"):
        grid.load(PAPER | {"trainings": [training]})
    with pytest.raises(UserError, match="recipe 'none' is not in"):
        grid.load(PAPER | {"trainings": [training | {"methods": ["gmp"], "recipe": "none"}]})


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ({"methods": ["snip"], "points": [0.9]}, "field 'overrides': 'snip' is not among the grid's methods"),
        ({"methods": ["gmp[allocation=global]"], "points": [0.9]}, r"'gmp\[allocation=global\]' is not among"),
        ({"architectures": ["resnet20_cifar"], "points": []}, "'resnet20_cifar' is not among the grid's architectures"),
        ({"datasets": ["cifar10"], "points": []}, "'cifar10' is not among the grid's datasets"),
        ({"methods": ["gmp"]}, "give at least one of 'recipe', 'points' and 'prunable'"),
        ({"recipe": "none"}, "recipe 'none' is not in"),
        ({"prunable": "some"}, "'some' is not one of all, conv"),
        ({"sparsities": [0.9]}, "field 'overrides.0.sparsities'"),
    ],
)
def test_a_wrong_override_is_one_sentence(override: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        grid.load(PAPER | {"overrides": [override]})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("configs/papers/rigl.yaml", "reports/papers/rigl"),
        ("configs/quick.yaml", "reports/quick"),
        ("elsewhere/papers/rigl.yaml", "reports/rigl"),
        ("configs/old/configs/rigl.yaml", "reports/rigl"),
    ],
)
def test_reports_go_where_the_config_lies_below_configs(tmp_path: Any, path: str, folder: str) -> None:
    import yaml

    file = tmp_path / path
    file.parent.mkdir(parents=True)
    values = {name: value for name, value in PAPER.items() if name != "name"}
    file.write_text(yaml.safe_dump(values))
    assert str(grid.load(file).report_folder) == folder
    assert str(grid.load(file, {"budget": 0.1}).report_folder) == f"{folder}-budget-0.1"
