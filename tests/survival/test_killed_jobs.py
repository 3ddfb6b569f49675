"""SIGKILL at random moments of a job: what is started again ends as if nothing had been, and trains nothing twice."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.survival.killing import Blow, carry_out, fresh, litter, record, steps, words

DEFAULT = 3
MANY = pytest.param(20, marks=pytest.mark.long)

MOMENTS = {
    # what is struck: the method, and by place its last call that is struck and the longest time into it
    "training": ("rigl", {"training": (25, 0.05), "evaluation": (2, 0.02)}),
    "a mask update": ("rigl", {"mask update": (6, 0.01)}),
    "writing a checkpoint": ("lth", {"checkpoint": (50, 0.01), "half a file": (100, 0.0), "renaming": (100, 0.001)}),
    "measuring and recording": ("rigl", {"measuring": (1, 0.05), "record": (1, 0.02)}),
}


class Left(NamedTuple):
    """What a run that was left alone leaves."""

    record: Any
    steps: list[str]


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Left]:
    """By method."""

    @cache
    def left(method: str) -> Left:
        results = fresh(tmp_path_factory.mktemp(method) / "results", prepared)
        assert carry_out(words(method, results)) == 0
        return Left(record(words(method, results)), steps(results))

    return left


@pytest.mark.parametrize("kills", [DEFAULT, MANY])
@pytest.mark.parametrize("moment", MOMENTS)
def test_sigkill_changes_no_bit_and_no_step_is_trained_twice(
    undisturbed: Callable[[str], Left], prepared: Path, tmp_path: Path, moment: str, kills: int
) -> None:
    method, places = MOMENTS[moment]
    draw = random.Random(f"{moment} {kills}")
    results, left = fresh(tmp_path / "results", prepared), undisturbed(method)
    command = words(method, results)
    struck = here = 0
    while struck < kills:
        place = draw.choice(list(places))
        last, longest = places[place]
        blow = Blow(place, draw.randint(1, last), draw.choice([0.0, draw.uniform(0, longest)]))
        status = carry_out(command, blow)
        if status == -signal.SIGKILL:
            struck, here = struck + 1, here + 1
            continue
        assert status == 0  # it ended before that call: what came out is right, and the next job begins anew
        assert record(command) == left.record
        results, here = fresh(tmp_path / "results", prepared), 0
    assert carry_out(command) == 0
    assert record(command) == left.record
    assert litter(results) == []
    done = steps(results)
    assert set(done) == set(left.steps)
    assert len(done) - len(set(done)) <= here  # no more than the step in which, or before whose checkpoint, it struck
