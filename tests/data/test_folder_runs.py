"""Whole runs on an image folder: by method, and killed in the middle of an epoch with worker processes at work."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench import data, recipe
from bench.data import catalog
from bench.plan.job import Job
from bench.plan.lineage import identify, identities
from bench.results import record
from bench.results.record import Record
from bench.sharing.extract import extract
from bench.spec import RunSpec
from bench.training import checkpoint
from bench.training.pretrained import evaluate_weights
from bench.training.run import INTERRUPTED, execute
from tests import photographs

ROOT = Path(__file__).parents[2]
STEPS = 5
"""In an epoch: 24 images in batches of 5."""
RECIPE = (
    "digits[batch_size=5,train.epochs={epochs},train.milestones=[],train.schedule=constant,train.lr=0.02,"
    "data.crop_padding=0,data.flip=true,data.photographs.crop_fraction=0.9,data.photographs.rand_augment=5,"
    "data.photographs.mixup=0.2]"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photographs, their description and their index."""
    photographs.draw(tmp_path)
    photographs.describe(tmp_path)
    monkeypatch.setenv("REPRUNE_DATA", str(tmp_path))
    monkeypatch.setattr(catalog, "FOLDERS", tmp_path)
    data.prepare("photos", tmp_path / "results" / "data")
    return tmp_path


def spec_for(method: str, epochs: int) -> RunSpec:
    """A run of `convnet_small`; masks of methods that change them do so every 4 steps."""
    text = RECIPE.format(epochs=epochs)
    return identify(
        RunSpec(
            dataset="photos",
            architecture="convnet_small",
            method=method,
            hyperparameters={"schedule.every": 4} if method in ("gmp", "rigl") else {},
            points=() if method == "dense" else (0.5,),
            seed=0,
            recipe=recipe.load(text),
            recipe_text=text,
        )
    )


@pytest.mark.parametrize("method", ["dense", "magnitude", "gmp", "snip", "rigl"])
def test_a_run_from_the_photographs_to_the_record(place: Path, method: str) -> None:
    spec, results = spec_for(method, epochs=3), place / "results"
    found = execute(spec, results)
    assert (found.outcome, found.reason) == ("ok", "")
    (result,) = found.results
    assert result.test_images == photographs.CLASSES * photographs.TEST
    assert result.counts.prunable_sparsity == pytest.approx(0.0 if method == "dense" else 0.5, abs=0.01)
    assert result.layers[0].macs_dense == result.layers[0].shape[0] * 3 * 9 * photographs.SIDE**2
    assert len(found.provenance["data_sha256"]) == 64
    said = extract(spec.id, results, place / "plain.safetensors")
    assert "--crop-fraction 0.9" in said
    again = evaluate_weights(
        place / "plain.safetensors",
        spec.architecture,
        spec.dataset,
        data_folder=results / "data",
        photographs=spec.recipe.data.photographs,
    )
    assert again.accuracy == result.accuracy


def test_a_damaged_photograph_ends_the_run_with_its_name(place: Path) -> None:
    image = place / "photos" / "train" / "class0" / "0.jpg"
    image.write_bytes(b"x" * image.stat().st_size)
    found = execute(spec_for("dense", epochs=3), place / "results")
    assert found.outcome == "error"
    assert found.reason == f"{image}: the image cannot be decoded (it is no image)."


# -- killed -----------------------------------------------------------------------------------------------------------

JOB = """
import sys
from pathlib import Path
from bench.data import catalog
from bench.training.run import main
catalog.FOLDERS = Path(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


def start(place: Path, spec: RunSpec, results: Path, workers: int) -> subprocess.Popen[bytes]:
    """The job as Snakemake starts it, on a pretended GPU, with a checkpoint at every step."""
    job = Job.of(spec, results=results, checkpoint_seconds=0, workers=workers)
    environment = os.environ | {"REPRUNE_GPUS": f"pretended-{os.getpid()}", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", JOB, str(place), job.text], env=environment)


def step_of(spec: RunSpec, results: Path) -> int:
    """The step of the checkpoint that is there."""
    (identity,) = identities(spec).values()
    found = checkpoint.load(results / "stages" / identity[:32] / "checkpoint.pt", identity, torch.device("cpu"))
    assert found is not None
    return int(found["progress"]["step"])


def saved(results: Path) -> list[int]:
    """When checkpoints were written; empty for the moment in which one takes another's place."""
    try:
        return [path.stat().st_mtime_ns for path in results.glob("stages/*/checkpoint.pt")]
    except FileNotFoundError:
        return []


def workers_of(job: subprocess.Popen[bytes]) -> list[int]:
    tasks = Path(f"/proc/{job.pid}/task").glob("*/children")
    found = [int(word) for task in tasks for word in task.read_text().split()]
    return [pid for pid in found if b"bench.data.decoding" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def alive(pid: int) -> bool:
    """Whether a process is there and no mere entry of one that ended."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def within(seconds: float, happens: Callable[[], object]) -> bool:
    end = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def slot_is_free() -> bool:
    path = Path("/tmp") / f"reprune-{os.getuid()}" / f"pretended-{os.getpid()}.0.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to look at processes")
def test_a_run_killed_in_mid_epoch_goes_on_with_the_same_bits_and_leaves_no_process(place: Path) -> None:
    spec, results = spec_for("gmp", epochs=16), place / "results"
    data.prepare("photos", place / "undisturbed" / "data")
    undisturbed = execute(spec, place / "undisturbed")
    for number, count in ((signal.SIGKILL, 2), (signal.SIGTERM, 1)):
        before = saved(results)
        job = start(place, spec, results, count)
        assert within(300, lambda before=before, job=job: saved(results) != before or job.poll() is not None)
        workers = workers_of(job)
        assert len(workers) == count
        assert not slot_is_free()
        while True:  # until it is stopped in mid-epoch
            job.send_signal(signal.SIGSTOP)
            if step_of(spec, results) % STEPS:
                break
            job.send_signal(signal.SIGCONT)
            time.sleep(0.02)
        job.send_signal(number)
        job.send_signal(signal.SIGCONT)
        assert job.wait(300) == (-signal.SIGKILL if number == signal.SIGKILL else INTERRUPTED)
        assert slot_is_free(), "no worker holds the lock of the job that is gone"
        assert within(300, lambda workers=workers: not any(map(alive, workers)))
        assert 0 < step_of(spec, results) < 16 * STEPS
    assert start(place, spec, results, workers=0).wait(300) == 0
    found: Record = record.read(results / "runs" / spec.id / "record.json")
    assert found.results[0].weights_sha256 == undisturbed.results[0].weights_sha256
    assert found.results[0].accuracy == undisturbed.results[0].accuracy
    assert (results / "runs" / spec.id / "log.txt").read_text().count("goes on from step") == 2
