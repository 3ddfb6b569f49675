"""Two processes that share every batch do what one does with the whole of it, and stop, go on and fail together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

import methods
from bench import archs, catalog, names
from bench.counting import flops
from bench.data import info, prepare
from bench.recipe import Recipe
from bench.results import record
from bench.results.record import Record
from bench.spec import RunSpec
from bench.training.run import INTERRUPTED, _check_ranks, execute
from tests.contract.harness import VIT, quick, suits
from tests.jobs import asked, handed
from tests.two_ranks import KILLED, METHODS, MISBEHAVING, RECIPE, spec, without_normalisation, write_misbehaving

ROOT = Path(__file__).parents[2]
OTHERS = [
    names.show(name, quick(name))
    for name in catalog.names()
    if name not in {names.parse(text)[0] for text in METHODS} and suits(name, VIT)  # gates look for a batch norm
]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def misbehaving(tmp_path_factory):
    """A folder of methods that are wrong, known to the catalog."""
    folder = tmp_path_factory.mktemp("misbehaving")
    write_misbehaving(folder)
    methods.__path__.append(str(folder))
    yield folder
    methods.__path__.remove(str(folder))
    catalog.method_class.cache_clear()


def prepared(results: Path) -> Path:
    """A results folder in which a job need not import scikit-learn or fvcore."""
    prepare("digits", results / "data")
    for architecture in ("resnet8_cifar", "convnet_strided"):
        flops.count(architecture, info("digits"), results / "archs")
    return results


def two_processes(results: Path, misbehaving: Path, *chosen: str) -> list[str]:
    """Let two processes carry out `two_ranks`; what each of them wrote to standard error."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    command = [sys.executable, str(ROOT / "tests" / "two_ranks.py"), str(results), str(misbehaving), *chosen]
    pair = [
        subprocess.Popen(
            command, env=ENVIRONMENT | place | {"RANK": rank}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for rank in "01"
    ]
    try:
        return [process.communicate(timeout=600)[1].decode() for process in pair]
    finally:
        for process in pair:
            process.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, misbehaving):
    """The results folder of two processes, and what each of them wrote to standard error."""
    results = prepared(tmp_path_factory.mktemp("two"))
    return results, two_processes(results, misbehaving)


@pytest.fixture(scope="module")
def shared_by_the_others(tmp_path_factory, misbehaving):
    """The same for the methods that are not in `METHODS`."""
    results = prepared(tmp_path_factory.mktemp("others"))
    return results, two_processes(results, misbehaving, *OTHERS)


def found(results: Path, one: RunSpec) -> Record:
    return record.read(results / "runs" / one.id / "record.json")


def weights(results: Path, one: RunSpec) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(results / "runs" / one.id / "weights.safetensors")


@pytest.mark.parametrize("method", METHODS)
def test_two_processes_prune_and_train_as_one_does_with_the_joined_batch(shared, tmp_path, monkeypatch, method):
    assert_same_as_one(method, shared, tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("method", OTHERS)
def test_so_do_all_other_methods(shared_by_the_others, tmp_path, monkeypatch, method):
    assert_same_as_one(method, shared_by_the_others, tmp_path, monkeypatch)


def assert_same_as_one(method, shared, tmp_path, monkeypatch):
    results, errors = shared
    one, two = spec(method), spec(method, gpus=2)
    assert one.identity != two.identity
    monkeypatch.setattr(archs, "create", without_normalisation)
    ours = execute(one, prepared(tmp_path))
    theirs = found(results, two)
    assert (ours.outcome, theirs.outcome) == ("ok", "ok"), errors
    alone, together = weights(tmp_path, one), weights(results, two)
    for name, weight in alone.items():
        assert torch.equal(weight == 0, together[name] == 0), f"the masks of {name}"
        torch.testing.assert_close(together[name], weight, rtol=1e-9, atol=1e-11)
    assert theirs.cost.training_macs == pytest.approx(ours.cost.training_macs, rel=1e-12)
    assert theirs.cost.mask_updates == ours.cost.mask_updates
    assert theirs.cost.epochs == ours.cost.epochs
    for left, right in zip(ours.curves, theirs.curves, strict=True):
        assert right.train_loss == pytest.approx(left.train_loss, rel=1e-9)
        assert right.accuracy == left.accuracy


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("apart", "RuntimeError: stage 'train', step 0: the masks of rank 1 differ from those of rank 0, and must be"),
        ("raises", "RuntimeError: no idea what to prune"),
        ("ends_badly", "RuntimeError: no idea what to tell"),
    ],
)
def test_what_is_wrong_with_the_run_is_an_outcome_with_its_reason(shared, method, reason):
    results, errors = shared
    written = found(results, spec(method, gpus=2))
    assert written.outcome == "error", errors
    assert written.reason.startswith(reason)


def test_what_befell_one_process_is_no_outcome(shared):
    results, errors = shared
    assert "a fault of rank 1" in errors[1]
    assert not (results / "runs" / spec("fails_alone", gpus=2).id / "record.json").exists()
    assert len(list(results.glob("runs/*/record.json"))) == len(METHODS) + len(MISBEHAVING)


# -- the job as Snakemake starts it ---------------------------------------------------------------------------------


def start(results: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.training.run", *handed([*KILLED, "--results", str(results)])]
    return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT | {"REPRUNE_GPUS": "a,b"}, stderr=subprocess.PIPE)


def processes(job: subprocess.Popen[bytes]) -> list[int]:
    """The ranks of a job."""
    return [int(pid) for pid in Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()]


def kill(results: Path, number: int, rank: int | None = None) -> subprocess.Popen[bytes]:
    """Signal a job (or one of its ranks) that has written a checkpoint of its own, and wait for its end."""
    began = time.time()
    job = start(results)
    while job.poll() is None and not any(p.stat().st_mtime > began for p in results.glob("stages/*/checkpoint.pt")):
        time.sleep(0.01)
    ranks = processes(job)
    assert len(ranks) == 2
    os.kill(job.pid if rank is None else ranks[rank], number)
    job.wait(timeout=300)
    ends = time.time() + 60
    while (alive := [pid for pid in ranks if Path(f"/proc/{pid}").exists()]) and time.time() < ends:
        time.sleep(0.05)
    assert not alive, "a rank outlived its job"
    assert not list(results.glob("runs/*/record.json"))
    return job


@pytest.mark.long
def test_a_killed_rank_or_job_leaves_no_record_and_the_same_command_ends_with_the_same_bits(shared, tmp_path):
    undisturbed = found(shared[0], asked(KILLED).spec())
    prepared(tmp_path)
    dead = kill(tmp_path, signal.SIGKILL, rank=1)
    assert dead.returncode == 1
    assert b"process 1 of 2 ended with status -9, and the run with it" in dead.stderr.read()
    kill(tmp_path, signal.SIGKILL)
    assert kill(tmp_path, signal.SIGTERM).returncode == INTERRUPTED
    log = next(tmp_path.glob("runs/*/log.txt"))
    assert "stopped on request" in log.read_text()
    last = start(tmp_path)
    errors = last.communicate(timeout=300)[1].decode()
    assert last.returncode == 0, errors
    finished = found(tmp_path, undisturbed.spec)
    assert finished.outcome == "ok"
    assert [r.weights_sha256 for r in finished.results] == [r.weights_sha256 for r in undisturbed.results]
    assert log.read_text().count("goes on from step") == 3
    assert log.read_text().count("train epoch 4/4") == 1, "one rank logs"


@pytest.mark.long
def test_data_that_are_not_there_are_one_sentence_of_one_rank(tmp_path):
    job = start(tmp_path)
    said = [line for line in job.communicate(timeout=300)[1].decode().splitlines() if line.startswith("reprune")]
    assert job.returncode == 2
    assert len(said) == 1
    assert "data set 'digits' is not prepared" in said[0]


# -- what is refused ------------------------------------------------------------------------------------------------


def test_a_run_for_two_gpus_is_refused_where_there_is_one(monkeypatch, capsys):
    from bench.training.run import main

    monkeypatch.setenv("REPRUNE_GPUS", "only")
    assert main(handed(KILLED)) == 2
    assert capsys.readouterr().err == "reprune: the recipe's field 'gpus' is 2, and this job may use 1 (only).\n"


def test_a_run_for_two_gpus_is_refused_by_one_process(tmp_path):
    from bench.errors import UserError

    with pytest.raises(UserError, match="'gpus' is 2, and here are 1 processes"):
        execute(spec("snip", gpus=2), prepared(tmp_path))
    _check_ranks(2, 2)


def test_a_batch_that_cannot_be_shared_out_is_refused_before_training():
    from bench.data.batches import _check
    from bench.errors import UserError

    recipe = Recipe.read(RECIPE | {"batch_size": 39, "gpus": 2}, "shared")  # the last batch has 898 − 23 · 39 images
    with pytest.raises(UserError, match="field 'gpus': 2 GPUs can't share a batch of 1 images"):
        _check(recipe, info("digits"))
    _check(Recipe.read(RECIPE | {"batch_size": 39, "gpus": 2, "data": {"drop_last": True}}, "shared"), info("digits"))
