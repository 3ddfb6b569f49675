"""Does a printed count agree with ours? Arithmetic alone decides; no accuracy is tested.

The rule, in this order, for each count:

1. `agrees`: ours, by the source's own convention, lies within half a unit of the last printed digit.
2. `agrees under an inferred convention`: so it does by another convention, which explains every count of the table.
3. `does not follow from the source's own figures`: the source prints other figures that give another number, whatever
   their own digits leave open.
4. `differs`: a second counter of ours gives what the first one gives.
5. `inconclusive`: the source rounds what we count from so much that it may be right, or a second counter is missing or
   disagrees.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from bench.base.grouping import grouped
from bench.counts import Count, Printed
from bench.counts.conventions import CONVENTIONS, Convention
from bench.counts.measured import Measured
from bench.published.outcomes import Evidence, Outcome

SAME = 1e-9
"""Two counters agree if they differ by no more than this fraction: the rounding of sums of floats."""


@dataclass(frozen=True)
class CountVerdict:
    """A printed count beside ours; all numbers are in the printed unit.

    Attributes:
        ours: by the source's convention.
        error: what `ours` may be off, because the source rounds what it is counted from.
        second: of the second counter; None if it was not asked, or there is none.
        inferred: by the convention that was inferred, where it decides.
        own: the lowest and highest number that the source's own figures give; None if it names none.
    """

    count: Count
    outcome: Outcome
    ours: float
    error: float = 0.0
    second: float | None = None
    inferred: float | None = None
    own: tuple[float, float] | None = None
    kind: Evidence = Evidence.COUNTED


def judge(counts: Iterable[Count]) -> list[CountVerdict]:
    """The verdicts, in the order of the counts, on whole tables: an inferred convention has to explain all of one."""
    listed = list(counts)
    tables = grouped(((count.paper, count.table), count) for count in listed)
    inferred = {table: _inferred(rows) for table, rows in tables.items()}
    return [decide(count, CONVENTIONS[count.convention], inferred[count.paper, count.table]) for count in listed]


def _inferred(table: list[Count]) -> Convention | None:
    """The inferred convention of a table, if there is one and it explains every count."""
    name = CONVENTIONS[table[0].convention].inferred
    if not name or not all(agrees(row.claim, _scaled(row, CONVENTIONS[name].measure(row).value)) for row in table):
        return None
    return CONVENTIONS[name]


def decide(count: Count, convention: Convention, inferred: Convention | None = None) -> CountVerdict:
    """The verdict on a count.

    Args:
        count: as printed.
        convention: of its table, as the source states it.
        inferred: one that explains every count of the table, or None.
    """
    first: Measured = convention.measure(count)
    ours, error = _scaled(count, first.value), _scaled(count, first.error)
    claim, own = count.claim, follows(count)
    if agrees(claim, ours):
        return CountVerdict(count, Outcome.AGREES, ours, error, own=own)
    if inferred is not None:
        other = _scaled(count, inferred.measure(count).value)
        return CountVerdict(count, Outcome.AGREES_AS_INFERRED, ours, error, inferred=other, own=own)
    if own is not None and not _overlap(claim, own):
        return CountVerdict(count, Outcome.CONTRADICTS_ITSELF, ours, error, own=own)
    counted = convention.check(count)
    second = None if counted is None else _scaled(count, counted)
    certain = not agrees(claim, ours, error) and second is not None and math.isclose(ours, second, rel_tol=SAME)
    outcome = Outcome.DIFFERS if certain else Outcome.INCONCLUSIVE
    return CountVerdict(count, outcome, ours, error, second, own=own)


def agrees(claim: Printed, ours: float, error: float = 0.0) -> bool:
    """Whether ours lies within half a unit of the last printed digit, that half itself included, and `error`."""
    return abs(Decimal(repr(ours)) - claim.value) <= claim.half_unit + Decimal(repr(error))


def follows(count: Count) -> tuple[float, float] | None:
    """The lowest and highest number that follows from the source's own figures, in the printed unit."""
    if count.own_rule is None:
        return None
    figures = [Printed.read(text) for text in count.own_figures]
    lows = [each.value - each.half_unit for each in figures]
    highs = [each.value + each.half_unit for each in figures]
    match count.own_rule:
        case "same":
            return float(lows[0]), float(highs[0])
        case "quotient":
            return float(lows[0] / highs[1]), float(highs[0] / lows[1])
        case "kept":
            scale = count.scale
            return float(lows[0] * (100 - highs[1]) / 100 / scale), float(highs[0] * (100 - lows[1]) / 100 / scale)


def _overlap(claim: Printed, own: tuple[float, float]) -> bool:
    low, high = claim.value - claim.half_unit, claim.value + claim.half_unit
    return Decimal(repr(own[0])) <= high and low <= Decimal(repr(own[1]))


def _scaled(count: Count, value: float) -> float:
    """A value of ours in the printed unit."""
    return value / float(count.scale)
