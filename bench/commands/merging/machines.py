"""The same run from two machines: whether it is the same in every number and bit, and if not, who says what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.base.spelling import EXACT
from bench.commands.runs.differences import facts, unequal
from bench.commands.runs.hardware import same_run
from bench.results.record import Record

MOST = 4
"""Differences that a conflict names; `reprune compare` tells them all."""


@dataclass(frozen=True)
class Conflict:
    """A run of which there are two.

    Attributes:
        stays, other: the records: the one that counts, and the one that was not taken.
        source: the folder that the other one lies in.
        differences: values by name, that of `stays` first; accuracies come first.
        machines: on what each was made.
        by_hardware: whether they differ as one run does on two kinds of hardware
            (`bench.commands.runs.hardware.same_run`).
    """

    run: str
    stays: Path
    other: Path
    source: Path
    differences: dict[str, tuple[Any, Any]]
    machines: tuple[str, str]
    by_hardware: bool = False

    @property
    def apart(self) -> float:
        """By how many percentage points accuracies differ at most."""
        pairs = [pair for name, pair in self.differences.items() if name.endswith(": accuracy") and None not in pair]
        return max((abs(mine - other) for mine, other in pairs), default=0.0)

    def brief(self) -> str:
        """Which run it is, the first difference, and who made the one that is not taken, on one line."""
        return f"{self.run} ({_pair(next(iter(self.differences.items())))}; theirs: {self.machines[1]})"

    def describe(self) -> str:
        """What differs, from where, and which one stays."""
        named = list(map(_pair, self.differences.items()))
        more = len(named) - MOST
        rest = f", and {more} more (`reprune compare {self.stays} {self.other}`)" if more > 0 else ""
        return (
            f"conflict: {self.run}\n"
            f"  differs in {', '.join(named[:MOST])}{rest}\n"
            f"  stays:     {self.stays} ({self.machines[0]})\n"
            f"  not taken: {self.other} ({self.machines[1]})"
        )


def conflict(mine: Record, stays: Path, other: Record, path: Path, source: Path) -> Conflict | None:
    """In what two records of a run differ, but for clocks and memory; None if in nothing."""
    differences = unequal(mine, other)
    for one in mine.results:
        if (two := other.result(one.point)) is not None and one.weights_sha256 != two.weights_sha256:
            differences[f"{EXACT.name(one.point)}: weights"] = one.weights_sha256, two.weights_sha256
    if not differences:
        return None
    first = [name for name in differences if name in ("outcome", "reason") or name.endswith(": accuracy")]
    ordered = {name: differences[name] for name in [*first, *differences]}
    return Conflict(mine.id, stays, path, source, ordered, (machine(mine), machine(other)), same_run(mine, other))


def machine(record: Record) -> str:
    """What made a record, as far as it tells: card, or processor and capability; torch, commit."""
    told = facts(record)
    processor = " ".join(str(told[name]) for name in ("cpu.model", "cpu.capability") if told.get(name))
    commit = str(told.get("git.commit") or "")[:7]
    versions = {"torch": told.get("packages.torch"), "commit": commit}
    hardware = told.get("gpu.name") or processor or "an unnamed machine"
    return ", ".join([str(hardware), *(f"{name} {version}" for name, version in versions.items() if version)])


def _pair(difference: tuple[str, tuple[Any, Any]]) -> str:
    name, (mine, other) = difference
    return f"{name} {_shown(mine)} ↔ {_shown(other)}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
