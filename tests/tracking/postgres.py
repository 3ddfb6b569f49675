"""A PostgreSQL server of the test's own: another folder, a free port, stopped at the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

USER, PASSWORD = "reprune", "s3cret/:@é"
"""A password with letters that have to be escaped in an address."""

ESCAPED = "s3cret%2F%3A%40%C3%A9"


@dataclass(frozen=True)
class Server:
    """A running server: its programs, its folder, its port on 127.0.0.1."""

    programs: Path
    folder: Path
    port: int

    @property
    def uri(self) -> str:
        """The address of the database `mlflow`, with the password in it."""
        return f"postgresql://{USER}:{ESCAPED}@127.0.0.1:{self.port}/mlflow"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._control("start", "-w", "-o", f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder}")

    def stop(self) -> None:
        """Stop it at once, whoever is connected."""
        self._control("stop", "-m", "immediate")

    def ask(self, question: str, database: str = "mlflow") -> str:
        """What `psql` answers."""
        words = [str(self.programs / "psql"), "-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-d"]
        return _unprivileged(*words, database, "-At", "-c", question)

    def _control(self, *words: str) -> None:
        data, log = str(self.folder / "data"), str(self.folder / "log")
        _unprivileged(str(self.programs / "pg_ctl"), "-D", data, "-l", log, *words)


@contextmanager
def server() -> Iterator[Server]:
    """A server with an empty database `mlflow`; skips the test where there is no PostgreSQL and none can be had."""
    programs = _programs()
    with tempfile.TemporaryDirectory() as name:  # not the test's own folder: the server's user has to reach it
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        folder.chmod(0o700)
        _unprivileged(
            str(programs / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "-E", "UTF8"
        )
        rules = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        _unprivileged("sh", "-c", 'cat > "$0"', str(folder / "data" / "pg_hba.conf"), said=rules)
        made = Server(programs, folder, free_port())
        made.start()
        try:
            made.ask(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'", "postgres")
            made.ask(f"CREATE DATABASE mlflow OWNER {USER}", "postgres")
            yield made
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                made.stop()


def _programs() -> Path:
    """Where `initdb` is: Debian keeps it out of the PATH. As root it is installed where it is missing."""
    for attempt in (True, False):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or list(filter(None, [_which("initdb")]))
        if found:
            return found[-1].parent
        if attempt and os.geteuid() == 0 and shutil.which("apt-get"):
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True)
            words = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "postgresql"]
            subprocess.run(words, capture_output=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
    pytest.skip("PostgreSQL's server is not there (Debian: apt-get install postgresql)")


def _which(program: str) -> Path | None:
    found = shutil.which(program)
    return Path(found) if found else None


def _unprivileged(*words: str, said: str = "") -> str:
    """Run a command as the server's user: PostgreSQL refuses to be root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, *words], input=said, capture_output=True, text=True, cwd="/", timeout=60)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def free_port() -> int:
    """A port on 127.0.0.1 that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
