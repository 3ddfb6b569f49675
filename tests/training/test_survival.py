"""Real processes, really killed: what is started again ends with the same bits."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.counting import flops
from bench.data import info, prepare
from bench.results import record
from bench.training.run import INTERRUPTED
from tests.jobs import asked, handed

ROOT = Path(__file__).parents[2]
WORDS = [
    *("--dataset", "digits", "--architecture", "resnet8_cifar", "--method", "rigl[schedule.every=5]"),
    *("--points", "0.9", "--recipe", "digits[train.epochs=10,train.milestones=[5,8],evaluate_every=1]"),
    *("--checkpoint-seconds", "0.1"),
]


def start(results):
    """The job as Snakemake starts it."""
    command = [sys.executable, "-m", "bench.training.run", *handed([*WORDS, "--results", str(results)])]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)


def finish(results):
    """Run the job to its end and read the record."""
    job = start(results)
    _, errors = job.communicate(timeout=300)
    assert job.returncode == 0, errors.decode()
    return record.read(results / "runs" / asked(WORDS).spec().id / "record.json")


def kill_after(results, seconds, number):
    """Signal the job so many seconds after it wrote a checkpoint of its own; returns its exit status."""
    began = time.time()
    job = start(results)
    while job.poll() is None and not any(p.stat().st_mtime > began for p in results.glob("stages/*/checkpoint.pt")):
        time.sleep(0.01)
    time.sleep(seconds)
    job.send_signal(number)
    job.communicate(timeout=300)
    return job.returncode


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The record of a run that was left alone."""
    results = tmp_path_factory.mktemp("undisturbed")
    prepare("digits", results / "data")
    return finish(results)


def same(ours, theirs):
    """Whether two records tell of the same bits."""
    return [r.weights_sha256 for r in ours.results] == [r.weights_sha256 for r in theirs.results]


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_polite_stop_writes_a_checkpoint_and_says_so(undisturbed, tmp_path, number):
    prepare("digits", tmp_path / "data")
    assert kill_after(tmp_path, 0.1, number) == INTERRUPTED
    assert "stopped on request" in next(tmp_path.glob("runs/*/log.txt")).read_text()
    assert same(finish(tmp_path), undisturbed)


def test_two_jobs_of_the_same_run_at_once_train_it_once(tmp_path):
    prepare("digits", tmp_path / "data")
    first, second = start(tmp_path), start(tmp_path)
    for job in (first, second):
        job.communicate(timeout=300)
        assert job.returncode == 0
    log = next(tmp_path.glob("runs/*/log.txt")).read_text()
    assert "is being carried out by another job; waiting for it" in log
    assert log.count("train epoch 10/10") == 1


def test_a_job_imports_only_what_it_uses(tmp_path):
    """A process pays seconds for timm, torchvision, scikit-learn or MLflow; a job needs none of them."""
    prepare("digits", tmp_path / "data")
    flops.count("resnet8_cifar", info("digits"), tmp_path / "archs")  # the workflow's `count` rule does this once
    code = (
        "import sys; from bench.training.run import main; status = main(sys.argv[1:]); "
        "print(*sys.modules); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *handed([*WORDS, "--results", str(tmp_path)])],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "torch" in loaded
    unwanted = {"timm", "torchvision", "sklearn", "mlflow", "pandas", "matplotlib", "snakemake", "fvcore", "scipy"}
    assert loaded & unwanted == set()


def test_planning_a_grid_needs_no_torch():
    code = "import sys; from bench.plan import grid; grid.expand(grid.load('configs/quick.yaml')); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "torch" not in done.stdout.split()
