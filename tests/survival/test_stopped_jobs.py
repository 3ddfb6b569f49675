"""SIGTERM, as a cluster sends it before it takes a machine away: the job ends soon, and no step is trained twice."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.base.devices import device_slot
from bench.base.locks import held
from bench.training.run import INTERRUPTED
from tests.jobs import asked
from tests.survival.killing import Blow, carry_out, ended, fresh, litter, record, start, steps, wait_for, words

SELDOM = ("--checkpoint-seconds", "3600")  # the only checkpoints are those that the signal asks for


class Left(NamedTuple):
    """What a run that was left alone leaves."""

    record: Any
    steps: list[str]


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Left:
    results = fresh(tmp_path_factory.mktemp("rigl") / "results", prepared)
    assert carry_out(words("rigl", results)) == 0
    return Left(record(words("rigl", results)), steps(results))


def stopped(*places: tuple[str, int]) -> list[Blow]:
    return [Blow(place, call, number=signal.SIGTERM) for place, call in places]


@pytest.mark.parametrize(
    ("place", "call", "status"),
    [
        ("imports", 1, -signal.SIGTERM),
        ("training", 10, INTERRUPTED),
        ("mask update", 3, INTERRUPTED),
        ("evaluation", 1, INTERRUPTED),
        ("measuring", 1, -signal.SIGTERM),
    ],
)
def test_sigterm_loses_no_step(
    undisturbed: Left, prepared: Path, tmp_path: Path, place: str, call: int, status: int
) -> None:
    command = words("rigl", fresh(tmp_path / "results", prepared), *SELDOM)
    assert carry_out(command, *stopped((place, call))) == status
    assert record(command) is None
    assert carry_out(command) == 0
    assert record(command) == undisturbed.record
    assert steps(tmp_path / "results") == undisturbed.steps
    assert litter(tmp_path / "results") == []


def test_sigkill_after_a_grace_too_short_for_the_checkpoint_costs_what_the_one_before_lacks(
    undisturbed: Left, prepared: Path, tmp_path: Path
) -> None:
    command = words("rigl", fresh(tmp_path / "results", prepared))
    blows = [*stopped(("training", 10)), Blow("half a file", 2 * 9 + 1)]  # a file and its folder for each of nine steps
    assert carry_out(command, *blows) == -signal.SIGKILL
    assert carry_out(command) == 0
    assert record(command) == undisturbed.record
    assert len(steps(tmp_path / "results")) == len(undisturbed.steps) + 1
    assert litter(tmp_path / "results") == []


def test_sigterm_ends_a_job_that_waits_for_its_double(undisturbed: Left, prepared: Path, tmp_path: Path) -> None:
    results = fresh(tmp_path / "results", prepared)
    command = words("rigl", results)
    run = results / "runs" / asked(command).spec().id
    with held(run / "lock", busy=lambda: None):
        job = start(command)
        wait_for("is being carried out by another job; waiting for it", results)
        job.terminate()
        assert ended(job) == -signal.SIGTERM
    assert carry_out(command) == 0
    assert record(command) == undisturbed.record


def test_sigterm_ends_a_job_that_waits_for_a_gpu(
    undisturbed: Left, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes = {"REPRUNE_GPUS": f"{tmp_path.parent.name}-{tmp_path.name}"}
    monkeypatch.setenv(*next(iter(fakes.items())))
    command = words("rigl", fresh(tmp_path / "results", prepared))
    with device_slot(1):
        assert ended(start(command, *stopped(("waiting", 1)), environment=fakes)) == -signal.SIGTERM
    assert ended(start(command, environment=fakes)) == 0
    assert record(command) == undisturbed.record
