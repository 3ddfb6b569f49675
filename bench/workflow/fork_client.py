"""What Snakemake starts for a run: ``python -m bench.workflow.fork_client`` takes the job as JSON (`bench.plan.job`).

The run is carried out in a fork of the process that has torch imported (`bench.workflow.fork_server`), or in this one
where there is none. This module imports next to nothing.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
from contextlib import suppress
from types import FrameType

VARIABLE = "REPRUNE_WARM"
"""The environment variable that names the socket."""

STARTED = b"+"
KILLED = 128 + signal.SIGKILL


def main(words: list[str]) -> int:
    """Carry out the run that the command line describes; returns the exit status."""
    connection = _fork(words)
    if connection is not None:
        return _wait(connection)
    from bench.training.run import main as run

    return run(words)


def is_own(connection: socket.socket) -> bool:
    """Whether a process of this user is at the other end."""
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", peer)[1] == os.getuid())


def _fork(words: list[str]) -> socket.socket | None:
    """The connection to a fork that has begun with the run; None if there is none."""
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    connection = socket.socket(socket.AF_UNIX)
    with suppress(OSError):
        connection.connect(f"\0{name}")
        if is_own(connection):
            socket.send_fds(connection, [json.dumps(words).encode() + b"\n"], [1, 2])
            if connection.recv(1) == STARTED:
                return connection
    connection.close()
    return None


def _wait(connection: socket.socket) -> int:
    """Pass signals on until the fork ends; returns its exit status."""

    def forward(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):  # it has just ended
            connection.send(bytes([number]))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    status = b""
    with suppress(ConnectionError):
        status = connection.recv(1)
    if not status:
        print("killed", file=sys.stderr)
    return status[0] if status else KILLED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
