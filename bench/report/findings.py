"""What papers claim about the order of methods, tested on a grid's own runs.

Runs of two methods at one seed share their initial weights and their order of images, so differences are taken seed by
seed. With d the mean of the differences at a point and Student's 95 % interval of it,

    a >= b   holds if the interval lies above 0, is contradicted if it lies below, else stays open
    a ~ b    holds if the interval lies within ± margin, is contradicted if it lies outside, else stays open

A network that collapsed counts with the accuracy that it has: to be at chance level is an outcome of the method.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bench.base.spelling import Spelling
from bench.report.cell import CellResult
from bench.report.layout import Block, Span, Text, known, points, signed
from bench.statistics import Interval, equivalence, interval, summarise

if TYPE_CHECKING:
    from bench.plan.claims import Claim
    from bench.plan.grid import Network


class Ruling(StrEnum):
    """What runs say about a claim; letter and colour are those of the verdict that it resembles."""

    HOLDS = "holds"
    CONTRADICTED = "contradicted"
    OPEN = "open"

    @property
    def letter(self) -> str:
        """What stands for it on the page."""
        return self[0].upper()

    @property
    def colour(self) -> str:
        """The name of its colour on the page, a class of `templates/tables.css`."""
        return {"holds": "reproduced", "contradicted": "below", "open": "inconclusive"}[self]


@dataclass(frozen=True)
class Finding:
    """A claim at one point of one network.

    Attributes:
        left, right: mean accuracies in %, over the seeds that both have.
        difference, interval: of left − right, in points.
        collapsed: how many of the runs are collapsed.
    """

    claim: Claim
    network: Network
    point: float
    seeds: int
    left: float
    right: float
    difference: float
    interval: Interval
    collapsed: int

    @property
    def ruling(self) -> Ruling:
        """What the interval says."""
        low, high = self.interval
        if math.isnan(low):
            return Ruling.OPEN
        if not self.claim.equality:
            return Ruling.HOLDS if low > 0 else Ruling.CONTRADICTED if high < 0 else Ruling.OPEN
        found = equivalence(self.interval, self.claim.margin)
        return Ruling.HOLDS if found == "within" else Ruling.OPEN if found == "open" else Ruling.CONTRADICTED


def examine(claims: Iterable[Claim], results: Sequence[CellResult]) -> list[Finding]:
    """Every claim at every point of every network where both methods have cells; the dense network is at point 0."""
    cells = {(each.method, each.network, each.point or 0.0): each for each in results}
    pairs = [
        (claim, left, cells.get((claim.methods[1], left.network, left.point or 0.0)))
        for claim in claims
        for left in results
        if left.method == claim.methods[0] and _asked(claim, left.point or 0.0)
    ]
    return [_examine(claim, left, right) for claim, left, right in pairs if right]


def _asked(claim: Claim, point: float) -> bool:
    return not claim.points or any(math.isclose(point, each) for each in claim.points)


def _examine(claim: Claim, left: CellResult, right: CellResult) -> Finding:
    ours, theirs = ({run.seed: run for run in each.scored} for each in (left, right))
    pairs = [(ours[seed], theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())]
    differences = [one.accuracy - other.accuracy for one, other in pairs]
    return Finding(
        claim=claim,
        network=left.network,
        point=left.point or 0.0,
        seeds=len(pairs),
        left=summarise([one.accuracy for one, _ in pairs]).mean,
        right=summarise([other.accuracy for _, other in pairs]).mean,
        difference=summarise(differences).mean,
        interval=interval(differences),
        collapsed=sum(run.outcome == "collapsed" for pair in pairs for run in pair),
    )


def block(findings: Sequence[Finding]) -> Block:
    """The findings as a table."""
    percent = Spelling.of(finding.point for finding in findings).percent
    rows = tuple(_row(finding, percent(finding.point)) for finding in findings)
    head = ("Claim", "Network", "At", "Accuracies", "Difference", "95 % interval", "Seeds", "Verdict")
    return Block("What papers claim, tested on these runs", head, rows, numbers=False)


def _row(finding: Finding, point: str) -> tuple[Text, ...]:
    collapsed = f" ({finding.collapsed} collapsed)" if finding.collapsed else ""
    values = (
        f"{finding.claim.claim} ({finding.claim.source})",
        str(finding.network),
        point,
        f"{points(finding.left)} and {points(finding.right)}{collapsed}",
        signed(finding.difference),
        known(Span(*finding.interval, form=signed)),
        str(finding.seeds),
        finding.ruling,
    )
    return tuple(map(Text, values))


def notes(claims: tuple[Claim, ...]) -> tuple[str, ...]:
    """What the verdicts mean."""
    margins = sorted({claim.margin for claim in claims if claim.equality})
    equal = f" a ~ b holds within ± {' or '.join(f'{margin:g}' for margin in margins)} points." if margins else ""
    return (
        "Differences are taken seed by seed; the interval is Student's of their mean, not corrected for the number of "
        "claims. A claim is open where the interval does not decide. Collapsed networks count with the accuracy that "
        f"they have.{equal}",
    )
