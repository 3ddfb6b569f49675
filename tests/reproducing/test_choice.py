"""Which cells fit a number of hours, on prices worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.commands.reproducing.choice import Price, choose, price
from bench.commands.reproducing.wanted import Setting, Wanted
from bench.plan.grid import expand, load
from bench.published.power import Prospect, Scatter
from tests.published.test_published import row

SETTING = Setting("cifar10", "resnet20_cifar", ("cifar10",), "all", (0, 1, 2, 3, 4))
ON, OTHER = ("cifar10", "resnet20_cifar", "cifar10"), ("cifar10", "vgg16_bn_cifar", "cifar10")


class Certain(Prospect):
    """A prospect whose power is the number in its guess."""

    def power(self, seeds: int) -> float:
        return self.scatter.std


def cell(name: str, power: float) -> Wanted:
    return Wanted(SETTING, name, (0.9,), (Certain(row(id=name), Scatter(power, ""), 5),))


def chosen(budget: float, *priced: tuple[Wanted, Price]) -> list[str]:
    return [each.method for each in choose(priced, budget)]


def test_most_power_an_hour_comes_first_and_cells_are_whole() -> None:
    cells = (
        (cell("a", 0.9), Price(3.0, 0.0, ON, False)),  # .30 an hour
        (cell("b", 0.8), Price(2.0, 0.0, ON, False)),  # .40
        (cell("c", 0.1), Price(1.0, 0.0, ON, False)),  # .10
    )
    assert chosen(6.0, *cells) == ["b", "a", "c"]
    assert chosen(5.0, *cells) == ["b", "a"]
    assert chosen(4.0, *cells) == ["b", "c"]  # a would take 3 of the 2 that are left
    assert chosen(0.5, *cells) == []


def test_a_dense_network_is_paid_once_and_by_who_has_most_seeds() -> None:
    few, many = cell("few", 1.0), cell("many", 1.0)
    there, elsewhere = Price(1.0, 2.0, ON, False), Price(1.0, 2.0, OTHER, False)
    longer = Price(1.0, 5.0, ON, False)
    assert chosen(4.0, (few, there), (many, there)) == ["few", "many"]
    assert chosen(4.0, (few, there), (many, elsewhere)) == ["few"]
    assert chosen(6.9, (few, there), (many, longer)) == ["few"]  # 1 + 2, then 1 + 3
    assert chosen(7.0, (few, there), (many, longer)) == ["few", "many"]


def test_what_was_begun_comes_first_so_the_same_call_goes_on_with_the_same_cells() -> None:
    slow, fast = (cell("slow", 0.1), Price(2.0, 0.0, ON, True)), (cell("fast", 0.9), Price(2.0, 0.0, ON, False))
    assert chosen(2.0, fast, slow) == ["slow"]
    assert chosen(2.0, fast, (slow[0], replace(slow[1], begun=False))) == ["fast"]


def test_the_price_of_a_cell(tmp_path: Path) -> None:
    """Hours are those of the images that pass: five dense and five pruned trainings of two epochs each."""
    fields = {"recipe": "cifar10[train.epochs=2,train.milestones=[1]]", "datasets": ["cifar10"], "seeds": [0, 1, 2]}
    plan = expand(load(fields | {"architectures": ["resnet20_cifar"], "methods": ["gmp"], "sparsities": [0.9]}))
    found = price(plan, tmp_path, lambda pieces: sum(piece.trained for piece in pieces))
    assert found.own == found.dense == pytest.approx(3 * 2 * 50_000)
    assert found.shared == ("cifar10", "resnet20_cifar", fields["recipe"])
    assert not found.begun
