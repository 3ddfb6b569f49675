"""What numbers must have in common to be compared, and how it is said that they do not."""

from __future__ import annotations

from typing import Any

import pytest

from bench import recipe
from bench.published import Protocol, Row
from bench.published.obstacles import Kind, Obstacle, brief, counted, obstacles, spelled
from bench.spec import RunSpec
from tests import factories
from tests.published.test_verdict import ROW, row


def said(one: Row, protocol: Protocol, spec: RunSpec) -> list[str]:
    return [str(each) for each in obstacles(one, protocol, spec)]


PROTOCOL = Protocol(recipe="cifar10", prunable="all", report="last", source="here")


def ours(**changes: Any) -> Any:
    return factories.spec("gmp", recipe=recipe.load("cifar10"), recipe_text="cifar10", **changes)


def test_no_margin_is_not_comparable() -> None:
    found = said(row(dataset="signdigits"), PROTOCOL, ours(dataset="signdigits"))
    assert found == ["margin: none is fixed for ResNet-20 on signdigits (margins.yaml)"]


def test_equal_protocols_are_comparable() -> None:
    assert said(ROW, PROTOCOL, ours()) == []


def test_a_name_is_no_difference() -> None:
    renamed = recipe.load("cifar10").model_copy(update={"name": "mine", "evaluate_every": 5})
    assert said(ROW, PROTOCOL, factories.spec("gmp", recipe=renamed)) == []


@pytest.mark.parametrize(
    ("one", "protocol", "changes", "reason"),
    [
        (row(verified="unverified"), PROTOCOL, {}, "unverified"),
        (row(method="gmp[allocation=global]"), PROTOCOL, {}, "variant: the paper's is gmp[allocation=global]"),
        (row(method="gmp[schedule.every=50]"), PROTOCOL, {}, "variant: the paper's is gmp[schedule.every=50]"),
        (ROW, PROTOCOL.model_copy(update={"recipe": None, "reason": "not known"}), {}, "protocol: not known"),
        (row(prunable="conv"), PROTOCOL, {}, "prunable set: all instead of conv"),
        (row(report="best_validation"), PROTOCOL, {}, "reported epoch"),
        (row(architecture=""), PROTOCOL, {}, "architecture"),
    ],
)
def test_obstacles(one: Row, protocol: Protocol, changes: dict[str, Any], reason: str) -> None:
    found = said(one, protocol, ours(**changes))
    assert len(found) == 1
    assert found[0].startswith(reason)


@pytest.mark.parametrize(("report", "count"), [("last", 0), ("best", 1), ("best_validation", 0)])
def test_what_a_run_with_held_out_images_can_answer(report: str, count: int) -> None:
    text = "cifar10[data.validation=5000]"
    protocol = PROTOCOL.model_copy(update={"recipe": text})
    spec = factories.spec("gmp", recipe=recipe.load(text), recipe_text=text)
    assert len(said(row(report=report), protocol, spec)) == count


def test_a_scaled_run_differs_in_its_budget_only() -> None:
    scaled = factories.spec("gmp", recipe=recipe.load("cifar10").scaled(0.1), budget=0.1)
    assert said(ROW, PROTOCOL, scaled) == ["budget: 0.1 of the recipe's length"]


def test_every_material_field_counts() -> None:
    other = recipe.load("cifar10[batch_size=64,data.flip=false]")
    found = said(ROW, PROTOCOL, factories.spec("gmp", recipe=other))
    assert found == ["recipe: batch_size: 64 instead of 128", "recipe: data.flip: False instead of True"]


def test_a_fine_tuning_phase_matters_only_to_methods_that_use_it() -> None:
    longer = recipe.load("cifar10[finetune.epochs=80]")
    assert said(ROW, PROTOCOL, factories.spec("gmp", recipe=longer)) == []
    found = said(row(method="magnitude"), PROTOCOL, factories.spec("magnitude", recipe=longer))
    assert found == ["recipe: finetune.epochs: 80.0 instead of 40.0"]


FIELDS = [Obstacle(Kind.RECIPE, f"{name}: 1 instead of 2", name) for name in ("batch_size", "dropout", "train.lr", "z")]
BUDGET = Obstacle(Kind.BUDGET, "0.1 of the recipe's length")


def test_an_obstacle_knows_its_kind_and_the_field_of_a_recipe() -> None:
    other = recipe.load("cifar10[batch_size=64]")
    (found,) = obstacles(ROW, PROTOCOL, factories.spec("gmp", recipe=other))
    assert (found.kind, found.text, found.field) == (Kind.RECIPE, "batch_size: 64 instead of 128", "batch_size")


def test_a_long_list_of_fields_is_cut_short() -> None:
    two = "recipe: batch_size: 1 instead of 2; recipe: dropout: 1 instead of 2"
    assert brief(FIELDS[:2]) == spelled(FIELDS[:2]) == two
    expected = "budget: 0.1 of the recipe's length; recipe: 4 fields differ (batch_size, dropout, train.lr, …)"
    assert brief([*FIELDS, BUDGET]) == expected
    assert brief([]) == ""


def test_rows_are_counted_by_kind_each_once() -> None:
    assert counted([[BUDGET], FIELDS, [*FIELDS, BUDGET], [BUDGET], []]) == "budget 3, recipe 2"
