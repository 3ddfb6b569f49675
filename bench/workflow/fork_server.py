"""A process that has torch imported, from which the runs of a grid are forked.

Importing torch, and the compiler that its optimizers load, takes as long as a whole run of the default grid. One job is
still one run in a process of its own; it only does not begin with these imports. `bench.workflow.fork_client`, which
Snakemake starts, connects to this process's socket and hands over its job and its output; the fork tells it the exit
status.

* A signal sent to the job reaches the fork. If the job is killed, so is the fork; if the fork is, the job fails.
* Where there is no such process, or it has died, a job does everything itself, with the same bits.
* It imports torch when the first job comes, and ends when Snakemake does, however that ends.
* Methods are imported by the forks: this process must not remember what a file said before it was edited.
"""

from __future__ import annotations

import gc
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.workflow.fork_client import STARTED, VARIABLE, is_own

if TYPE_CHECKING:
    from bench.workflow.flow import Flow

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Read when libraries are loaded. Snakemake sets them for a job, so they are set for the process it is forked from."""


def up(workflow: Any, flow: Flow) -> None:
    """Start the process for a call of Snakemake whose runs are plain processes of this machine and use no GPU."""
    if workflow.local_exec and not workflow.deployment_settings.deployment_method and not flow.gpu_slots:
        with suppress(OSError):  # no such sockets here: jobs do without
            start(flow.grid.threads)


@cache  # keeps the object alive: when its end of the pipe is closed, the process ends
def start(threads: int) -> subprocess.Popen[bytes]:
    """Start the process, and name its socket in the environment of this one and of all jobs.

    The socket lies in no folder (it is an abstract one, which Linux has), so nothing is left of it whatever happens.

    Args:
        threads: CPU threads of a run.

    Raises OSError where there are no such sockets.
    """
    name = f"reprune-{secrets.token_hex(16)}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen(128)
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.workflow.fork_server", str(server.fileno())],
            stdin=subprocess.PIPE,
            # What goes wrong in here goes wrong again in the job, which does it itself, and says so in its log.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | dict.fromkeys(THREADS, str(threads)),
            pass_fds=[server.fileno()],
        )
    os.environ[VARIABLE] = name
    return process


def serve(server: socket.socket) -> None:
    """Fork a process for each connection, until standard input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the jobs; that Snakemake ends is seen below
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
        connection, _ = server.accept()
        with connection:
            if not is_own(connection):
                continue
            _imported()
            if os.fork() == 0:
                server.close()
                _carry_out(connection)


@cache
def _imported() -> None:
    """Load what every run needs, and start nothing: no thread, no GPU."""
    import torch

    import bench.training.measure
    import bench.training.run  # noqa: F401

    torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # the first optimizer loads torch's compiler
    gc.collect()
    gc.freeze()  # else the first collection in each fork would copy all of this


def _carry_out(connection: socket.socket) -> None:
    """Be the job at the other end of the connection; does not return."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, output, *_ = socket.recv_fds(connection, 1 << 16, 2)
    while not message.endswith(b"\n"):
        message += connection.recv(1 << 16) or b"\n"
    with Path(os.devnull).open() as nothing:
        for number, file in enumerate((nothing.fileno(), *output)):
            os.dup2(file, number)
    connection.sendall(STARTED)
    threading.Thread(target=_obey, args=(connection,), daemon=True).start()
    status = _status(json.loads(message))
    connection.sendall(bytes([status]))
    os._exit(status)


def _status(words: list[str]) -> int:
    from bench.training.run import main

    try:
        return main(words)
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:  # as the interpreter does at its end
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()


def _obey(connection: socket.socket) -> None:
    """Pass signals on from the job at the other end, and die with it."""
    while number := connection.recv(1):
        os.kill(os.getpid(), number[0])
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
