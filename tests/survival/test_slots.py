"""Sixteen jobs on four slots, killed at random: none is lost, doubled or half-written, and no device is overfull."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from bench.base import devices
from tests.survival.killing import Blow, carry_out, ended, fresh, litter, record, start, steps, words

JOBS, DEVICES, PER_DEVICE = 16, 2, 2


@pytest.mark.parametrize("kills", [1, pytest.param(4, marks=pytest.mark.long)])
def test_sixteen_jobs_on_four_slots_with_random_kills(prepared: Path, tmp_path: Path, kills: int) -> None:
    names = [f"{tmp_path.parent.name}-{tmp_path.name}-{number}" for number in range(DEVICES)]
    fakes = {"REPRUNE_GPUS": ",".join(names)}
    results, draw = fresh(tmp_path / "results", prepared), random.Random(0)
    commands = [words("dense", results, "--seed", str(seed), "--slots-per-gpu", "2") for seed in range(JOBS)]
    killed = dict.fromkeys(range(JOBS), 0)
    waiting = {seed: start(command, blow(draw), environment=fakes) for seed, command in enumerate(commands)}
    while waiting:
        seed, job = waiting.popitem()
        if ended(job) == -signal.SIGKILL:
            killed[seed] += 1
            again = [blow(draw)] if killed[seed] < kills else []
            waiting[seed] = start(commands[seed], *again, environment=fakes)
        else:
            assert job.exitcode == 0

    assert sum(killed.values()) >= JOBS
    overfull, fullest = held_at_once(results / "slots.txt")
    assert overfull <= PER_DEVICE
    assert fullest == DEVICES * PER_DEVICE  # there was a moment at which all were taken, so this has tested something
    done = steps(results)
    for seed, command in enumerate(commands):
        own = [step for step in done if step.startswith(f"{seed} ")]
        assert len(set(own)) == 30
        assert len(own) - 30 <= killed[seed]
        assert record(command)["outcome"] == "ok"
    assert litter(results) == []
    left_alone = words("dense", fresh(tmp_path / "alone", prepared), "--seed", "3")
    assert carry_out(left_alone) == 0
    assert record(commands[3]) == record(left_alone)
    for name in names:
        assert len(devices._free_slots(name, PER_DEVICE, Path("/tmp") / f"reprune-{os.getuid()}")) == PER_DEVICE


def blow(draw: random.Random) -> Blow:
    """Somewhere in a run of thirty steps, or when it is measured."""
    place = draw.choice(["training", "checkpoint", "measuring"])
    return Blow(place, 1 if place == "measuring" else draw.randint(1, 20))


def held_at_once(notes: Path) -> tuple[int, int]:
    """The most jobs that were ever on one device, and on all."""
    held: dict[str, int] = {}
    most = fullest = 0
    for line in sorted(notes.read_text().splitlines(), key=lambda line: float(line.split()[0])):
        _, what, device = line.split()
        held[device] = held.get(device, 0) + (1 if what == "takes" else -1)
        most, fullest = max(most, held[device]), max(fullest, sum(held.values()))
    return most, fullest
