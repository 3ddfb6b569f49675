"""What `reprune recipes` prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench import errors
from bench.commands.listing import recipes as listing
from bench.recipe import RECIPES


def shown(text: str | None, capsys: pytest.CaptureFixture[str]) -> Any:
    listing.show(text, as_json=True)
    return json.loads(capsys.readouterr().out)


def test_the_list_has_all_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    found = {each["name"]: each for each in shown(None, capsys)}
    assert set(found) == {file.stem for file in RECIPES.glob("*.yaml")}
    rigl = found["rigl_cifar10"]
    # 97,656 steps of 128 images are 249.99936 epochs of CIFAR-10's 50,000.
    assert (rigl["train"], rigl["datasets"]) == ("97,656 steps (250 epochs)", ["cifar10"])
    assert (rigl["batch_size"], rigl["lr"], rigl["schedule"]) == (128, 0.1, "multistep")
    assert any(paper.startswith("Evci et al.") for paper in rigl["papers"])
    listing.show("digi*", as_json=False)
    assert "24 epochs" in capsys.readouterr().out


def test_one_says_whose_protocol_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    found = shown("rigl_cifar10", capsys)
    protocols = {each["name"]: each for each in found["protocols"]}
    assert protocols["rigl_cifar10"]["differences"] == []
    assert any("first layer" in text for text in protocols["rigl_cifar10"]["deviations"])
    assert "train.steps: 97656 instead of 195312" in protocols["rigl_cifar10_2x"]["differences"]
    assert found["recipe"]["train"]["milestones"] == [30000, 60000, 90000]
    assert "dropout" in found["changed"] and "label_smoothing" not in found["changed"]


def test_fields_that_are_changed_make_it_another_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    twice = "rigl_cifar10[train.steps=195312,train.milestones=[60000,120000,180000]]"
    protocols = {each["name"]: each["differences"] for each in shown(twice, capsys)["protocols"]}
    assert protocols["rigl_cifar10_2x"] == [] and protocols["rigl_cifar10"] != []
    listing.show("rigl_cifar10[dropout=0]", as_json=False)
    out = capsys.readouterr().out
    assert "not this recipe: dropout: 0.0 instead of 0.3" in out and "[30000, 60000, 90000]" in out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rigl", "recipe 'rigl' is not in"),
        ("rigl_cifar1O", "recipe 'rigl_cifar1O' is not in .*; did you mean 'rigl_cifar10'"),
        ("nothing*", "no recipe is called like 'nothing\\*'; there are "),
        ("digits[dropout=2]", "field 'dropout' has to be below 1, not 2"),
    ],
)
def test_what_there_is_not(text: str, sentence: str) -> None:
    with pytest.raises(errors.UserError, match=sentence):
        listing.show(text, as_json=False)
