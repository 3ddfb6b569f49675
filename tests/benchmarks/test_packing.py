"""Copies of a network side by side on one card, tried with a pretended card."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.base import devices
from benchmarks import packing

NETWORK = ("digits", "convnet_small", "digits")


@pytest.mark.long
def test_copies_are_really_trained_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRUNE_GPUS", "fake")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    found = packing.rates(NETWORK, seconds=0.2, most=2)
    assert list(found) == [1, 2]
    assert all(rate > 0 for rate in found.values())
    assert devices._free_slots("fake", 1, Path(f"/tmp/reprune-{os.getuid()}")), "the slot was given back"


def test_a_copy_that_does_not_fit_ends_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRUNE_GPUS", "fake")
    monkeypatch.setattr(packing.sys, "executable", "/bin/false")
    assert packing.rates(NETWORK, seconds=0.2, most=8) == {}
