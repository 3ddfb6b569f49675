"""Is a recomputed number the printed one? The rule, with no chance in it.

A number of ours is *equal to the digit* if it lies within half a unit of the last printed digit, ties included either
way: so it rounds to the printed text, whichever way the source rounds a tie. Digits beyond those that the number's
precision holds are not compared (`Metric.digits`). Otherwise it is *equal within k images* if images on which float32's
rounding decides could make up for what is left of the difference. Otherwise it *differs*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bench.published.outcomes import Evidence, Outcome
from bench.recompute.cells import Cell, Facts
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement

WORST_LAST = (Outcome.EQUAL, Outcome.EQUAL_WITHIN_IMAGES, Outcome.DIFFERS)


@dataclass(frozen=True)
class Verdict:
    """What came out for a cell.

    Attributes:
        near_ties: k of `Outcome.EQUAL_WITHIN_IMAGES`, the near ties of the metrics that need them.
        reason: why there is nothing to judge, or which metrics differ.
    """

    outcome: Outcome
    near_ties: int | None = None
    reason: str = ""
    kind: Evidence = Evidence.RECOMPUTED

    def __str__(self) -> str:
        """The words, with the number of images in them."""
        if self.outcome is Outcome.EQUAL_WITHIN_IMAGES:
            return f"equal within {self.near_ties} image{'' if self.near_ties == 1 else 's'}"
        return f"{self.outcome} ({self.reason})" if self.reason else str(self.outcome)


def judge(cell: Cell, ours: Mapping[Metric, Measurement] | None, facts: Facts) -> Verdict:
    """The verdict on a cell: that of its worst number, metrics that stand aside left out.

    Args:
        cell: with the printed numbers.
        ours: by metric; None if nothing was measured.
        facts: of the cell's source.
    """
    if cell.verified == "unverified":
        return Verdict(Outcome.NOT_COMPARABLE, reason="nobody read the number in a source")
    if ours is None:
        return Verdict(Outcome.NOT_RUN)
    if not cell.names_file:
        return Verdict(Outcome.OTHER_FILE)
    judged = {
        metric: compare(metric, ours[metric], text, facts.trailing_zeros)
        for metric, text in printed(cell)
        if metric not in facts.aside
    }
    worst = max(judged.values(), key=WORST_LAST.index)
    if worst is Outcome.DIFFERS and len(judged) > 1:
        return Verdict(worst, reason=", ".join(metric for metric, each in judged.items() if each is worst))
    if worst is Outcome.EQUAL_WITHIN_IMAGES:
        return Verdict(worst, max(ours[metric].near_ties or 0 for metric, each in judged.items() if each is worst))
    return Verdict(worst)


def printed(cell: Cell) -> list[tuple[Metric, str]]:
    """The printed numbers of a cell with their metrics."""
    return list(zip(cell.metrics, cell.printed, strict=True))


def compare(metric: Metric, ours: Measurement, text: str, trailing_zeros: bool = True) -> Outcome:
    """One number against its printed text; `trailing_zeros` as in `bench.recompute.cells.Facts`."""
    half = half_unit(text, metric.digits, trailing_zeros)
    difference = abs(Decimal(repr(ours.value)) - Decimal(text))
    if difference <= half:
        return Outcome.EQUAL
    if ours.near_ties and difference <= half + Decimal(repr(ours.reach)):
        return Outcome.EQUAL_WITHIN_IMAGES
    return Outcome.DIFFERS


def half_unit(text: str, digits: int, trailing_zeros: bool = True) -> Decimal:
    """Half a unit of the last digit that is compared: the last printed one, but no more than `digits` significant ones.

    Where the source leaves out `trailing_zeros`, all `digits` are compared, for the text doesn't say how many it has.
    """
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    if not number:
        return Decimal(5).scaleb(exponent - 1)
    last = number.adjusted() - digits + 1
    return Decimal(5).scaleb((max(exponent, last) if trailing_zeros else last) - 1)
