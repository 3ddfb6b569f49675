"""A real Slurm on the loopback: Debian's packages, one controller, one node, two GPUs that are only device files.

Everything that is started is stopped, and what is written under /etc/slurm is removed. A machine that has a Slurm of
its own is left alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
SETTINGS = Path("/etc/slurm/slurm.conf"), Path("/etc/slurm/gres.conf")
NODE, PARTITION = "node0", "loopback"

SLURM = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
GresTypes=gpu
ReturnToService=0
SlurmdParameters=config_overrides
KillWait=10
NodeName=node0 NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=20000 Gres=gpu:h200:2 State=UNKNOWN
PartitionName=loopback Nodes=node0 Default=YES MaxTime=INFINITE State=UP
"""
GPUS = "AutoDetect=off\nNodeName=node0 Name=gpu Type=h200 File={folder}/gpu[0-1]\n"


def unavailable() -> str:
    """Why no Slurm can be started here; empty if one can."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "needs root and Debian's packages"
    if any(path.exists() for path in SETTINGS):
        return f"this machine has a Slurm of its own ({SETTINGS[0]})"
    return ""


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """A Slurm whose files lie in `folder`, with programs installed if they are not there."""
    if not all(map(shutil.which, ("slurmctld", "slurmd", "squeue", "munged"))):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        words = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *PACKAGES]
        subprocess.run(words, check=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
    for name in ("state", "spool"):
        (folder / name).mkdir()
    for number in range(2):
        os.mknod(folder / f"gpu{number}", stat.S_IFCHR | 0o666, os.makedev(1, 3))  # another /dev/null
    fields = {"folder": folder, "host": socket.gethostname()}
    with ExitStack() as stack:
        for path, text in zip(SETTINGS, (SLURM, GPUS), strict=True):
            path.write_text(text.format(**fields, controller=free_port(), node=free_port()))
            stack.callback(path.unlink)
        if subprocess.run(["munge", "-n"], capture_output=True).returncode:
            Path("/run/munge").mkdir(mode=0o755, exist_ok=True)
            shutil.chown("/run/munge", "munge", "munge")
            stack.enter_context(daemon(folder, "runuser", "-u", "munge", "--", "munged", "--foreground"))
            wait_until(lambda: not subprocess.run(["munge", "-n"], capture_output=True).returncode, "munge")
        stack.enter_context(daemon(folder, "slurmctld", "-D"))
        wait_until(lambda: "UP" in ask("scontrol", "ping"), "the controller")
        stack.enter_context(daemon(folder, "slurmd", "-D", "-N", NODE))
        wait_until(lambda: "idle" in ask("sinfo", "-h", "-o", "%t"), "the node")
        stack.callback(subprocess.run, ["scancel", "--user", "root", "--signal", "KILL"])
        yield


@contextmanager
def daemon(folder: Path, *words: str) -> Iterator[None]:
    """A process that is stopped at the end."""
    with (folder / "daemons.txt").open("a") as said:
        process = subprocess.Popen(words, stdout=said, stderr=said, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=60)


def ask(*words: str) -> str:
    """What a command prints; empty if it fails."""
    return subprocess.run(words, capture_output=True, text=True).stdout


def tell(*words: str) -> None:
    """Run a command that has to succeed."""
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=60)


def jobs(*states: str) -> list[str]:
    """The jobs in these states (``RUNNING``, ``PENDING``, …) by number, or all that have not ended."""
    return ask("squeue", "-h", "-o", "%i", *(["--states", ",".join(states)] if states else [])).split()


def at_work() -> bool:
    """Whether a job's processes live on the node, of which there is one that watches over the others."""
    return bool(ask("pgrep", "-f", "^slurmstepd: "))


def wait_until(true: Callable[[], Any], what: str, seconds: float = 120) -> None:
    """Wait until something holds; fails after `seconds`."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.2)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
