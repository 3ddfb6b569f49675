"""One writer at a time, and the SQLite file of a local tracking store: whole, and looked at before MLflow opens it.

Left to itself MLflow tries for minutes to open a file that is no database, makes its tables in the database of any
other program, and cannot use a file whose making was cut off.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

PATIENCE = 20.0
"""Seconds for which another program may keep a store locked; MLflow waits as long for one that is written to."""

OURS = {"alembic_version", "experiments", "runs"}
"""Tables that every version of MLflow has."""


class StoreError(Exception):
    """The tracking store cannot be used; the message is one sentence without its full stop."""


@contextmanager
def single_writer(results: Path) -> Iterator[None]:
    """Wait until no other process collects into these results."""
    try:
        results.mkdir(parents=True, exist_ok=True)
        lock = (results / "mlflow.lock").open("w")
    except OSError as error:
        raise StoreError(f"nothing can be written to {results} ({error.strerror})") from error
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another process is collecting into {results}; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@cache
def unhurried() -> None:
    """Let SQLite leave it to the system when its commits reach the disk: 56 s instead of 94 for 1,000 runs.

    A process that is killed loses nothing by it. A loss of power may cost the store, which is rebuilt from the records.
    """
    import sqlalchemy

    def connected(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", connected)


def ready(uri: str) -> None:
    """Make a local store's file if there is none. Raises `StoreError` if it is no sound database of MLflow's."""
    path = file_of(uri)
    if path is None:
        return
    tables = _tables(uri, path) if path.exists() else set()
    if not tables:
        _make(path)
    elif not tables >= OURS:
        raise StoreError(
            f"the tracking store {uri} cannot be used (it is a database of another program, with a table "
            f"'{min(tables)}'); name another file in the grid's field 'tracking_uri'"
        )


def failure(uri: str, error: Exception) -> StoreError:
    """What is wrong with a store, and what to do about it, in one sentence."""
    reason = " ".join(str(error).split()).rstrip(".")
    short = reason if len(reason) <= 250 else f"{reason[:100]} … {reason[-140:]}"  # a server's cause stands at the end
    return StoreError(f"the tracking store {uri} cannot be used ({short}); {_advice(uri, reason)}")


def file_of(uri: str) -> Path | None:
    """The file of an SQLite store; None for a server."""
    found = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", uri)
    return Path(found[1]) if found else None


def _advice(uri: str, reason: str) -> str:
    path = file_of(uri)
    if path is None:
        return "start it, or name another one in the grid's field 'tracking_uri'"
    if "locked" in reason:
        return "close the program that has it open"
    if "disk is full" in reason or "No space left" in reason:
        return "make room on its disk"
    if any(
        text in reason for text in ("readonly", "Read-only", "Permission denied", "unable to open", "Not a directory")
    ):
        return "have it made writable, or name another one in the grid's field 'tracking_uri'"
    upgrade = f"run `mlflow db upgrade {uri}`, or " if "out-of-date" in reason else ""
    return f"{upgrade}move {path} away, and it is rebuilt from the records"


def _tables(uri: str, path: Path) -> set[str]:
    """The names of all tables, after a look at every page of the file."""
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
            found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            (problem,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise failure(uri, error) from error
    if problem != "ok":
        raise failure(uri, sqlite3.DatabaseError(f"it is damaged: {problem}"))
    return found


def _make(path: Path) -> None:
    """Make all tables, which takes seconds, under another name; whoever is cut off meanwhile leaves no half a store."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        made = SqlAlchemyStore(f"sqlite:///{temporary.absolute()}", str(path.parent))  # type: ignore[no-untyped-call]
        made.engine.dispose()
        temporary.replace(path)
    finally:
        for left in path.parent.glob(f"{temporary.name}*"):
            left.unlink()
