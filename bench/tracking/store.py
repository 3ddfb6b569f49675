"""One writer at a time, and the SQLite file of a local tracking store: whole, and looked at before MLflow opens it.

Left to itself MLflow tries for minutes to open a file that is no database, makes its tables in the database of any
other program, and cannot use a file whose making was cut off.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from bench.base.locks import lockable
from bench.tracking import database
from bench.tracking.failure import StoreError, failure, file_of

PATIENCE = 20.0
"""Seconds for which another program may keep a store locked; MLflow waits as long for one that is written to."""

OURS = {"alembic_version", "experiments", "runs"}
"""Tables that every version of MLflow has."""


@contextmanager
def single_writer(results: Path, uri: str) -> Iterator[None]:
    """Wait until no other process collects from these results, or into the same database.

    Of two machines that collect into one MLflow server over HTTP neither knows of the other.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        lock = lockable(results / "mlflow.lock")
    except OSError as error:
        raise StoreError(f"nothing can be written to {results} ({error.strerror})") from error
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another process is collecting into {results}; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        with database.single_writer(uri) if database.is_one(uri) else nullcontext():
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
    """Make a local store's file if there is none, and see whether a database is there.

    Raises `StoreError` if a file is no sound database of MLflow's, SQLAlchemy's error if a server is out of reach.
    """
    if database.is_one(uri):
        database.reach(uri)
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
