"""Runs forked from a process that has torch imported: the same bits, output, signals and exit status as without."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.data import prepare
from bench.results import record
from bench.training.run import INTERRUPTED
from bench.workflow import fork_server
from bench.workflow.fork_client import KILLED, VARIABLE, is_own
from tests.jobs import asked, handed

ROOT = Path(__file__).parents[2]
WORDS = ["--dataset", "digits", "--architecture", "convnet_small", "--method", "snip", "--points", "0.9"]
SHORT = [*WORDS, "--recipe", "digits[train.epochs=1,train.milestones=[0.5]]"]
LONG = [*WORDS, "--recipe", "digits[train.epochs=400,train.milestones=[300]]", "--checkpoint-seconds", "0.1"]


@pytest.fixture(scope="module")
def server():
    """The process, and the environment in which jobs find it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        fork_server.start.cache_clear()
        process = fork_server.start(1)
        yield process
        process.kill()
        process.wait()
        os.environ.pop(VARIABLE)
        fork_server.start.cache_clear()


@pytest.fixture
def results(tmp_path):
    """A results folder with the data."""
    prepare("digits", tmp_path / "data")
    return tmp_path


def start(results, words, module="bench.workflow.fork_client"):
    command = [sys.executable, "-m", module, *handed([*words, "--results", str(results)])]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def forks(process):
    """The processes forked from the one with torch that are alive."""
    listed = subprocess.run(["ps", "-o", "pid=,stat=", "--ppid", str(process.pid)], capture_output=True, text=True)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "Z" not in line.split()[1]]


def assert_soon(condition):
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def found(results, words):
    return record.read(results / "runs" / asked(words).spec().id / "record.json")


def test_a_forked_run_has_the_same_bits_and_says_the_same(server, results, tmp_path_factory):
    forked = start(results, SHORT)
    _, said = forked.communicate(timeout=300)
    assert forked.returncode == 0, said
    assert "train epoch 1/1" in said
    alone = tmp_path_factory.mktemp("alone")
    prepare("digits", alone / "data")
    job = start(alone, SHORT, "bench.training.run")
    job.communicate(timeout=300)
    ours, theirs = found(results, SHORT), found(alone, SHORT)
    assert [r.weights_sha256 for r in ours.results] == [r.weights_sha256 for r in theirs.results]
    assert ours.curves[0].loss == theirs.curves[0].loss
    assert ours.cost.peak_memory < 1.5 * theirs.cost.peak_memory
    assert forks(server) == []


def test_a_wrong_run_ends_with_the_status_and_the_sentence_of_the_fork(server, results):
    job = start(results, [*SHORT, "--dataset", "digit"])
    out, said = job.communicate(timeout=300)
    assert (job.returncode, out) == (2, "")
    assert said.startswith("reprune: data set 'digit' is unknown; did you mean 'digits'")


def test_a_fork_gets_the_signals_of_its_job_and_dies_with_it(server, results):
    job = start(results, LONG)
    assert_soon(lambda: list(results.glob("stages/*/checkpoint.pt")))
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=300)
    assert job.returncode == INTERRUPTED
    assert "stopped on request" in said
    job = start(results, LONG)
    assert_soon(lambda: forks(server))
    job.kill()
    job.communicate()
    assert_soon(lambda: not forks(server))
    job = start(results, LONG)
    assert_soon(lambda: forks(server))
    os.kill(forks(server)[0], signal.SIGKILL)
    _, said = job.communicate(timeout=300)
    assert job.returncode == KILLED
    assert said.endswith("killed\n")
    assert not list(results.glob("runs/*/record.json"))


def test_without_the_process_a_job_does_it_itself(server, results, monkeypatch):
    monkeypatch.setenv(VARIABLE, "absent")
    job = start(results, [*SHORT, "--dataset", "digit"])
    _, said = job.communicate(timeout=300)
    assert job.returncode == 2
    assert said.startswith("reprune: data set 'digit' is unknown")


def test_it_ends_with_whoever_started_it():
    code = "from bench.workflow import fork_server; print(fork_server.start(1).pid, flush=True); input()"
    starter = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    pid = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    assert_soon(lambda: not Path(f"/proc/{pid}").exists())


def test_another_user_is_not_served(monkeypatch):
    one, other = socket.socketpair()
    with one, other:
        assert is_own(one)
        user = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
        assert not is_own(one)


def test_without_a_place_for_the_socket_jobs_do_without(monkeypatch):
    def refuse(server, address):
        raise OSError

    monkeypatch.setattr(socket.socket, "bind", refuse)
    monkeypatch.delenv(VARIABLE, raising=False)
    fork_server.start.cache_clear()
    local = SimpleNamespace(local_exec=True, deployment_settings=SimpleNamespace(deployment_method=()))
    fork_server.up(local, SimpleNamespace(gpu_slots=0, grid=SimpleNamespace(threads=1)))
    assert VARIABLE not in os.environ
