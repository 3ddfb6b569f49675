"""A disk that is really full or read-only: one sentence, nothing half-written, nothing finished lost, the same bits."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import data
from bench.base import disk
from bench.base.atomic import write_atomic
from bench.counting import flops
from bench.data import info
from bench.errors import DiskError
from bench.results import record, seal
from bench.training.run import main
from tests.jobs import handed
from tests.small_disk import ROOT, Disk, answer

WORDS = [
    *("--dataset", "digits", "--architecture", "convnet_small", "--method", "magnitude", "--points", "0.9"),
    *("--recipe", "digits[train.epochs=1,train.milestones=[0.5],finetune.epochs=1]", "--checkpoint-seconds", "0"),
]
FULL = {  # the file, and which time it is written
    "checkpoint": (".checkpoint.pt.", 30),  # in the fine-tuning
    "final": (".final.pt.", 2),
    "weights": (".weights.safetensors.", 1),
    "predictions": (".predictions.npz.", 1),
    "record": (".record.json.", 1),
}


def call(results: Path) -> tuple[int, list[str]]:
    """`reprune run` as a command line calls it: its exit status, and what it said but for the progress of training."""
    logging.getLogger().handlers.clear()
    with contextlib.redirect_stderr(io.StringIO()) as said:
        status = main(handed([*WORDS, "--results", str(results)]))
    return status, [
        line for line in said.getvalue().splitlines() if not re.search(r" epoch \d|goes on from| ok $", line)
    ]


def tree(results: Path) -> dict[str, str]:
    """The digest of every file."""
    files = [path for path in results.rglob("*") if path.is_file()]
    return {str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def sound(path: Path) -> bool:
    """Whether a checkpoint or a finished stage can be read."""
    head, _, body = path.read_bytes().partition(b"\n")
    return seal.problem(head, body, json.loads(head)["owner"]) is None


def bits(results: Path) -> list[str]:
    return [
        result.weights_sha256 for path in results.glob("runs/*/record.json") for result in record.read(path).results
    ]


def full_disk(folder: Path) -> dict[str, Any]:
    """The scenario: the same run with the disk full at another file each time, then with room again."""
    small = Disk(folder, 8)
    data.prepare("digits", folder / "fresh" / "data")
    flops.count("convnet_small", info("digits"), folder / "fresh" / "archs")
    found: dict[str, Any] = {"undisturbed": call(shutil.copytree(folder / "fresh", folder / "undisturbed"))}
    expected = bits(folder / "undisturbed")
    for what, (name, times) in FULL.items():
        results = shutil.copytree(folder / "fresh", folder / what)
        small.when_opened(name, lambda: small.fill(pages=1), times)
        status, said = call(results)
        before = tree(results)
        small.free()
        again = call(results)
        after = tree(results)
        found[what] = {
            "status": status,
            "said": said,
            "half": [path for path in before if Path(path).name.startswith(".")],
            "unsound": [
                path for path in before if path.endswith(".pt") and path in after and not sound(results / path)
            ],
            "records": [path for path in before if path.endswith("record.json")],
            "lost": [path for path in before if path.endswith("final.pt") and after.get(path) != before[path]],
            "finished": sum(path.endswith("final.pt") for path in before),
            "again": again,
            "same": bits(results) == expected,
        }
        shutil.rmtree(results)
    results = shutil.copytree(folder / "fresh", folder / "log")
    small.when_opened("log.txt", small.fill)
    small.when_opened(".checkpoint.pt.", small.free)
    status, said = call(results)
    lines = next(results.glob("runs/*/log.txt")).read_text().splitlines()
    return found | {"log": {"status": status, "said": said, "same": bits(results) == expected, "lines": lines}}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the scenario saw."""
    found: dict[str, Any] = answer("tests.base.test_disk:full_disk", tmp_path_factory.mktemp("full"))
    assert found["undisturbed"] == [0, []]
    return found


@pytest.mark.parametrize("what", FULL)
def test_a_full_disk_stops_a_run_in_one_sentence_and_loses_nothing(full: dict[str, Any], what: str) -> None:
    seen = full[what]
    (sentence,) = seen["said"]
    assert seen["status"] == 2
    assert FULL[what][0].strip(".") in sentence
    assert "could not be written: no space is left on " in sentence
    assert "of 8 MiB free); make room there, then start the same call again." in sentence
    assert (seen["half"], seen["unsound"], seen["records"], seen["lost"]) == ([], [], [], [])
    assert seen["finished"] == {"checkpoint": 1, "final": 1}.get(what, 2), "what was finished is not done again"
    assert seen["again"] == [0, []]
    assert seen["same"]


def test_a_log_that_takes_no_lines_does_not_end_the_run(full: dict[str, Any]) -> None:
    seen = full["log"]
    assert (seen["status"], seen["same"]) == (0, True)
    (sentence,) = seen["said"]
    assert sentence.endswith("log.txt takes no lines (No space left on device); the run goes on")
    assert seen["lines"][-1].endswith(" ok ")


def read_only(folder: Path) -> dict[str, Any]:
    """The scenario: a job and a workflow whose results lie on a disk that is mounted read-only."""
    small = Disk(folder, 8)
    (folder / "runs").mkdir()
    small.read_only()
    job = call(folder)
    words = ["--cores", "1", "--configfile", "configs/quick.yaml", "--config", f"results={folder}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    return {"job": job, "workflow": [done.returncode, done.stdout, done.stderr], "torch": "torch" in sys.modules}


def test_read_only_results_are_one_sentence_before_anything_starts(tmp_path: Path) -> None:
    seen = answer("tests.base.test_disk:read_only", tmp_path)
    sentence = (
        f"reprune: nothing can be written to {tmp_path}: {tmp_path} is mounted read-only; "
        "name another folder, or have it mounted for writing."
    )
    assert seen["job"] == [2, [sentence]]
    status, printed, said = seen["workflow"]
    assert (status, printed) == (2, "")
    assert said.splitlines()[-1] == sentence


def test_a_folder_one_may_not_write_to_is_one_sentence(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("root may write everywhere")
    with pytest.raises(DiskError, match=r"nothing can be written to \S+: you are not allowed to; name another folder"):
        disk.check(closed)


def test_a_name_that_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match=r"file/\S+ could not be written: Not a directory \(on /\S*\)"):
        write_atomic(tmp_path / "file" / "a" / "b.json", b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
