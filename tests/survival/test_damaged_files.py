"""Files that were damaged between two jobs: found out, said in the log, and the result is the same."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.survival.killing import Blow, carry_out, ended, fresh, record, start, steps, wait_for, words

PASSED_OVER = "{} is passed over and deleted: {}"
DAMAGED = "its checksum does not match (truncated or damaged)"


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """The record of a run that was left alone, by method."""

    @cache
    def left(method: str) -> Any:
        results = fresh(tmp_path_factory.mktemp(method) / "results", prepared)
        assert carry_out(words(method, results)) == 0
        return record(words(method, results))

    return left


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def another_runs(path: Path) -> None:
    head, _, body = path.read_bytes().partition(b"\n")
    path.write_bytes(head.replace(b'"owner": "', b'"owner": "0') + b"\n" + body)


def of_another_version(path: Path) -> None:
    head, _, body = path.read_bytes().partition(b"\n")
    path.write_bytes(head.replace(b'"format": 1', b'"format": 0') + b"\n" + body)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (truncate, DAMAGED),
        (flip_a_bit, DAMAGED),
        (another_runs, "it belongs to another run"),
        (of_another_version, "it was written by another version of the code (format 0, not 1)"),
    ],
)
def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(
    undisturbed: Callable[[str], Any], prepared: Path, tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    results = fresh(tmp_path / "results", prepared)
    command = words("rigl", results)
    assert carry_out(command, Blow("training", 20)) == -signal.SIGKILL  # 19 steps are done, the 19th checkpoint damaged
    damage(the("checkpoint.pt", results))
    assert carry_out(command) == 0
    assert record(command) == undisturbed("rigl")
    log = the("log.txt", results).read_text()
    assert PASSED_OVER.format("checkpoint.pt", reason) in log
    assert "goes on from step 18 of 30" in log
    assert steps(results)[18:20] == ["0 train 18"] * 2


def test_what_a_checkpoint_holds_is_that_of_its_format(prepared: Path, tmp_path: Path) -> None:
    """If this fails, code would misread the checkpoints that lie about: raise `seal.FORMAT`, and change this.

    A part that older code left out, and that this code can do without, is no reason to: ``parents`` is one.
    """
    results = fresh(tmp_path / "results", prepared)
    assert carry_out(words("rigl", results), Blow("training", 2)) == -signal.SIGKILL
    head, _, body = the("checkpoint.pt", results).read_bytes().partition(b"\n")
    content = torch.load(io.BytesIO(body), weights_only=True)
    assert json.loads(head)["format"] == 1
    assert sorted(content) == ["extras", "masks", "model", "optimizer", "parents", "progress", "state"]
    assert " ".join(sorted(content["progress"])) == (
        "best_accuracy best_epoch changed curve images loss mask_updates seconds selected_accuracy step trained_images "
        "training_macs"
    )


def test_with_both_checkpoints_damaged_it_begins_anew(
    undisturbed: Callable[[str], Any], prepared: Path, tmp_path: Path
) -> None:
    results = fresh(tmp_path / "results", prepared)
    command = words("rigl", results)
    assert carry_out(command, Blow("training", 5)) == -signal.SIGKILL
    truncate(the("checkpoint.pt", results))
    flip_a_bit(the("checkpoint.pt.previous", results))
    assert carry_out(command) == 0
    assert record(command) == undisturbed("rigl")
    assert "goes on" not in the("log.txt", results).read_text()


def test_a_finished_stage_and_a_snapshot_that_are_damaged_are_trained_again(
    undisturbed: Callable[[str], Any], prepared: Path, tmp_path: Path
) -> None:
    results = fresh(tmp_path / "results", prepared)
    command = words("lth", results)
    assert carry_out(command) == 0
    snapshot = the("snapshot-15.pt", results)
    flip_a_bit(snapshot)
    for stage in results.glob("stages/*/final.pt"):
        if stage.parent != snapshot.parent:
            truncate(stage)
    the("record.json", results).unlink()
    before = len(steps(results))
    assert carry_out(command) == 0
    assert record(command) == undisturbed("lth")
    log = the("log.txt", results).read_text()
    assert PASSED_OVER.format("snapshot-15.pt", DAMAGED) in log
    assert log.count(PASSED_OVER.format("final.pt", DAMAGED)) == 2
    assert "pretrain: training its first 15 steps again for a snapshot" in log
    assert len(steps(results)) - before == 15 + 15 + 15


def test_a_rewinding_that_is_killed_goes_on_and_two_jobs_at_once_do_it_once(
    undisturbed: Callable[[str], Any], prepared: Path, tmp_path: Path
) -> None:
    """The dense network was trained for itself, so the snapshot is missing; its first epoch has to be trained again."""
    results = fresh(tmp_path / "results", prepared)
    assert carry_out(words("dense", results)) == 0
    command = words("lth", results)
    assert carry_out(command, Blow("training", 8)) == -signal.SIGKILL
    first = start(command, Blow("training", 3, number=signal.SIGSTOP))
    wait_for("pretrain goes on from step 7 of 30", results)
    second = start(words("one round", results))
    wait_for("pretrain is being trained by another job; waiting for it", results)
    os.kill(first.pid or 0, signal.SIGCONT)
    assert [ended(job) for job in (first, second)] == [0, 0]
    assert record(command)["results"] == undisturbed("lth")["results"]
    assert [step for step in steps(results) if "pretrain" in step] == [f"0 pretrain {step}" for step in range(15)]


@pytest.mark.parametrize("damage", [truncate, flip_a_bit])
def test_damaged_data_are_one_sentence_and_no_record(
    prepared: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    results = fresh(tmp_path / "results", prepared)
    damage(results / "data" / "digits.safetensors")
    command = words("rigl", results)
    assert carry_out(command) == 2
    (line,) = (results / "output.txt").read_text().splitlines()
    assert line.startswith(f"reprune: {results}/data/digits.safetensors is damaged (")
    assert line.endswith("; delete it and prepare it again.")
    assert record(command) is None


def the(name: str, results: Path) -> Path:
    """The one file of this name."""
    (found,) = [*results.glob(f"stages/*/{name}"), *results.glob(f"runs/*/{name}")]
    return found
