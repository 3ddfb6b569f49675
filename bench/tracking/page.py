"""MLflow's page of a store, started such that nobody else reaches it and nothing that is sent to it is carried out.

MLflow 3.17 runs jobs that are sent to its server unless it is told not to, and keeps eight processes ready for them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench.errors import UserError, discreet

OFF = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""What the server is told in its environment."""

FILE = "sqlite:///"


def of(results: Path) -> str:
    """The address of a results folder's own store."""
    return f"{FILE}{results.resolve() / 'mlflow.db'}"


def serve(uri: str, port: int) -> None:
    """Become the server of a store's page. Raises `UserError` if there is no such store."""
    _check(uri)
    print(f"http://127.0.0.1:{port} shows {uri}; Ctrl-C ends it.", flush=True)
    words = command(port)
    os.execve(words[0], words, environment(uri))


def command(port: int) -> list[str]:
    """The words that start the server; one worker is enough for one person."""
    return [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]


def environment(uri: str) -> dict[str, str]:
    """The server's environment, which names the store: a command line is seen by others on the machine."""
    return os.environ | OFF | {"MLFLOW_BACKEND_STORE_URI": uri}


def _check(uri: str) -> None:
    if discreet(uri) != uri:
        raise UserError(
            "--uri: a password on a command line is seen by others on this machine; "
            "put it into ~/.pgpass or PGPASSWORD."
        )
    if uri.startswith(("http:", "https:")):
        raise UserError(f"--uri {uri} is a server already: open it in a browser.")
    if uri.startswith(FILE) and not Path(uri.removeprefix(FILE)).is_file():
        raise UserError(f"there is no store {uri.removeprefix(FILE)} yet; `reprune report GRID` makes and fills it.")
