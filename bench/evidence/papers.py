"""Per paper: how many numbers, how far each of them got, and what the rest would cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import data
from bench.counting.listed import macs
from bench.evidence.findings import Finding
from bench.published import Published, Row
from bench.published.obstacles import barriers
from bench.published.outcomes import Evidence, Outcome
from bench.published.power import prospect
from bench.published.search import short
from bench.workflow.missing import find


@dataclass
class Paper:
    """What is known of one paper's numbers.

    Attributes:
        name: short.
        rows: accuracies and the like in `published/*.csv`, copies left out; of these `read` were read in a source,
            `comparable` can be compared with runs of ours, and `decidable` can be decided with at most 20 seeds. Rows
            on data sets whose images nobody has registered are neither: their protocols were never run.
        outcomes: of numbers that were looked at, by the kind of evidence.
        rest: multiply-adds of the runs that comparable rows still need.
    """

    name: str
    arxiv: str
    rows: int = 0
    read: int = 0
    comparable: int = 0
    decidable: int = 0
    rest: float = 0.0
    outcomes: dict[Evidence, Counter[Outcome]] = field(default_factory=lambda: {kind: Counter() for kind in Evidence})

    @property
    def findings(self) -> int:
        """How many there are of all kinds; to sort by, for kinds are not added up."""
        return sum(counter.total() for counter in self.outcomes.values())


def papers(published: Published, findings: Iterable[Finding], kept: Sequence[Path]) -> list[Paper]:
    """All papers, those with most findings first."""
    found: dict[str, Paper] = {}
    costs = _costs(published, kept)
    for row in published.rows:
        if row.duplicate_of:
            continue
        paper = found.setdefault(_key(row.paper, row.arxiv), Paper(short(row.paper), row.arxiv))
        paper.rows += 1
        paper.read += row.verified != "unverified"
        if at_hand(row) and not barriers(row, published.protocols[row.protocol]):
            paper.comparable += 1
            paper.decidable += prospect(published, row).seeds is not None
        paper.rest += costs.get(row.id, 0.0)
    for finding in findings:
        key = _key(finding.paper, finding.arxiv)
        paper = found.setdefault(key, Paper(short(finding.paper), finding.arxiv))
        paper.outcomes[finding.kind][finding.outcome] += 1
    return sorted(found.values(), key=lambda paper: (-paper.findings, -paper.comparable, -paper.rows, paper.name))


def _key(paper: str, arxiv: str) -> str:
    return arxiv or paper


def at_hand(row: Row) -> bool:
    """Whether the images of a row's data set are registered."""
    return row.dataset in data.names() and bool(data.info(row.dataset).sha256)


def _costs(published: Published, kept: Sequence[Path]) -> dict[str, float]:
    """What each comparable row without a run still costs, a grid's cost shared evenly by its rows."""
    costs: dict[str, float] = defaultdict(float)
    with TemporaryDirectory() as empty:  # what is kept counts, not what lies on this machine
        nothing = Path(empty)
        for grid in find(published, list(filter(at_hand, published.rows)), None, nothing, kept):
            dataset, architecture = grid.grid["datasets"][0], grid.grid["architectures"][0]
            for row in grid.rows:
                costs[row.id] = grid.cost(macs(architecture, data.info(dataset), nothing)) / len(grid.rows)
    return costs
