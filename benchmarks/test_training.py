"""What the engine adds to a training step, and what methods add to a dense one; on one thread, in CPU time."""

from __future__ import annotations

from typing import Any

import pytest

from bench.base import determinism
from benchmarks.loops import LENET, bare_epoch, recipe, steps_of, trainer

STEPS, TEST = 4, 102
"""A short epoch with CIFAR-10's share of test images."""

TARGETS = {"snip": 1.03, "rigl": 1.03, "dpf": 1.08, "str": 1.08}
"""With a fixed mask; with a straight-through one; reparametrised."""


def test_dense_epoch_against_the_barest_loop(ratio: Any) -> None:
    """Training and evaluation; the engine also crops and flips."""
    engine = steps_of(trainer("dense", steps=STEPS, test=TEST), STEPS)
    bare = bare_epoch(STEPS, TEST)
    ratio("images/s of a dense epoch", engine, "the barest loop", bare, target=0.97, better="higher", rounds=9)


def test_dense_epoch_of_a_small_network(ratio: Any) -> None:
    """LeNet-300-100, whose steps take 3 ms: what the engine does around a step weighs most here."""
    steps, test = 108, 2000  # a fifth of MNIST
    engine = steps_of(trainer("dense", steps=steps, test=test, load=LENET), steps)
    bare = bare_epoch(steps, test, LENET)
    ratio(
        "images/s of a small network's epoch", engine, "the barest loop", bare, target=0.85, better="higher", rounds=9
    )


@pytest.mark.parametrize("method", TARGETS)
def test_step_of_a_method_against_a_dense_one(ratio: Any, method: str) -> None:
    """Between two mask updates, but for STR, which updates its masks in every step."""
    ours, dense = steps_of(trainer(method)), steps_of(trainer("dense"))
    ratio(f"a step of {method}", ours, "a dense step", dense, target=TARGETS[method], rounds=15)


def test_the_price_of_deterministic_mode(ratio: Any) -> None:
    """A dense step in the default mode against one in `mode: fast`."""
    strict, fast = recipe(), recipe(mode="fast")
    ours, other = steps_of(trainer("dense")), steps_of(trainer("dense", mode="fast"))

    def deterministic() -> None:
        determinism.configure(strict, 1)
        ours()

    def free() -> None:
        determinism.configure(fast, 1)
        other()

    ratio("a step in deterministic mode", deterministic, "in fast mode", free, target=None, rounds=11)
