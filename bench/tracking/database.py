"""A tracking store in a PostgreSQL database: looked at before MLflow opens it, and written by one collector at a time.

Left to itself MLflow tries for minutes to reach a server that is away, and two processes that make its tables at the
same time, or log the same run, get in each other's way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bench.errors import discreet
from bench.tracking.failure import StoreError

LOCK = int.from_bytes(b"reprune")
"""The number of the collectors' lock, one of 2⁶⁴ that clients of a database may agree on."""

PATIENCE = "10"
"""Seconds to wait for a connection, ours or MLflow's."""


def is_one(uri: str) -> bool:
    """Whether it is the address of a PostgreSQL database."""
    return uri.startswith(("postgresql:", "postgresql+"))


def reach(uri: str) -> None:
    """Connect once. Raises SQLAlchemy's error if there is no such server or database."""
    with connected(uri):
        pass


@contextmanager
def single_writer(uri: str) -> Iterator[None]:
    """Wait until no other process collects into this database, on whatever machine.

    The lock belongs to the connection, so the server frees it when the process ends, however it ends.
    """
    import sqlalchemy

    ask = sqlalchemy.select(sqlalchemy.func.pg_try_advisory_lock(LOCK))
    with connected(uri) as connection:
        if not connection.scalar(ask):
            print(f"Another process is collecting into {discreet(uri)}; waiting for it.", flush=True)
            while not connection.scalar(ask):  # asked again and again: libpq would not hear Ctrl-C while it waits
                time.sleep(0.5)
        yield


@contextmanager
def connected(uri: str) -> Iterator[Any]:
    """A connection that commits each statement by itself and ends with the block, even if the server is gone."""
    import sqlalchemy

    os.environ.setdefault("PGCONNECT_TIMEOUT", PATIENCE)
    try:
        engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool, isolation_level="AUTOCOMMIT")
    except ModuleNotFoundError as error:
        raise StoreError(
            f"the tracking store {discreet(uri)} needs the package '{error.name}'; `pip install 'reprune[postgres]'`"
        ) from None
    connection = engine.connect()
    try:
        yield connection
    finally:
        with suppress(sqlalchemy.exc.SQLAlchemyError):
            connection.close()
