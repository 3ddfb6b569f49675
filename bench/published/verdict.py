"""Does our number reproduce the published one? The rule (`bench.published.rule`), applied to a row and a cell of ours.

Before that, numbers must be comparable: same recipe, budget 1, same prunable set, same variant of the method, a row
that somebody has read. Otherwise the verdict is "not comparable", with every reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench import data
from bench.published import Row, margins
from bench.published.obstacles import Obstacle
from bench.published.outcomes import Evidence, Outcome, Printed
from bench.published.rule import LEVEL, LOOKS, UNPRINTED, Comparison, source, spread
from bench.statistics import Relation, summarise

COLLAPSED = 1.5
"""Accuracy up to so many times chance counts as collapsed."""


@dataclass(frozen=True)
class Verdict:
    """What a comparison says. The numbers are NaN where the comparison did not get that far; all are in points.

    Attributes:
        reason: empty where `obstacles` are the reasons.
        printed: of our mean against the printed number alone; None where nothing was compared.
        stands_to: the largest ratio of their spread over seeds to ours at which the verdict stands, where theirs is not
            printed.
        reading: the letter of the reading of the protocol under which ours was trained, where there are several.
        look: where seeds are added, the number of them at which was looked last: those that the numbers rest on.
    """

    outcome: Outcome
    reason: str = ""
    difference: float = math.nan
    half_width: float = math.nan
    margin: float = math.nan
    seeds_needed: int | None = None
    printed: Printed | None = None
    stands_to: float = math.nan
    obstacles: tuple[Obstacle, ...] = ()
    kind: Evidence = Evidence.RETRAINED
    reading: str = ""
    look: int = 0


@dataclass(frozen=True)
class Scale:
    """What accuracies on a data set are measured by, in percent.

    Attributes:
        chance: the accuracy of guessing.
        image: what one test image is worth.
    """

    chance: float
    image: float

    @classmethod
    def of(cls, dataset: str) -> Scale:
        """That of a data set in the suite."""
        info = data.info(dataset)
        return cls(100 / info.classes, 100 / info.test_images)


def margin(row: Row) -> float | None:
    """δ for a row; None if none was fixed."""
    return margins.margin(row.dataset, row.architecture, row.sparsity or 0.0)


def judge(values: Sequence[float], row: Row, scale: Scale, *, level: float = LEVEL, looks: bool = False) -> Verdict:
    """The verdict on comparable numbers.

    Args:
        values: our accuracies at this cell, one per seed, of the epoch that the row reports, by seed.
        row: the published number; a margin is fixed for it.
        scale: of its data set.
        level: of each one-sided test; less than `LEVEL` where several verdicts could be had.
        looks: whether seeds are added until one decides: only the first 5, 10 and 20 are then looked at (`LOOKS`), and
            the first look that decides is the verdict.
    """
    if not looks:
        return _judge(values, row, scale, level)
    reached = [n for n in LOOKS if n <= len(values)]
    following = next((n for n in LOOKS if n > len(values)), None)
    verdict = Verdict(Outcome.INCONCLUSIVE, margin=margin(row) or math.nan)
    for n in reached:
        verdict = replace(_judge(values[:n], row, scale, level * LOOKS[n]), look=n)
        if verdict.outcome is not Outcome.INCONCLUSIVE:
            decided = f"decided at the look of {n} seeds"
            return replace(verdict, reason="; ".join(filter(None, (decided, verdict.reason))))
    ahead = f"the next look is at {following} seeds" if following else "the last look is over"
    return replace(verdict, reason=f"{len(values)} of our seeds; {ahead}", seeds_needed=following)


def _judge(values: Sequence[float], row: Row, scale: Scale, level: float) -> Verdict:
    if not values:
        return Verdict(Outcome.NOT_RUN, "no run of ours has ended")
    delta = margin(row)
    assert delta is not None
    n, mean, measured = summarise(values)
    difference = mean - row.value
    if max(mean, row.value) <= COLLAPSED * scale.chance:
        return Verdict(Outcome.BOTH_COLLAPSED, "both at chance level", difference, margin=delta)
    std = float(spread(measured, scale.image))
    compared = Comparison(difference, std, n, source(row, scale.image), row.reading_error, delta, level)
    if n < compared.source.fewest:
        return _too_few(compared)
    found = Verdict(
        outcome=OUTCOMES[compared.relation],
        difference=difference,
        half_width=compared.half_width,
        margin=delta,
        printed=_PRINTED[compared.printed],
    )
    if found.outcome is Outcome.INCONCLUSIVE:
        needed = compared.seeds_needed()
        return replace(found, reason=_needs(needed), seeds_needed=needed)
    ratio = compared.stands_to()
    return replace(found, reason=_assumed(ratio), stands_to=ratio)


def _too_few(compared: Comparison) -> Verdict:
    """With two seeds the number that decides can be guessed; a single one says nothing of the spread."""
    fewest = compared.source.fewest
    needed = compared.seeds_needed() if compared.n > 1 else fewest
    reason = f"{compared.n} of our seeds where {fewest} are needed"
    if needed != fewest:
        reason += f"; {_needs(needed)}"
    return Verdict(Outcome.INCONCLUSIVE, reason, compared.difference, margin=compared.margin, seeds_needed=needed)


OUTCOMES: dict[Relation, Outcome] = {
    "within": Outcome.REPRODUCED,
    "above": Outcome.ABOVE,
    "below": Outcome.BELOW,
    "open": Outcome.INCONCLUSIVE,
}

_PRINTED: dict[Relation, Printed] = {
    "within": Printed.INSIDE,
    "above": Printed.OUTSIDE,
    "below": Printed.OUTSIDE,
    "open": Printed.OPEN,
}


def _needs(needed: int | None) -> str:
    return "no number of our seeds would decide" if needed is None else f"needs about {needed} seeds"


def _assumed(ratio: float) -> str:
    """What a verdict assumes where the source prints no spread."""
    if math.isnan(ratio):
        return ""
    return (
        f"the source prints no spread: {UNPRINTED:g} × ours is assumed, and up to {ratio:.2g} × ours the verdict stands"
    )
