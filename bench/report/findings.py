"""What papers claim about the order of methods, tested on a grid's own runs.

Runs of two methods at one seed share their initial weights and their order of images, so differences are taken seed by
seed. With d the mean of the differences at a point and Student's 95 % interval of it,

    a >= b   holds if the interval lies above 0, is contradicted if it lies below, else stays open
    a ~ b    holds if the interval lies within ± margin, is contradicted if it lies outside, else stays open

A network that collapsed counts with the accuracy that it has: to be at chance level is an outcome of the method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.base.spelling import Spelling
from bench.report.layout import Block, Text, points, signed
from bench.results.measurements import key
from bench.statistics import Interval, equivalence, interval, summarise

if TYPE_CHECKING:
    import pandas as pd

    from bench.plan.claims import Claim
    from bench.plan.grid import Cell, Plan

Ruling = Literal["holds", "contradicted", "open"]


@dataclass(frozen=True)
class Finding:
    """A claim at one point of one network.

    Attributes:
        left, right: mean accuracies in %, over the seeds that both have.
        difference, interval: of left − right, in points.
        collapsed: how many of the runs are collapsed.
    """

    claim: Claim
    dataset: str
    architecture: str
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
            return "open"
        if self.claim.equality:
            found = equivalence(self.interval, self.claim.margin)
            return "holds" if found == "within" else "open" if found == "open" else "contradicted"
        return "holds" if low > 0 else "contradicted" if high < 0 else "open"


def examine(claims: tuple[Claim, ...], plan: Plan, table: pd.DataFrame) -> list[Finding]:
    """Every claim at every point of every network where both methods have cells; the dense network is at point 0.

    Args:
        claims: of the grid.
        plan: its cells.
        table: a line per run and point (`bench.results.measurements`).
    """
    cells = {(cell.method, *_place(cell)): cell for cell in plan.cells}
    return [
        _examine(claim, left, cells[claim.methods[1], *_place(left)], table)
        for claim in claims
        for left in plan.cells
        if left.method == claim.methods[0] and _asked(claim, left) and (claim.methods[1], *_place(left)) in cells
    ]


def _place(cell: Cell) -> tuple[str, str, float]:
    return cell.dataset, cell.architecture, cell.point or 0.0


def _asked(claim: Claim, cell: Cell) -> bool:
    return not claim.points or any(math.isclose(cell.point or 0.0, point) for point in claim.points)


def _examine(claim: Claim, left: Cell, right: Cell, table: pd.DataFrame) -> Finding:
    ours, theirs = _by_seed(left, table), _by_seed(right, table)
    seeds = sorted(ours.keys() & theirs.keys())
    differences = [ours[seed][0] - theirs[seed][0] for seed in seeds]
    return Finding(
        claim=claim,
        dataset=left.dataset,
        architecture=left.architecture,
        point=left.point or 0.0,
        seeds=len(seeds),
        left=summarise([ours[seed][0] for seed in seeds]).mean,
        right=summarise([theirs[seed][0] for seed in seeds]).mean,
        difference=summarise(differences).mean,
        interval=interval(differences),
        collapsed=sum(ours[seed][1] + theirs[seed][1] for seed in seeds),
    )


def _by_seed(cell: Cell, table: pd.DataFrame) -> dict[int, tuple[float, bool]]:
    """Accuracy, and whether the network is collapsed, of a cell's runs that have one."""
    runs = {key(run, cell.point) for _, run in cell.runs}
    chosen = table[table["key"].isin(runs) & table["outcome"].isin(["ok", "collapsed"])].dropna(subset="accuracy")
    columns = (chosen["seed"], chosen["accuracy"], chosen["outcome"])
    return {int(seed): (float(value), outcome == "collapsed") for seed, value, outcome in zip(*columns, strict=True)}


def block(findings: Sequence[Finding]) -> Block:
    """The findings as a table."""
    percent = Spelling.of(finding.point for finding in findings).percent
    rows = tuple(_row(finding, percent(finding.point)) for finding in findings)
    head = ("Claim", "Network", "At", "Accuracies", "Difference", "95 % interval", "Seeds", "Verdict")
    return Block("What papers claim, tested on these runs", head, rows, numbers=False)


def _row(finding: Finding, point: str) -> tuple[Text, ...]:
    low, high = finding.interval
    collapsed = f" ({finding.collapsed} collapsed)" if finding.collapsed else ""
    texts = [
        f"{finding.claim.claim} ({finding.claim.source})",
        f"{finding.architecture} on {finding.dataset}",
        point,
        f"{points(finding.left)} and {points(finding.right)}{collapsed}",
        signed(finding.difference),
        "" if math.isnan(low) else f"{signed(low)} to {signed(high)}",
        str(finding.seeds),
        finding.ruling,
    ]
    return tuple(map(Text, texts))


def notes(claims: tuple[Claim, ...]) -> tuple[str, ...]:
    """What the verdicts mean."""
    margins = sorted({claim.margin for claim in claims if claim.equality})
    equal = f" a ~ b holds within ± {' or '.join(f'{margin:g}' for margin in margins)} points." if margins else ""
    return (
        "Differences are taken seed by seed; the interval is Student's of their mean, not corrected for the number of "
        "claims. A claim is open where the interval does not decide. Collapsed networks count with the accuracy that "
        f"they have.{equal}",
    )
