"""Which tracking store records go to: the file beside them, unless somebody at this machine names another one.

A grid may come from anybody. Were its word enough, the records of whoever tabulates it, and the token with which they
log in, would go wherever it says. So the address of a server is typed on the command line (``tracking_uri=…``), stands
in `VARIABLE`, or in a profile's ``config``; a grid alone may name a file.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError, discreet

if TYPE_CHECKING:
    from bench.plan.grid import Grid

VARIABLE = "REPRUNE_TRACKING_URI"
"""The environment's variable with the address of a store."""

FIELD = "tracking_uri"


def named(grid: Grid) -> str:
    """The address of a store that somebody named: the grid's own, or that of the environment; empty if nobody did."""
    return grid.tracking_uri or os.environ.get(VARIABLE, "")


def store_uri(grid: Grid) -> str:
    """The address of a grid's store: the one that is `named`, or else ``mlflow.db`` in its results."""
    return named(grid) or f"sqlite:///{Path(grid.results).resolve() / 'mlflow.db'}"


def check(uri: str | None, *, asked: bool) -> None:
    """Raise `UserError` for an address that a grid alone names, or that has a password on the command line.

    Args:
        uri: of the store, None for the usual one.
        asked: whether it was typed, and does not merely stand in a file.
    """
    if uri is None:
        return
    if asked and discreet(uri) != uri:
        raise UserError(
            f"field '{FIELD}': a password on a command line is seen by others on this machine and stays in logs; "
            "leave it out and put it into ~/.pgpass, PGPASSWORD or, for a server, MLFLOW_TRACKING_PASSWORD."
        )
    if not asked and not uri.startswith("sqlite:") and uri != os.environ.get(VARIABLE):
        raise UserError(
            f"field '{FIELD}': a grid alone does not decide where records are sent, and this one says "
            f"'{discreet(uri)}'; if you trust it, type {FIELD}=ADDRESS behind the grid or set {VARIABLE}."
        )


def view(uri: str) -> str:
    """How to look at a tracking store, without its password (`bench.tracking.page`)."""
    if uri.startswith(("http:", "https:")):
        return f"open {discreet(uri)}"
    return shlex.join(["reprune", "ui", "--uri", discreet(uri)])
