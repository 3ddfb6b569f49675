"""Snakemake killed, started twice, and in two clones that share their results: nobody has to clear anything."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.counting import flops
from bench.data import info, prepare
from bench.errors import UserError
from bench.workflow import single_instance
from tests.workflow.test_workflow import CHECKOUT, Clone

WAITS = 'while not Path("mended").exists(): __import__("time").sleep(0.1)'
BY_ANOTHER = "this run is being carried out by another job; waiting for it"


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """A clone with the data in it and a method that waits in the middle of a run until a file is there."""
    made = cloned(tmp_path / "clone")
    made.method("waits", WAITS)
    made.grid(methods=["dense", "waits"])
    prepare("digits", made.folder / "results" / "data")
    flops.count("convnet_small", info("digits"), made.folder / "results" / "archs")
    yield made
    (made.folder / "mended").touch()  # whatever still waits may end


def cloned(folder: Path) -> Clone:
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(folder)], check=True)
    return Clone(folder)


def begin(clone: Clone, *words: str) -> subprocess.Popen[str]:
    """Start a call of Snakemake that trains and makes no report, in a process group of its own."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "configs/tiny.yaml"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (clone.folder / "said.txt").open("a") as said:
        return subprocess.Popen(
            [*command, *(words or ("--until", "train"))],
            cwd=clone.folder,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def wait_until(true: Callable[[], Any], what: str) -> None:
    until = time.monotonic() + 300
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.1)


def logs(clone: Clone) -> str:
    return "".join(path.read_text() for path in clone.folder.glob("results/runs/*waits*/log.txt"))


def is_training(clone: Clone) -> bool:
    """The dense run has ended, and the other one has begun."""
    return "[1/2]" in said(clone) and any(clone.folder.glob("results/runs/*waits*/lock"))


def said(clone: Clone) -> str:
    return (clone.folder / "said.txt").read_text()


@pytest.mark.parametrize("job", ["is killed, too", "goes on and ends", pytest.param("goes on", marks=pytest.mark.long)])
def test_after_snakemake_was_killed_the_next_call_just_works(clone: Clone, job: str) -> None:
    first = begin(clone)
    wait_until(lambda: is_training(clone), "a run that waits")
    kill = os.killpg if job == "is killed, too" else os.kill
    kill(first.pid, signal.SIGKILL)
    first.wait()
    assert any((clone.folder / ".snakemake" / "locks").iterdir())

    left = {}
    if job == "goes on and ends":  # its record is there to stay, though Snakemake takes it for incomplete
        (clone.folder / "mended").touch()
        wait_until(lambda: len(clone.records) == 2, "the record of the job that was left alone")
        left = {run: path.read_bytes() for run, path in clone.records.items()}
    second = begin(clone)
    if job == "goes on":  # its replacement keeps out of its way
        wait_until(lambda: BY_ANOTHER in logs(clone), "the replacement waits")
    (clone.folder / "mended").touch()
    assert second.wait(timeout=300) == 0, said(clone)
    assert "The last call was killed: its lock is cleared" in said(clone)
    assert "1 of 2 runs to train" in said(clone)
    assert "Exception" not in said(clone)
    assert {json.loads(path.read_text())["outcome"] for path in clone.records.values()} == {"ok"}
    assert len(clone.records) == 2
    assert logs(clone).count("epoch 0.466667/0.466667") == 1
    assert not list((clone.folder / ".snakemake").glob("locks/*"))
    assert left.items() <= {run: path.read_bytes() for run, path in clone.records.items()}.items()


def test_a_second_workflow_in_a_folder_is_refused_in_one_sentence_and_hurts_nothing(clone: Clone) -> None:
    first = begin(clone)
    wait_until(lambda: is_training(clone), "a run that waits")
    before = said(clone)
    ended = clone.snakemake()
    assert ended.status == 2
    assert ended.out == ""
    (line,) = ended.said
    assert re.fullmatch(
        rf"reprune: another workflow \(process {first.pid} on \S+\) is at work in this folder; wait until it has "
        "ended, stop it, or start this one in a clone of its own, which may share the folder of results.",
        line,
    )
    assert clone.snakemake("-n").status == 0  # looking is allowed
    (clone.folder / "mended").touch()
    assert first.wait(timeout=300) == 0, said(clone)
    assert said(clone).startswith(before)
    assert len(clone.records) == 2


@pytest.mark.parametrize("words", [("--until", "train"), pytest.param(("--until", "all"), marks=pytest.mark.long)])
def test_two_clones_that_share_their_results_both_finish(tmp_path: Path, words: tuple[str, ...]) -> None:
    clones = [cloned(tmp_path / name) for name in ("one", "other")]
    for clone in clones:
        (clone.folder / "results").symlink_to(tmp_path / "shared", target_is_directory=True)
        clone.grid()
    (tmp_path / "shared").mkdir()
    calls = [begin(clone, *words) for clone in clones]
    for call, clone in zip(calls, clones, strict=True):
        assert call.wait(timeout=600) == 0, said(clone)
        assert "Warning" not in said(clone)
    assert len(clones[0].records) == 2
    trained = "".join(path.read_text() for path in (tmp_path / "shared").glob("runs/*/log.txt"))
    assert trained.count("epoch 0.466667/0.466667") == 2
    for clone in clones:
        assert clone.snakemake("-n", *words).out.startswith("Every run is finished.")
    if "all" in words:
        assert clones[0].table == clones[1].table


def test_only_one_is_told_from_a_dead_ones_lock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    another = single_instance.only_one(tmp_path)
    with single_instance.only_one(tmp_path), pytest.raises(UserError, match=rf"process {os.getpid()} on .* is at work"):
        another.__enter__()
    assert capsys.readouterr().out == ""
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.output.lock").write_text("results/runs/a/record.json\n")
    with single_instance.only_one(tmp_path):
        assert not (tmp_path / "locks").exists()
    assert "its lock is cleared" in capsys.readouterr().out
