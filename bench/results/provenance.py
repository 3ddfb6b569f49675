"""Where and with what a run was made: code, packages, hardware. Neither host nor user is named."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

import bench
from bench.base.devices import nvidia_smi
from bench.base.packages import versions
from bench.base.schema import shown

ROOT = Path(bench.__file__).resolve().parent.parent
CODE = ("bench", "methods")
"""The folders whose uncommitted changes, or files git doesn't know, make a checkout dirty."""

ENGINE = ("", "archs", "base", "counting", "data", "foreign", "plan", "recipe", "results", "training")
"""The rooms of `bench` that carry out runs, and the files beside them; the others tabulate and show."""

Scalar = str | int | float | bool | None


class Told(BaseModel):
    """What a record may tell of where it was made; other facts are plain values, or tables of them."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, Scalar | dict[str, Scalar | dict[str, Scalar]]]

    started: str | None = None
    git: dict[str, Scalar] | None = None
    packages: dict[str, str | None] | None = None
    cpu: dict[str, Scalar] | None = None
    gpu: dict[str, Scalar] | None = None
    determinism: dict[str, Scalar] | None = None
    threads: int | None = None
    python: str | None = None
    platform: str | None = None
    device: str | None = None
    mode: str | None = None
    method_source_sha256: str | None = None
    engine_source_sha256: str | None = None
    data_sha256: str | None = None
    command: str | None = None
    recipe: str | None = None
    looks: bool | None = None


def problem(facts: Mapping[str, Any]) -> str:
    """Why facts are none that a record may tell; empty if they are."""
    try:
        Told.model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"][:2]))[:100]
        return f"'{field}' is {shown(first['input'])}, and no plain value of its kind"
    return ""


@cache
def engine_source() -> str:
    """SHA-256 of the source of the engine at hand, comments and all: whether two runs are of the very same code."""
    sha = hashlib.sha256()
    folder = Path(bench.__file__).parent
    for path in sorted(path for room in ENGINE for path in (folder / room).glob("*.py")):
        sha.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        sha.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return sha.hexdigest()


def collect(
    *, threads: int, mode: str, device: str, cpu_capability: str, method_source_sha256: str, data_sha256: str
) -> dict[str, Any]:
    """Facts for the record, as JSON-like values; imports torch where there is a GPU, and no other package it tells of.

    Args:
        threads: CPU threads of the run.
        mode: ``deterministic`` or ``fast``.
        device: ``cpu`` or ``cuda``, as `bench.base.devices.device_slot` yields it.
        cpu_capability: as `bench.base.determinism.cpu_capability` tells it.
        method_source_sha256: see `bench.identity.source_digest`.
        data_sha256: the data set's fingerprint.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git(ROOT),
        "packages": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": {"model": processor(), "capability": cpu_capability, "cores": os.cpu_count()},
        "gpu": None if device == "cpu" else gpu(),
        "device": device,
        "threads": threads,
        "mode": mode,
        "method_source_sha256": method_source_sha256,
        "engine_source_sha256": engine_source(),
        "data_sha256": data_sha256,
    }


def git(folder: Path) -> dict[str, Any] | None:
    """The commit of the checkout whose top is `folder`, and whether its code was changed; None outside of one."""
    try:
        top, commit = _git(folder, "rev-parse", "--show-toplevel", "HEAD").splitlines()
        if Path(top) != folder.resolve():
            return None  # installed into an environment that happens to lie in somebody's repository
        return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain", "--", *CODE))}
    except (OSError, subprocess.SubprocessError):
        return None


def gpu() -> dict[str, Any] | None:
    """Name, memory and driver of the job's GPU, and how many of that name it uses; None if torch sees none.

    torch is asked for what the job sees, since nvidia-smi tells nothing of the memory of a MIG instance.
    """
    import torch

    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(0)
    drivers = nvidia_smi("--query-gpu=driver_version", "--format=csv,noheader").splitlines()
    return {
        "name": properties.name,
        "memory": f"{properties.total_memory // 2**20} MiB",
        "driver": drivers[0].strip() if drivers else None,
        "count": torch.cuda.device_count(),
    }


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def machine(facts: Mapping[str, Any]) -> str:
    """The graphics card, or else the processor, of which a record's provenance tells."""
    gpu, cpu = facts.get("gpu") or {}, facts.get("cpu") or {}
    return str(gpu.get("name") or cpu.get("model") or "a machine that was not recorded")


def processor() -> str:
    """The processor's name; platform.processor() alone is empty on most Linux systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
