"""GPU slots: each job gets a share of one GPU by a file lock, and sees only that GPU.

Snakemake counts GPUs but hands out no device, so the job picks one itself. A slot is a lock (`flock`) on a file named
after the GPU's UUID; the system frees it when the job ends, however it ends, and no daemon is needed. (A process
forked by the job keeps the slot until it ends too.) Several workflows of one user on one machine share the slots.

Which GPUs there are, without torch:

* ``CUDA_VISIBLE_DEVICES``, if set: indices, UUIDs (or their beginnings) or MIG names; empty means the CPU. Indices
  count as nvidia-smi does, which is CUDA's order under ``CUDA_DEVICE_ORDER=PCI_BUS_ID``.
* else what nvidia-smi lists, the MIG instances of a divided GPU each by itself; without nvidia-smi there are none.
* ``REPRUNE_GPUS=a,b`` names pretended GPUs: slots are leased as usual, but jobs run on the CPU. It serves to rehearse
  a workflow on a machine without GPUs.

Where Slurm has given the job as many GPUs as it uses there is nothing to lease. Where it has given more, as to an
interactive allocation in which a whole workflow runs, they are shared out like the GPUs of any other machine.
"""

from __future__ import annotations

import fcntl
import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from bench.base.locks import own_folder
from bench.errors import UserError

VISIBLE, ORDER, PRETENDED = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "REPRUNE_GPUS"


def gpus() -> list[str]:
    """The GPUs that jobs may use, by UUID where it is known."""
    if PRETENDED in os.environ:
        return _words(os.environ[PRETENDED])
    if VISIBLE not in os.environ:
        return [device for devices in _listed() for device in devices]
    chosen: list[str] = []
    words = _words(os.environ[VISIBLE])
    known = _listed() if words else []
    for word in words:
        if word == "-1":  # CUDA ignores what follows an invalid index, and -1 is the usual way to say "none"
            break
        chosen.append(_uuid(word, known))
    return chosen


def slots(slots_per_gpu: int) -> int:
    """How many jobs can hold a GPU at once on this machine; 0 without a GPU."""
    return slots_per_gpu * len(gpus())


@contextmanager
def device_slot(slots_per_gpu: int, lock_dir: Path | None = None, count: int = 1) -> Iterator[str]:
    """Hold a slot on one GPU, with ``CUDA_VISIBLE_DEVICES`` set to it; to be entered before CUDA is used.

    Waits until it is free. Yields ``"cuda"``, or ``"cpu"`` where there is no GPU (and for pretended ones).

    Args:
        slots_per_gpu: how many jobs share one GPU.
        lock_dir: where the lock files lie; a folder of the user's on the machine's own disk by default.
        count: how many GPUs the job uses; more than one are its own, with all their slots.

    Raises:
        UserError: the job may use fewer GPUs than that (but more than none: without a GPU all runs on the CPU).
    """
    found = gpus()
    if not found:
        yield "cpu"
        return
    if len(found) < count:
        raise UserError(
            f"the recipe's field 'gpus' is {count}, and this job may use {len(found)} ({', '.join(found)})."
        )
    if len(found) == count and "SLURM_JOB_ID" in os.environ and PRETENDED not in os.environ:
        yield "cuda"
        return
    folder = lock_dir or own_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as lease:
        if count == 1:
            chosen = _wait(found, slots_per_gpu, folder, lease)
        else:
            chosen = ",".join(_wait_for_whole(found, count, slots_per_gpu, folder, lease))
        lease.enter_context(_environment(VISIBLE, chosen))
        lease.enter_context(_environment(ORDER, "PCI_BUS_ID"))  # as nvidia-smi counts; CUDA's own order is by speed
        yield "cpu" if PRETENDED in os.environ else "cuda"


def require(device: str) -> None:
    """Check that torch can use the device of a job; imports torch.

    A job that was given a GPU does not fall back to the CPU: it would hold the GPU, for hours, and end in other bits.

    Raises:
        UserError: it is a GPU, and torch was built without CUDA or for another driver.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            f"this job was given a GPU of {socket.gethostname()} ({VISIBLE}: {os.environ.get(VISIBLE, 'all')}) that "
            f"torch {torch.__version__} cannot use; install a build of torch that fits the driver there "
            "(`reprune doctor` on that machine says more)."
        )


def nvidia_smi(*arguments: str) -> str:
    """What nvidia-smi prints, or an empty string where it is missing or fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        return subprocess.run([program, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _listed() -> list[list[str]]:
    """The UUID of each GPU in nvidia-smi's order; of one that is divided, those of its MIG instances instead.

    CUDA cannot use a divided GPU as a whole.
    """
    listed: list[list[str]] = []
    for kind, uuid in re.findall(r"^ *(GPU|MIG) .*\(UUID: ((?:GPU|MIG)-[^)]+)\)", nvidia_smi("-L"), re.MULTILINE):
        if kind == "GPU":
            listed.append([uuid])
        else:
            listed[-1] = [each for each in listed[-1] if each.startswith("MIG-")] + [uuid]
    return listed


def _uuid(word: str, known: list[list[str]]) -> str:
    """The UUID of a device given by its GPU's index, by UUID or by the beginning of one; else the word itself.

    The index of a divided GPU means its first instance, as it does to CUDA.
    """
    if word.isdigit():
        return known[int(word)][0] if int(word) < len(known) else word
    return next((uuid for devices in known for uuid in devices if uuid.startswith(word)), word)


def _wait(found: list[str], slots_per_gpu: int, folder: Path, lease: ExitStack) -> str:
    """Lock a slot on the GPU with the most free ones, as soon as there is one; `lease` gives it back."""
    while True:
        with (folder / "choosing.lock").open("a") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)  # one job at a time looks and chooses, for about a millisecond
            free = {gpu: _free_slots(gpu, slots_per_gpu, folder) for gpu in found}
            gpu = max(found, key=lambda one: len(free[one]))
            taken = free[gpu].pop() if free[gpu] else None
            for file in (file for files in free.values() for file in files):
                file.close()
        if taken is not None:
            lease.enter_context(taken)
            return gpu
        time.sleep(random.SystemRandom().uniform(0.2, 0.6))


def _wait_for_whole(found: list[str], count: int, slots_per_gpu: int, folder: Path, lease: ExitStack) -> list[str]:
    """Lock all slots of the GPUs with the most free ones, each as soon as its job ends.

    Only one job at a time gathers GPUs: of two that hold a part each, neither would ever get the rest. Jobs that use
    one GPU wait for nothing once they hold a slot, and go on looking while slots are gathered, so all get their turn.
    """
    with (folder / "gathering.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        free: dict[str, int] = {}
        for gpu in found:
            files = _free_slots(gpu, slots_per_gpu, folder)
            free[gpu] = len(files)
            for file in files:
                file.close()
        chosen = sorted(found, key=lambda one: -free[one])[:count]
        for gpu in chosen:
            for slot in range(slots_per_gpu):
                fcntl.flock(lease.enter_context(_slot(gpu, slot, folder)), fcntl.LOCK_EX)
    return chosen


def _slot(gpu: str, slot: int, folder: Path) -> IO[str]:
    return (folder / f"{gpu.replace('/', '_')}.{slot}.lock").open("a")


def _free_slots(gpu: str, slots_per_gpu: int, folder: Path) -> list[IO[str]]:
    """The lock files of a GPU that nobody holds, open and locked."""
    free: list[IO[str]] = []
    for slot in range(slots_per_gpu):
        file = _slot(gpu, slot, folder)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free.append(file)
        except BlockingIOError:
            file.close()
    return free


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
