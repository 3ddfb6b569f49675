from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from bench.base import devices
from bench.base.devices import device_slot, gpus, slots
from bench.errors import UserError

A, B = "GPU-aaaaaaaa-1111", "GPU-bbbbbbbb-2222"


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without GPUs, whatever this one has: nothing in the environment, no nvidia-smi on the path."""
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "REPRUNE_GPUS", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))


@pytest.fixture
def two_gpus(tmp_path: Path) -> None:
    """An nvidia-smi that lists two GPUs."""
    write_nvidia_smi(tmp_path, f"GPU 0: NVIDIA H200 (UUID: {A})", f"GPU 1: NVIDIA A100 (UUID: {B})")


@pytest.fixture
def a_divided_gpu(tmp_path: Path) -> None:
    """An nvidia-smi that lists two GPUs, the second of them divided into two MIG instances."""
    instances = [f"  MIG 1g.5gb     Device  {number}: (UUID: MIG-{name})" for number, name in enumerate("cd")]
    whole = (f"GPU 0: NVIDIA H200 (UUID: {A})", f"GPU 1: NVIDIA A100 (UUID: {B})")
    write_nvidia_smi(tmp_path, *whole, *instances)


def write_nvidia_smi(folder: Path, *listing: str) -> None:
    """A program that answers `nvidia-smi -L`."""
    program = folder / "programs" / "nvidia-smi"
    program.parent.mkdir()
    lines = "".join(f"{line}\\n" for line in listing)
    program.write_text(f"#!/bin/sh\n[ \"$1\" = -L ] && printf '{lines}'\n")
    program.chmod(0o755)


# -- which GPUs there are -------------------------------------------------------------------------------------------


def test_no_gpu_is_the_cpu(tmp_path: Path) -> None:
    assert gpus() == []
    assert slots(4) == 0
    with device_slot(4, tmp_path / "locks") as device:
        assert device == "cpu"
    assert not (tmp_path / "locks").exists()


def test_nvidia_smi_that_fails_means_no_gpu(two_gpus: None, tmp_path: Path) -> None:
    (tmp_path / "programs" / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    assert gpus() == []


def test_all_gpus_are_listed(two_gpus: None) -> None:
    assert gpus() == [A, B]
    assert slots(3) == 6


@pytest.mark.parametrize(
    ("visible", "usable"),
    [
        (None, [A, "MIG-c", "MIG-d"]),
        ("1,0", ["MIG-c", A]),  # CUDA takes a divided GPU for its first instance
        ("MIG-d", ["MIG-d"]),
        (B, [B]),
    ],
)
def test_a_divided_gpu_is_used_by_its_instances(
    a_divided_gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, usable: list[str]
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == usable
    with device_slot(1, tmp_path / "locks"):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == usable[0]


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("", []),
        ("-1", []),
        ("1", [B]),
        ("1,0", [B, A]),
        ("0,-1,1", [A]),
        ("GPU-bbbb", [B]),
        (A, [A]),
        ("MIG-cc", ["MIG-cc"]),
    ],
)
def test_visible_devices_are_honoured(
    two_gpus: None, monkeypatch: pytest.MonkeyPatch, visible: str, found: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == found


def test_visible_devices_are_believed_without_nvidia_smi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert gpus() == ["2", "3"]


# -- leases ---------------------------------------------------------------------------------------------------------


def test_a_slot_shows_one_gpu_and_is_given_back(
    two_gpus: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    for _ in range(2):
        with device_slot(1, tmp_path) as device:
            assert device == "cuda"
            assert os.environ["CUDA_VISIBLE_DEVICES"] == B
            assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"  # in which nvidia-smi counts
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
        assert "CUDA_DEVICE_ORDER" not in os.environ


def test_the_environment_is_restored_after_an_error(two_gpus: None, tmp_path: Path) -> None:
    with pytest.raises(KeyError), device_slot(1, tmp_path):
        raise KeyError
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_the_least_loaded_gpu_is_chosen(tmp_path: Path) -> None:
    def leased(lease: ExitStack) -> str:
        return devices._wait(["a", "b"], 3, tmp_path, lease)

    with ExitStack() as first, ExitStack() as others:
        assert leased(first) == "a"
        assert [leased(others) for _ in range(3)] == ["b", "a", "b"]
        first.close()  # a has one job left, b has two
        assert [leased(others) for _ in range(3)] == ["a", "a", "b"]


def test_pretended_gpus_are_leased_but_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REPRUNE_GPUS", "fake0")
    with device_slot(2, tmp_path) as device:
        assert device == "cpu"
        assert len(devices._free_slots("fake0", 2, tmp_path)) == 1


def test_a_job_on_several_gpus_has_them_to_itself(two_gpus: None, tmp_path: Path) -> None:
    with device_slot(2, tmp_path, count=2) as device:
        assert device == "cuda"
        assert os.environ["CUDA_VISIBLE_DEVICES"] == f"{A},{B}"
        assert devices._free_slots(A, 2, tmp_path) == devices._free_slots(B, 2, tmp_path) == []
    assert len(devices._free_slots(A, 2, tmp_path)) == 2


def test_whole_gpus_are_those_with_the_most_free_slots(tmp_path: Path) -> None:
    with ExitStack() as others, ExitStack() as lease:
        devices._wait(["b"], 2, tmp_path, others)
        assert devices._wait_for_whole(["a", "b", "c"], 2, 2, tmp_path, lease) == ["a", "c"]


def test_fewer_gpus_than_a_job_uses_are_refused_but_none_is_the_cpu(
    two_gpus: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="field 'gpus' is 3, and this job may use 2"), device_slot(1, tmp_path, count=3):
        pass
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with device_slot(1, tmp_path, count=3) as device:
        assert device == "cpu"


def test_slurm_with_as_many_gpus_as_a_job_uses_leaves_nothing_to_lease(
    two_gpus: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with device_slot(1, tmp_path / "locks", count=2) as device:
        assert device == "cuda"
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert not (tmp_path / "locks").exists()


def test_slurm_with_one_gpu_leaves_nothing_to_lease(
    two_gpus: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with device_slot(1, tmp_path / "locks") as device:
        assert device == "cuda"
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert not (tmp_path / "locks").exists()


def test_several_gpus_of_a_slurm_allocation_are_shared_out(
    two_gpus: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with ExitStack() as other, device_slot(1, tmp_path):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == A
        assert devices._wait([A, B], 1, tmp_path, other) == B
    with ExitStack() as other:
        devices._wait([A], 1, tmp_path, other)
        other.enter_context(device_slot(1, tmp_path))
        assert os.environ["CUDA_VISIBLE_DEVICES"] == B


def test_a_gpu_that_torch_cannot_use_is_one_sentence_and_not_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"given a GPU of .* \(CUDA_VISIBLE_DEVICES: 3\) that torch .* cannot use;"):
        devices.require("cuda")
    devices.require("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    devices.require("cuda")


# -- real processes -------------------------------------------------------------------------------------------------

JOB = """
import os, sys, time
from pathlib import Path
from bench.base.devices import device_slot
with device_slot(1, Path(sys.argv[1]), count=int(sys.argv[3])):
    print(os.environ["CUDA_VISIBLE_DEVICES"], time.monotonic(), flush=True)
    time.sleep(float(sys.argv[2]))
    print(time.monotonic(), flush=True)
"""


def job(folder: Path, fakes: str, seconds: float, count: int = 1) -> subprocess.Popen[str]:
    """A process that holds a slot for some time, and prints the GPU, when it got it and when it gave it back."""
    environment = os.environ | {"REPRUNE_GPUS": fakes}
    command = [sys.executable, "-c", JOB, str(folder), str(seconds), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_jobs_on_one_gpu_never_overlap(tmp_path: Path) -> None:
    running = [job(tmp_path, "fake0,fake1", 0.2) for _ in range(6)]
    printed = [process.communicate(timeout=60)[0].split() for process in running]
    held = sorted((gpu, float(start), float(end)) for gpu, start, end in printed)
    assert {gpu for gpu, _, _ in held} == {"fake0", "fake1"}
    for (gpu, _, end), (next_gpu, start, _) in pairwise(held):
        assert gpu != next_gpu or end <= start


def test_jobs_on_one_gpu_and_on_several_all_get_their_turn_and_never_overlap(tmp_path: Path) -> None:
    running = [job(tmp_path, "fake0,fake1,fake2", 0.2, count) for count in (1, 2, 1, 3, 2, 1, 2, 2)]
    printed = [process.communicate(timeout=60)[0].split() for process in running]
    held = sorted((gpu, float(start), float(end)) for gpus, start, end in printed for gpu in gpus.split(","))
    assert len(held) == 14
    for (gpu, _, end), (next_gpu, start, _) in pairwise(held):
        assert gpu != next_gpu or end <= start


def test_the_slot_of_a_killed_job_is_free_again(tmp_path: Path) -> None:
    process = job(tmp_path, "fake0", 600)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("fake0")
    assert devices._free_slots("fake0", 1, tmp_path) == []
    process.send_signal(signal.SIGKILL)
    process.communicate()
    successor = job(tmp_path, "fake0", 0)
    assert successor.communicate(timeout=60)[0].startswith("fake0")
