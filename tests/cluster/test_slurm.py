"""Grids on a real Slurm, and what happens to it: `pytest -m slurm`, as root on Debian (minutes; installs packages).

A method that writes down each step it makes shows that nothing is trained twice.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import slurm
from tests.cluster.slurm import ask, jobs, tell, wait_until
from tests.survival.killing import timeless
from tests.workflow.test_killed_workflow import BY_ANOTHER, cloned
from tests.workflow.test_workflow import Clone

pytestmark = pytest.mark.slurm

HERE = [
    *("--workflow-profile", "profiles/slurm", "--default-resources", f"slurm_partition={slurm.PARTITION}"),
    *("--slurm-status-command", "squeue"),  # there is no accounting
    *("--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "3"),
]
PACED = '''"""A method that takes its time."""

import time
from pathlib import Path

from bench.method import Method


class Paced(Method):
    """Writes down each step, and then waits as long as the file "pace" says."""

    def saliency(self, run):
        return run.weights.abs()

    def on_after_step(self, run):
        with Path("steps.txt").open("a") as file:
            file.write(f"{run.step}\\n")
        time.sleep(float(Path("pace").read_text()))
'''
STEPS = 45
"""Of the run of this method: an eighth of the recipe's 24 epochs of 15 steps."""
CALLS: list[subprocess.Popen[str]] = []
"""Every call of Snakemake, so that none outlives its test."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm with two pretended GPUs."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    if reason := slurm.unavailable():
        pytest.skip(reason)
    with slurm.running(tmp_path_factory.mktemp("slurm")):
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the paced run was carried out without Slurm, and without a pause."""
    clone = cloned(tmp_path_factory.mktemp("undisturbed") / "clone")
    paced(clone, 0)
    done = clone.snakemake("--until", "train")
    assert done.status == 0, done.err
    assert steps(clone) == list(range(STEPS))
    return clone


@pytest.fixture
def clone(machine: None, undisturbed: Clone, tmp_path: Path) -> Iterator[Clone]:
    """A clone with only the paced run left to do; what it leaves at work is killed."""
    made = cloned(tmp_path / "clone")
    paced(made, 0.5)
    for folder in ("data", "archs", *(f"runs/{run}" for run in undisturbed.records if "-dense-" in run)):
        shutil.copytree(undisturbed.folder / "results" / folder, made.folder / "results" / folder)
    yield made
    for call in CALLS:
        with suppress(ProcessLookupError):
            os.killpg(call.pid, signal.SIGKILL)
        call.wait()
    for job in jobs():
        tell("scancel", "--signal", "KILL", job)
    wait_until(lambda: not jobs() and not slurm.at_work(), "an empty queue")
    ask("pkill", "-KILL", "-f", str(made.folder))  # without control groups a job's Snakemake may outlive its node's end
    ask("scontrol", "update", f"nodename={slurm.NODE}", "state=resume")  # refused if the test has left it up


def paced(clone: Clone, seconds: float) -> None:
    """Give the clone a grid with the paced run; like every grid it has the dense one, too."""
    clone.method("paced", PACED)
    (clone.folder / "pace").write_text(str(seconds))
    clone.grid(methods=["paced"], budget=0.125)


def begin(clone: Clone, *words: str) -> subprocess.Popen[str]:
    """Start a call of Snakemake with the profile for Slurm, in a process group of its own."""
    command = [sys.executable, "-m", "snakemake", "--configfile", "configs/tiny.yaml", *HERE, *words]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (clone.folder / "said.txt").open("a") as said:
        call = subprocess.Popen(
            command,
            cwd=clone.folder,
            env=environment | {"REPRUNE_GPUS": "pretended-0,pretended-1"},
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    CALLS.append(call)
    return call


def trained(clone: Clone, *words: str) -> subprocess.Popen[str]:
    """A call that has begun to train its only run."""
    call = begin(clone, "--until", "train", *words)
    wait_until(lambda: len(steps(clone)) > 3, f"a run that trains; so far: {said(clone)}")
    return call


def said(clone: Clone) -> str:
    return (clone.folder / "said.txt").read_text()


def steps(clone: Clone) -> list[int]:
    path = clone.folder / "steps.txt"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def logged(clone: Clone) -> str:
    """What the runs' own logs say."""
    return "".join(path.read_text() for path in clone.folder.glob("results/runs/*/log.txt"))


def facts(clone: Clone) -> dict[str, Any]:
    """Records without what depends on the clock; hashes of weights and predictions are in them."""
    return {run: timeless(json.loads(path.read_text())) for run, path in clone.records.items()}


def hashes(clone: Clone) -> set[str]:
    """Of the runs' weights, which `facts` compares with the rest."""
    return {result["weights_sha256"] for record in facts(clone).values() for result in record["results"]}


def assert_same_bits(clone: Clone, undisturbed: Clone) -> None:
    """Nothing is lost, no step was made twice, and the records are those of runs which were left alone."""
    assert steps(clone) == list(range(STEPS))
    assert facts(clone) == facts(undisturbed)
    assert len(hashes(clone)) == 2


def test_a_grid_gives_the_records_of_a_local_one_and_every_run_gets_a_gpu_of_its_own(
    machine: None, tmp_path: Path
) -> None:
    grid = {"methods": ["dense", "magnitude"], "seeds": [0, 1]}
    local, remote = cloned(tmp_path / "local"), cloned(tmp_path / "remote")
    for clone in (local, remote):
        clone.grid(**grid)
    assert local.snakemake().status == 0
    assert begin(remote).wait(timeout=600) == 0, said(remote)
    assert len(facts(remote)) == 4
    assert facts(remote) == facts(local)
    assert remote.printed == local.printed

    asked = ask("scontrol", "show", "job")
    assert len(re.findall(r"JobState=COMPLETED", asked)) == 4
    assert len(re.findall(r"TresPerJob=gres:gpu:1", asked)) == 4
    assert len(re.findall(r"TRES=cpu=1,mem=8000M,", asked)) == 4
    lines = said(remote).splitlines()
    assert lines.index("4 of 4 runs to train") < lines.index("  report")
    assert [line[:5] for line in lines if line.startswith("[")] == [f"[{done}/4]" for done in range(1, 5)]
    assert remote.printed in said(remote)
    assert "submitted" not in said(remote)
    assert begin(remote).wait(timeout=120) == 0
    assert "Every run is finished." in said(remote)


def test_a_requeued_job_goes_on_from_its_checkpoint(clone: Clone, undisturbed: Clone) -> None:
    call = trained(clone)
    (job,) = jobs("RUNNING")
    tell("scontrol", "requeue", job)
    wait_until(lambda: jobs("PENDING") == [job], "the job in the queue again")
    tell("scontrol", "update", f"jobid={job}", "starttime=now")  # else Slurm waits two minutes
    assert call.wait(timeout=600) == 0, said(clone)
    assert logged(clone).count("goes on from step") == 1
    assert_same_bits(clone, undisturbed)


def test_a_node_that_goes_down_and_comes_back_loses_nothing(clone: Clone, undisturbed: Clone) -> None:
    call = trained(clone)
    (job,) = jobs("RUNNING")
    tell("scontrol", "update", f"nodename={slurm.NODE}", "state=down", "reason=test")
    wait_until(lambda: jobs("PENDING") == [job], "the job in the queue again")
    # A job that came back while its first process still ends would be a duplicate to the node, which Slurm then drains.
    wait_until(lambda: "stopped on request" in logged(clone) and not slurm.at_work(), "the end of the job's processes")
    tell("scontrol", "update", f"nodename={slurm.NODE}", "state=resume")
    tell("scontrol", "update", f"jobid={job}", "starttime=now")
    assert call.wait(timeout=600) == 0, said(clone)
    assert_same_bits(clone, undisturbed)


def test_nodes_without_gpus_are_asked_for_none(clone: Clone, undisturbed: Clone) -> None:
    (clone.folder / "pace").write_text("0")
    call = begin(clone, "--until", "train", "--set-resources", "train:gpu=0", "train:mem_mb=1000")
    assert call.wait(timeout=600) == 0, said(clone)
    (asked,) = (text for text in ask("scontrol", "show", "job").split("\n\n") if str(clone.folder) in text)
    assert "mem=1000M" in asked
    assert "gres" not in asked
    assert_same_bits(clone, undisturbed)


def test_a_job_that_reaches_its_time_limit_is_submitted_again_and_goes_on(clone: Clone, undisturbed: Clone) -> None:
    (clone.folder / "pace").write_text("2.2")  # 99 s
    call = begin(
        *(clone, "--until", "train"),
        *(
            "--set-resources",
            "train:gpu=1",
            "train:gpu_slots=0",
            "train:mem_mb=1000",
            "train:runtime=1",
            "train:gpu_model=h200",
        ),
    )
    assert call.wait(timeout=600) == 0, said(clone)
    assert "SLURM status is: 'TIMEOUT'" in said(clone)
    assert_same_bits(clone, undisturbed)


def test_after_ctrl_c_no_job_is_left_and_the_next_call_goes_on(clone: Clone, undisturbed: Clone) -> None:
    first = trained(clone)
    os.killpg(first.pid, signal.SIGINT)
    assert first.wait(timeout=120) == 1
    wait_until(lambda: not jobs(), "an empty queue")
    assert 3 < len(steps(clone)) < STEPS
    assert begin(clone, "--until", "train").wait(timeout=600) == 0, said(clone)
    assert_same_bits(clone, undisturbed)


def test_jobs_that_outlive_a_killed_snakemake_are_not_doubled(clone: Clone, undisturbed: Clone) -> None:
    first = trained(clone)
    (job,) = jobs("RUNNING")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    second = begin(clone, "--until", "train")
    wait_until(lambda: BY_ANOTHER in logged(clone), "the second job waits for the first")
    assert job in jobs("RUNNING")
    assert second.wait(timeout=600) == 0, said(clone)
    assert_same_bits(clone, undisturbed)


def test_a_refused_job_is_reported_with_slurms_reason(clone: Clone) -> None:
    call = begin(clone, "--default-resources", "slurm_partition=absent", "--retries", "0")
    assert call.wait(timeout=120) == 1
    assert re.search(r"^\[1/1\] .* → failed: SLURM sbatch failed.*invalid partition", said(clone), re.MULTILINE)
    assert "sbatch call" not in said(clone)
