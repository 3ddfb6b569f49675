"""The seal of a checkpoint: one line of JSON in front that holds the checksum of the rest, and whose it is."""

from __future__ import annotations

import hashlib
import json

LONGEST_HEAD = 1000
"""Bytes of the first line; a damaged file may have no line break for gigabytes."""

FORMAT = 1
"""Raised by hand when what a checkpoint holds changes, so that code never goes on from what it would misread."""


def sealed(body: bytes, owner: str) -> bytes:
    """A file's content behind its seal."""
    head = {"format": FORMAT, "owner": owner, "sha256": hashlib.sha256(body).hexdigest()}
    return json.dumps(head).encode() + b"\n" + body


def problem(head: bytes, body: bytes, owner: str) -> str | None:
    """Why a file is not to be used, None if it is whole and the owner's.

    Args:
        head: its first line.
        body: the rest.
        owner: identity of the stage it should belong to, or the beginning of it.
    """
    try:
        fields = json.loads(head[:LONGEST_HEAD])
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return "its first line is damaged"
    if fields.get("sha256") != hashlib.sha256(body).hexdigest():
        return "its checksum does not match (truncated or damaged)"
    if not str(fields.get("owner")).startswith(owner):
        return f"it belongs to another run ({str(fields.get('owner'))[:12]})"
    if fields.get("format", 1) != FORMAT:
        return f"it was written by another version of the code (format {fields['format']}, not {FORMAT})"
    return None
