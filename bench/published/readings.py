"""Verdicts where a source does not say which of several protocols it means: each is a reading, named beforehand.

k readings are k chances to reproduce a number, so each is held to `LEVEL` / k, and what comes out is called `reproduced
under a reading`. That a number is not reached is only said when no reading reaches it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.published import Protocol
from bench.published.outcomes import Outcome
from bench.published.rule import LEVEL
from bench.published.verdict import Verdict


def level(protocol: Protocol) -> float:
    """Of each one-sided test under one of the protocol's readings."""
    return LEVEL / max(len(protocol.recipes), 1)


def settle(verdicts: Sequence[tuple[str, Protocol, Verdict]]) -> list[Verdict]:
    """The verdicts on published numbers, each with its row's id, seen together with those under other readings."""
    by_row: dict[str, dict[str, Outcome]] = defaultdict(dict)
    for row, _, verdict in verdicts:
        by_row[row][verdict.reading] = verdict.outcome
    return [
        _settled(verdict, by_row[row], set(protocol.recipes)) if verdict.reading else verdict
        for row, protocol, verdict in verdicts
    ]


def _settled(verdict: Verdict, outcomes: Mapping[str, Outcome], letters: set[str]) -> Verdict:
    told = "; ".join(filter(None, (f"reading {verdict.reading}", verdict.reason)))
    if verdict.outcome in (Outcome.REPRODUCED, Outcome.LEVEL_ONLY):
        return replace(verdict, outcome=Outcome.UNDER_READING, reason=told)
    if verdict.outcome in (Outcome.ABOVE, Outcome.BELOW):
        open_ones = sorted(letter for letter in letters if outcomes.get(letter) is not verdict.outcome)
        if open_ones:
            others = f"not under {', '.join(open_ones)}"
            return replace(verdict, outcome=Outcome.INCONCLUSIVE, reason=f"{verdict.outcome} under {told}, {others}")
    return replace(verdict, reason=told)
