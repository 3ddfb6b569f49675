"""`reprune ui` starts MLflow's page for this machine only, with job execution off."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from bench.commands.cli import call
from bench.tracking import page


def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """The programs that a call would have become."""
    found: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda path, words, environment: found.append((words, environment)))
    return found


def test_it_serves_the_results_store_to_this_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = started(monkeypatch)
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "true")
    (tmp_path / "mlflow.db").touch()
    assert call(["ui", "--results", str(tmp_path), "--port", "5001"]) == 0
    ((words, environment),) = programs
    assert words[:6] == [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1"]
    assert words[6:] == ["--port", "5001", "--workers", "1"]
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert environment["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert capsys.readouterr().out.startswith("http://127.0.0.1:5001 shows sqlite:///")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "there is no store {folder}/results/mlflow.db yet; `reprune report GRID` makes and fills it."),
        (
            ("--uri", "sqlite:///nothing.db"),
            "there is no store nothing.db yet; `reprune report GRID` makes and fills it.",
        ),
        (("--uri", "http://127.0.0.1:5000"), "--uri http://127.0.0.1:5000 is a server already: open it in a browser."),
        (
            ("--uri", "postgresql://me:secret@db/x"),
            "--uri: a password on a command line is seen by others on this machine;",
        ),
    ],
)
def test_what_cannot_be_shown_is_said(
    words: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    programs = started(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert call(["ui", *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"reprune: {sentence.format(folder=tmp_path)}")
    assert "secret" not in err
    assert programs == []


def test_mlflow_takes_unset_for_true() -> None:
    """Which is why it is set; if this fails, docs/tracking.md and docs/reliability.md say what is no longer so."""
    from mlflow.environment_variables import MLFLOW_SERVER_ENABLE_JOB_EXECUTION

    assert MLFLOW_SERVER_ENABLE_JOB_EXECUTION.default is True


def processes(group: int) -> int:
    """How many processes a group has."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found += os.getpgid(int(folder.name)) == group
        except OSError:
            continue
    return found


def healthy(address: str) -> Any:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return answer.read() == b"OK"
    except OSError:
        return False


@pytest.mark.long
def test_the_page_is_there_and_no_process_waits_for_jobs(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "mlflow.db").close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "bench.commands.cli", "ui", "--results", str(tmp_path), "--port", str(port)]
    (tmp_path / "mlflow.db").touch()
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not healthy(f"http://127.0.0.1:{port}"):
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.5)
        assert processes(process.pid) <= 3
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
    assert page.of(tmp_path) in (tmp_path / "log").read_text()
