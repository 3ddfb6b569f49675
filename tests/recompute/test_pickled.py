"""Whole modules in files: their weights come out, their classes do not come in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.errors import UserError
from bench.recompute import pickled
from bench.recompute.sources import dpp_thesis
from tests.recompute.brought import brought

CONTAINER = "torch.nn.modules.container.Sequential"
LINEAR, NORM = "torch.nn.modules.linear.Linear", "torch.nn.modules.batchnorm.BatchNorm1d"


def test_a_module_gives_up_its_weights(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Sequential(nn.BatchNorm1d(2)))
    torch.save(network, tmp_path / "module.pth")
    found, expected = pickled.weights(tmp_path / "module.pth", (CONTAINER, LINEAR, NORM)), network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_class_that_is_not_named_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(3, 2)), tmp_path / "module.pth")
    with pytest.raises(UserError, match="Sequential alone"):
        pickled.weights(tmp_path / "module.pth", (CONTAINER,))


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, (f"open({str(tmp_path / 'harmed')!r}, 'w')",)

    torch.save({"weights": Harm()}, tmp_path / "module.pth")
    with pytest.raises(UserError, match="can't be read"):
        pickled.weights(tmp_path / "module.pth", (LINEAR,))
    assert not (tmp_path / "harmed").exists()


def test_what_is_no_module_is_said(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(1)}, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="found dict"):
        pickled.weights(tmp_path / "weights.pth", (LINEAR,))


def test_a_perceptron_is_as_wide_as_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FeedForwardNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2, self.fc3 = nn.Linear(784, 7), nn.Linear(7, 5), nn.Linear(5, 10)

    FeedForwardNet.__module__, FeedForwardNet.__qualname__ = "__main__", "FeedForwardNet"
    monkeypatch.setattr(sys.modules["__main__"], "FeedForwardNet", FeedForwardNet, raising=False)
    theirs = FeedForwardNet()
    torch.save(theirs, tmp_path / "model.pth")
    ours = dpp_thesis.load(tmp_path / "model.pth")
    x = torch.randn(4, 1, 28, 28)
    with torch.no_grad():
        expected = theirs.fc3(theirs.fc2(theirs.fc1(x.flatten(1)).relu()).relu())
        assert torch.equal(ours(x), expected)


def test_published_modules_are_the_expected_ones() -> None:
    network = dpp_thesis.load(brought("dpp_thesis", "retrained"))
    assert [layer.out_features for layer in network.modules() if isinstance(layer, nn.Linear)] == [75, 25, 10]
