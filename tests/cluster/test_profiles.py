"""The profiles: Snakemake takes them, they share what is common, and a run asks a cluster for what it needs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.workflow.test_killed_workflow import cloned
from tests.workflow.test_workflow import CHECKOUT, Clone

PROFILES = sorted(path.parent.name for path in CHECKOUT.glob("profiles/*/profile.v9+.yaml"))
PLUGINS = {"slurm": "snakemake_executor_plugin_slurm", "cluster-generic": "snakemake_executor_plugin_cluster_generic"}


def profile(name: str) -> dict[str, object]:
    return dict(yaml.safe_load((CHECKOUT / "profiles" / name / "profile.v9+.yaml").read_text()))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = cloned(tmp_path_factory.mktemp("profiles") / "clone")
    made.grid(methods=["dense"])
    return made


def planned(clone: Clone, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A dry run with a profile, which says what each job asks for."""
    if plugin := PLUGINS.get(str(profile(name).get("executor"))):
        pytest.importorskip(plugin)
    command = ["snakemake", "-n", "--verbose", "--workflow-profile", f"profiles/{name}"]
    return subprocess.run(
        [sys.executable, "-m", *command, "--configfile", "configs/tiny.yaml", *words],
        cwd=clone.folder,
        capture_output=True,
        text=True,
    )


def resources(said: str) -> str:
    """What the rule `train` asks for."""
    found = re.search(r"^rule train:.*?^    resources: (.*?)$", said, re.MULTILINE | re.DOTALL)
    assert found, said
    return found[1]


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_repeats_the_common_keys(name: str) -> None:
    assert profile("default").items() <= profile(name).items()


@pytest.mark.parametrize("name", sorted(set(PROFILES) - {"default"}))
def test_a_call_that_names_a_partition_keeps_what_the_profile_says_of_a_run(clone: Clone, name: str) -> None:
    done = planned(clone, name, "--default-resources", "slurm_partition=debug", "slurm_account=vision")
    assert done.returncode == 0, done.stderr
    asked = resources(done.stdout + done.stderr)
    stated = {f"{key}={value}" for key, value in profile(name)["set-resources"]["train"].items()}  # type: ignore[index]
    assert {"gpu=1", "gpu_slots=0"} <= stated
    assert stated | {"slurm_partition=debug", "slurm_account=vision"} <= set(asked.split(", "))


def test_a_key_that_snakemake_does_not_know_is_refused(clone: Clone) -> None:
    """So the tests above also say that all keys of the profiles are valid."""
    folder = clone.folder / "profiles" / "mistaken"
    folder.mkdir()
    text = (CHECKOUT / "profiles" / "default" / "profile.v9+.yaml").read_text()
    (folder / "profile.v9+.yaml").write_text(f"{text}\nslurm-requeu: true\n")
    command = [sys.executable, "-m", "snakemake", "-n", "--workflow-profile", str(folder)]
    done = subprocess.run(command, cwd=clone.folder, capture_output=True, text=True)
    assert done.returncode == 2
    assert "slurm-requeu" in done.stderr


def test_programs_of_the_profiles_can_be_executed() -> None:
    named = [Path(str(value).split()[0]) for key, value in profile("kubernetes").items() if key.endswith("-cmd")]
    assert len(named) == 3
    for path in named:
        assert (CHECKOUT / path).stat().st_mode & 0o111, path
