from __future__ import annotations

import json
import platform
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import bench
from bench.base import packages
from bench.results import provenance


def checkout(folder: Path) -> Path:
    """A git repository with one committed file in bench/."""
    (folder / "bench").mkdir(parents=True)
    (folder / "bench" / "code.py").write_text("a = 1\n")
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for arguments in (("init", "-q"), ("add", "bench"), (*author, "commit", "-q", "-m", "first")):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)
    return folder.resolve()


def test_a_clean_checkout(tmp_path: Path) -> None:
    found = provenance.git(checkout(tmp_path))
    head = subprocess.run(["git", "-C", str(tmp_path), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert found == {"commit": head.stdout.strip(), "dirty": False}


@pytest.mark.parametrize(
    ("file", "dirty"),
    [("bench/code.py", True), ("methods/mine.py", True), ("notes.txt", False)],
    ids=["changed code", "a method git doesn't know", "something else"],
)
def test_only_code_makes_a_checkout_dirty(tmp_path: Path, file: str, dirty: bool) -> None:
    path = checkout(tmp_path) / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("b = 2\n")
    found = provenance.git(tmp_path)
    assert found is not None
    assert found["dirty"] is dirty


def test_somebody_else_s_repository_around_ours_is_not_ours(tmp_path: Path) -> None:
    assert provenance.git(checkout(tmp_path) / "bench") is None


def test_outside_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git(tmp_path) is None


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkout(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert provenance.git(folder) is None


def collected(device: str = "cpu") -> dict[str, Any]:
    return provenance.collect(
        threads=3,
        mode="fast",
        device=device,
        cpu_capability="AVX2",
        method_source_sha256="method's",
        data_sha256="data's",
    )


def test_facts_are_json_and_name_neither_host_nor_folder() -> None:
    found = collected()
    text = json.dumps(found)
    assert found["threads"] == 3
    assert found["mode"] == "fast"
    assert found["cpu"]["capability"] == "AVX2"
    assert found["method_source_sha256"] == "method's"
    assert found["data_sha256"] == "data's"
    assert found["python"] == platform.python_version()
    assert found["gpu"] is None
    assert str(Path.home()) not in text
    assert platform.node() == "" or platform.node() not in text


def test_the_start_is_in_utc() -> None:
    started = datetime.fromisoformat(str(collected()["started"]))
    assert started.utcoffset() == timedelta(0)


def test_versions_are_those_installed() -> None:
    import torch

    found = packages.versions()
    assert found["reprune"] == bench.__version__
    assert found["torch"] == torch.__version__
    assert set(packages.PACKAGES) < set(found)


def test_a_package_that_is_missing_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PACKAGES", ("surely-not-installed",))
    assert packages.versions()["surely-not-installed"] is None


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from bench.results import provenance; provenance.collect(threads=1, mode='fast', device='cpu', "
        "cpu_capability='', method_source_sha256='', data_sha256=''); "
        "print({'torch', 'timm', 'numpy'} & sys.modules.keys())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"


def test_the_gpu_is_what_the_job_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job on a MIG instance of 5 GB, of whose memory nvidia-smi says `[N/A]`, on a machine of two GPUs."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 570.86.15\necho 570.86.15\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    instance = SimpleNamespace(name="NVIDIA A100 MIG 1g.5gb", total_memory=4864 * 2**20)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: instance)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    told = {"name": "NVIDIA A100 MIG 1g.5gb", "memory": "4864 MiB", "driver": "570.86.15", "count": 1}
    assert collected("cuda")["gpu"] == told
    program.unlink()
    assert collected("cuda")["gpu"] == told | {"driver": None}


def test_a_gpu_that_torch_does_not_see_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert collected("cuda")["gpu"] is None


def test_the_engine_is_all_that_a_run_imports() -> None:
    """What a digest of the engine's source leaves out may only plan, tabulate or show."""
    code = (
        "import sys, bench.training.run, bench.training.stages; print(*(n for n in sys.modules if n[:6] == 'bench.'))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    rooms = {name.split(".")[1] for name in printed.split() if name.startswith("bench.")}
    assert {room for room in rooms if (provenance.ROOT / "bench" / room).is_dir()} <= set(provenance.ENGINE)
