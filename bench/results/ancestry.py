"""What a record tells of its stages' states: which ones each stage began from, and the one it ended in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from bench.base.schema import Strict

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""A SHA-256 in hexadecimal."""


class Parent(Strict):
    """A state of an earlier stage, as a later one read it.

    Attributes:
        reference: what the later stage calls it: ``pretrain``, the stage's end, or ``pretrain@2``, a snapshot.
        identity: of the stage whose state it is.
        step: at which a snapshot was taken; null for the end.
        sha256: of the state's content (`bench.training.checkpoint.content_digest`).
    """

    reference: str
    identity: Digest
    step: int | None = Field(default=None, ge=0)
    sha256: Digest


class Ancestry(Strict):
    """Where the state at the end of a stage comes from.

    Attributes:
        stage: its name.
        identity: a hash of everything that determines its result.
        sha256: of the content of the state at its end (`bench.training.checkpoint.content_digest`); null if it never
            got there.
        parents: what it began from, or read; null if that is not known, as with a stage that older code trained.
    """

    stage: str
    identity: Digest
    sha256: Digest | None = None
    parents: tuple[Parent, ...] | None = None


def parents_in(state: Mapping[str, Any]) -> tuple[Parent, ...] | None:
    """The states that a stage began from, as its own state tells them; None if older code wrote it."""
    parents = state.get("parents")
    return None if parents is None else tuple(Parent(**parent) for parent in parents)
