"""What is wrong with a tracking store, and what to do about it, in one sentence that tells no password."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from bench.base import stores
from bench.errors import discreet

LONGEST = 250
"""Letters of a reason; a server's cause stands at its end."""


class StoreError(Exception):
    """The tracking store cannot be used; the message is one sentence without its full stop."""


def file_of(uri: str) -> Path | None:
    """The file of an SQLite store; None for a server."""
    found = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", uri)
    return Path(found[1]) if found else None


def failure(uri: str, error: Exception) -> StoreError:
    """The sentence about an error of MLflow, of the database or of the system."""
    reason = _reason(uri, error)
    short = reason if len(reason) <= LONGEST else f"{reason[:100]} … {reason[-140:]}"
    return StoreError(f"the tracking store {discreet(uri)} cannot be used ({short}); {_advice(uri, reason)}")


def _reason(uri: str, error: Exception) -> str:
    """What the error says, without the statement it was about, without links and without the password."""
    said = re.split(r"\s*\[SQL: |\s*\(Background on this error", " ".join(str(error).split()))[0]
    for secret in _passwords(uri):
        said = said.replace(secret, "***")
    return discreet(said).rstrip(".?")


def _passwords(uri: str) -> list[str]:
    """The address' password as it is written there and as it is meant; an empty list if it has none."""
    found = re.search(r"://[^/:@]*:(?P<password>\S*)@|[?&]password=(?P<query>[^&]*)", uri)
    secret = (found["password"] or found["query"]) if found else ""
    return [secret, unquote(secret)] if secret else []


def _advice(uri: str, reason: str) -> str:
    path = file_of(uri)
    upgrade = f"run `mlflow db upgrade {discreet(uri)}`"
    if path is None:
        if "out-of-date" in reason:
            return f"{upgrade} when all who use it have this version of MLflow"
        if "authentication failed" in reason or "no password" in reason:
            return "see to user and password, in ~/.pgpass say"
        return f"start it, or name another one by {stores.FIELD}=ADDRESS or in {stores.VARIABLE}"
    if "locked" in reason:
        return "close the program that has it open"
    if "disk is full" in reason or "No space left" in reason:
        return "make room on its disk"
    if any(
        text in reason for text in ("readonly", "Read-only", "Permission denied", "unable to open", "Not a directory")
    ):
        return "have it made writable, or name another one in the grid's field 'tracking_uri'"
    upgrade = f"{upgrade}, or " if "out-of-date" in reason else ""
    return f"{upgrade}move {path} away, and it is rebuilt from the records"
