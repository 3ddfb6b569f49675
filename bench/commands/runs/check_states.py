"""Whether runs began from the states that lie in the results, and from the same ones as the other runs there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bench.base import regular
from bench.base.grouping import grouped
from bench.commands.runs import hardware
from bench.commands.runs.finding import Finding
from bench.results import record
from bench.results.record import Record

NOT_TOLD = "does not tell which states its stages began from: older code made it"
NOT_THERE = "the states that its stages began from are not there, or not whole, so they were not compared"
ELSEWHERE = "its stages are not those that other runs, made on other hardware, began from; such runs are not paired"
FAST = "its stages are not those that lie there or that other runs began from; mode fast does not repeat its bits"


class Key(NamedTuple):
    """Which state: of the stage with an identity, at a step (None is the end)."""

    identity: str
    step: int | None


@dataclass(frozen=True)
class Told:
    """What a record tells of a state.

    Attributes:
        run: whose record it is.
        sha256: the digest of the state's content.
        said: how the run came by it, as the beginning of a sentence.
        begun: whether a stage began from it; else one ended in it.
        fast: whether the recipe's mode is fast.
        hardware: what made the record (`bench.commands.runs.hardware.told`).
    """

    run: str
    key: Key
    sha256: str
    said: str
    begun: bool
    fast: bool
    hardware: dict[str, Any]


class States:
    """The states that lie in a folder of stages, and what records tell of them.

    Args:
        folder: of stages; it need not be there.
        records: files of records; one that can't be read tells nothing.
    """

    def __init__(self, folder: Path, records: Iterable[Path]) -> None:
        self.folder = folder
        self.lying = cache(self._lying)
        readable = (found for path in records if (found := record.readable(path)))
        self._told = grouped((each.key, each) for found in readable for each in told_by(found))

    def findings(self, found: Record, path: Path) -> Iterator[Finding]:
        """What is wrong with the states that a record tells of, and what could not be compared."""
        told_of = {each.stage for each in found.ancestry if each.parents is not None}
        if len(found.curves) > 1 and not told_of.issuperset(curve.stage for curve in found.curves):
            yield Finding(path, NOT_TOLD, harmless=True)
        told = list(told_by(found))
        if any(each.begun and self.lying(each.key) is None for each in told):
            yield Finding(path, NOT_THERE, harmless=True)
        for each in told:
            yield from self._compared(each, path)

    def _compared(self, mine: Told, path: Path) -> Iterator[Finding]:
        lying = self.lying(mine.key)
        others = [each for each in self._told.get(mine.key, []) if each.sha256 != mine.sha256]
        rivals = [each for each in others if lying in (None, each.sha256)]
        if lying == mine.sha256 or (lying is None and not rivals):
            return
        near = [each for each in rivals if not hardware.differing(mine.hardware, each.hardware)]
        if mine.fast:
            yield Finding(path, FAST, harmless=True)
        elif rivals and not near:
            yield Finding(path, ELSEWHERE, harmless=True)
        else:
            where = f"'{near[0].run}'" if lying is None else str(self._file(mine.key))
            theirs = near[0].sha256 if lying is None else lying
            yield Finding(path, f"{mine.said} whose SHA-256 is {mine.sha256[:12]}…, and {where} has {theirs[:12]}…")

    def _file(self, key: Key) -> Path:
        return self.folder / key.identity[:32] / ("final.pt" if key.step is None else f"snapshot-{key.step}.pt")

    def _lying(self, key: Key) -> str | None:
        """The digest of the state that lies there; None if there is none, or it is not whole (`check_run.stage`)."""
        if not regular.is_there(self._file(key), self.folder.parent):
            return None
        from bench.training import checkpoint

        try:
            return checkpoint.content_digest(checkpoint.read(self._file(key), key.identity))
        except (OSError, checkpoint.Unusable):
            return None


def told_by(found: Record) -> Iterator[Told]:
    """Every state that a record tells of, once."""
    states: dict[tuple[Key, str], tuple[str, bool]] = {}
    for stage in found.ancestry:
        if stage.sha256 is not None:
            states[Key(stage.identity, None), stage.sha256] = f"its stage '{stage.stage}' ended in a state", False
    for stage in found.ancestry:
        for parent in stage.parents or ():
            said = f"its stage '{stage.stage}' began from a state of '{parent.reference}'"
            states[Key(parent.identity, parent.step), parent.sha256] = said, True
    fast, facts = found.spec.recipe.mode == "fast", hardware.told(found)
    for (key, sha256), (said, begun) in states.items():
        yield Told(found.id, key, sha256, said, begun, fast, facts)
