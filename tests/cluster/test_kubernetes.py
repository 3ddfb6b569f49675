"""The Jobs that profiles/kubernetes creates, and a grid with a stand-in for kubectl that carries them out here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.survival.killing import timeless
from tests.workflow.test_killed_workflow import cloned
from tests.workflow.test_workflow import CHECKOUT

PROFILE = CHECKOUT / "profiles" / "kubernetes"
KUBECTL = """\
#!{python}
'''A stand-in: a Job is a process of this machine, and what the cluster knows of it are files.'''
import pathlib, subprocess, sys, yaml
cluster, (verb, *words) = pathlib.Path({folder!r}), sys.argv[1:]
if verb == "create":
    name = "reprune-" + str(len(list(cluster.glob("*.yaml"))))
    text = sys.stdin.read()
    (cluster / (name + ".yaml")).write_text(text)
    (container,) = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"]
    script = " ".join(container["command"]) + "; echo $? > " + str(cluster / name)
    log = (cluster / (name + ".log")).open("w")
    subprocess.Popen(["sh", "-c", script], cwd=container["workingDir"], stdout=log, stderr=log, start_new_session=True)
    print("job.batch/" + name)
elif verb == "get":
    ended = cluster / words[1]
    if (cluster / (words[1] + ".yaml")).exists():
        status = ended.read_text().strip() if ended.exists() else ""
        print("succeeded", "1" if status == "0" else "", "failed", "1" if status not in ("", "0") else "", end="")
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """The folder of what the stand-in for kubectl knows; it is found in ``programs`` beside it."""
    (tmp_path / "cluster").mkdir()
    (tmp_path / "programs").mkdir()
    program = tmp_path / "programs" / "kubectl"
    program.write_text(KUBECTL.format(python=sys.executable, folder=str(tmp_path / "cluster")))
    program.chmod(0o755)
    return tmp_path / "cluster"


def environment(cluster: Path) -> dict[str, str]:
    own = {"REPRUNE_IMAGE": "registry/reprune:1", "REPRUNE_CLAIM": "shared", "REPRUNE_VOLUME": str(cluster.parent)}
    path = f"{cluster.parent / 'programs'}{os.pathsep}{os.environ['PATH']}"
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | own | {"PATH": path}


def call(cluster: Path, *words: str) -> str:
    """What a command of the profile prints."""
    done = subprocess.run(
        [PROFILE / words[0], *words[1:]], env=environment(cluster), cwd=cluster, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def job(cluster: Path) -> Any:
    (path,) = cluster.glob("*.yaml")
    return yaml.safe_load(path.read_text())


def test_a_job_asks_for_what_the_run_needs_and_mounts_the_volume_where_it_is_here(cluster: Path) -> None:
    script = cluster / "with space.sh"
    script.write_text("exit 0\n")
    assert call(cluster, "submit", "2", "8", "16000", str(script)) == "reprune-0"
    spec = job(cluster)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == "registry/reprune:1"
    assert container["command"] == ["/bin/sh", str(script)]
    assert container["workingDir"] == str(cluster)
    assert container["resources"]["limits"] == {"memory": "16000M", "nvidia.com/gpu": "2"}
    assert container["resources"]["requests"] == {"cpu": "8", "memory": "16000M"}
    assert container["volumeMounts"] == [{"name": "shared", "mountPath": str(cluster.parent)}]
    assert spec["volumes"] == [{"name": "shared", "persistentVolumeClaim": {"claimName": "shared"}}]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["restartPolicy"] == "Never"


def test_a_missing_setting_is_named_and_creates_nothing(cluster: Path) -> None:
    without = {name: value for name, value in environment(cluster).items() if name != "REPRUNE_CLAIM"}
    done = subprocess.run([PROFILE / "submit", "1", "1", "1", "x"], env=without, capture_output=True, text=True)
    assert done.returncode != 0
    assert "REPRUNE_CLAIM" in done.stderr
    assert not list(cluster.iterdir())


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("echo 'succeeded 1 failed '", "success"),
        ("echo 'succeeded  failed 1'", "failed"),
        ("echo 'succeeded  failed '", "running"),
        ("true", "failed"),  # there is no such Job
        ("exit 1", "running"),  # there is no answer
    ],
)
def test_the_status_of_a_job(cluster: Path, said: str, status: str) -> None:
    (cluster.parent / "programs" / "kubectl").write_text(f"#!/bin/sh\n{said}\n")
    assert call(cluster, "status", "reprune-0") == status


def test_cancelling_deletes_jobs(cluster: Path) -> None:
    (cluster.parent / "programs" / "kubectl").write_text('#!/bin/sh\necho "$@"\n')
    assert call(cluster, "cancel", "a", "b") == "delete job --ignore-not-found --wait=false a b"


@pytest.mark.long
def test_a_grid_whose_runs_are_jobs_gives_the_records_of_a_local_one(cluster: Path, tmp_path: Path) -> None:
    pytest.importorskip("snakemake_executor_plugin_cluster_generic")
    local, remote = cloned(tmp_path / "local"), cloned(tmp_path / "remote")
    for clone in (local, remote):
        clone.grid()
    assert local.snakemake("--until", "train").status == 0
    words = ["--workflow-profile", "profiles/kubernetes", "--configfile", "configs/tiny.yaml", "--until", "train"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words, "--seconds-between-status-checks", "2"],
        cwd=remote.folder,
        env=environment(cluster),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = [
        {run: timeless(json.loads(path.read_text())) for run, path in clone.records.items()}
        for clone in (local, remote)
    ]
    assert records[0] == records[1]
    assert sorted(path.name for path in cluster.glob("*.yaml")) == ["reprune-0.yaml", "reprune-1.yaml"]
    assert "Submitted" not in done.stderr
