"""What `reprune archs` prints."""

from __future__ import annotations

import json

import pytest

from bench import archs, errors
from bench.commands.listing import archs as listing


def test_the_list_has_all_of_ours_and_builds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    listing.show(None, "", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found] == list(archs.OWN)
    # Counted by hand in test_archs_sizes.py.
    assert (found[1]["name"], found[1]["parameters"], found[1]["macs"]) == ("resnet20_cifar", 272_474, 40_813_184)


def test_a_pattern_finds_ours_and_timms(capsys: pytest.CaptureFixture[str]) -> None:
    listing.show("*resnet34*", "", as_json=True)
    found = {each["name"]: each["from"] for each in json.loads(capsys.readouterr().out)}
    assert found.items() >= {"resnet34_cifar": "reprune", "resnet34": "timm", "resnet34d": "timm"}.items()
    listing.show("*resnet34*", "", as_json=False)
    assert "resnet34d" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("no*such", "no architecture is called like 'no\\*such'."), ("resnet20_cifr", "close are resnet20_cifar")],
)
def test_what_there_is_not(name: str, sentence: str) -> None:
    with pytest.raises(errors.UserError, match=sentence):
        listing.show(name, "", as_json=False)


def test_one_in_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    listing.show("resnet20_cifar", "", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["dataset"], found["parameters"], found["macs"]) == ("cifar10", 272_474, 40_813_184)
    # All but scale and shift of 16·7 + 32·7 + 64·7 = 784 maps, and ten biases.
    assert found["prunable"] == 272_474 - 2 * 784 - 10
    assert sum(layer["macs"] for layer in found["layers"]) == found["macs"]
    assert found["layers"][0] == {"name": "conv1.weight", "shape": [16, 3, 3, 3], "weights": 432, "macs": 442_368}
    assert "configs/papers/dpf.yaml" in found["grids"] and found["pretrained"] == []
    assert any("Dynamic Model Pruning with Feedback" in paper for paper in found["papers"])


def test_one_for_people_with_another_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    listing.show("convnet_small", "digits", as_json=False)
    out = capsys.readouterr().out
    # Grey images: 2·144 weights fewer in the first layer than the 72,954 of colour images.
    assert "On digits (10 classes, 1x8x8): 72,666 parameters" in out
    assert "fc.weight" in out and "configs/quick.yaml" in out


def test_a_network_that_cannot_take_the_images_is_one_sentence() -> None:
    with pytest.raises(errors.UserError, match="architecture 'inception_v3' can't take images of 1x8x8"):
        listing.describe("inception_v3", "digits")


def test_pretrained_weights_are_named_as_timm_names_them() -> None:
    found = listing.describe("test_resnet.r160_in1k", "cifar10")
    assert (found["from"], found["pretrained"]) == ("timm", ["test_resnet.r160_in1k"])
