"""What ours says about published numbers, a finding for a number and a kind, from kept folders and `published`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench import counts
from bench.counts.show import why
from bench.counts.verdict import judge
from bench.plan.grid import Cell
from bench.published import Published
from bench.published.comparison import Compared, compare
from bench.published.looks import made_so
from bench.published.outcomes import UNDECIDED, Evidence, Outcome
from bench.recompute import keeping, tables
from bench.recompute.cells import Source, load, sources
from bench.recompute.records import Record, read_all
from bench.report import kept
from bench.report.cell import ours, theirs
from bench.results import measurements

REPRODUCTIONS = Path(__file__).parents[2] / "reports" / "reproductions"
RECOMPUTED = "recomputed"


@dataclass(frozen=True)
class Finding:
    """What ours says about one published number.

    Attributes:
        number: the id of its row, cell or count.
        about: network, data set, method and sparsity, or what was done to the file.
        printed, ours: as texts, ours empty where there is none.
        why: what the outcome rests on.
        source: where it is printed.
        folder: of `REPRODUCTIONS`, where ours is kept; empty where nothing is.
    """

    kind: Evidence
    outcome: Outcome
    number: str
    paper: str
    arxiv: str
    table: str
    about: str
    printed: str
    ours: str
    why: str
    source: str
    folder: str = ""

    @property
    def decided(self) -> bool:
        """Whether the evidence is in, one way or the other."""
        return self.outcome not in UNDECIDED


@dataclass(frozen=True)
class KeptGrid:
    """A kept folder, read once for all who ask.

    Attributes:
        name: of the folder.
        table: a line per run and point (`bench.results.measurements`).
    """

    name: str
    kept: kept.Kept
    table: pd.DataFrame


def folders(folder: Path = REPRODUCTIONS) -> list[Path]:
    """Every folder that `reprune keep` made, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{kept.GRID}"))


def grids(folder: Path = REPRODUCTIONS) -> list[KeptGrid]:
    """What these folders hold."""
    read = {path.name: kept.read(path) for path in folders(folder)}
    return [
        KeptGrid(name, found, measurements.from_records(found.plan, found.records, {})) for name, found in read.items()
    ]


def retrained(published: Published, found: Iterable[KeptGrid]) -> list[Finding]:
    """Of each row that a kept grid can be compared with, what is known best; rows that none can are left out.

    A decision is better than runs that decide nothing, and these are better than none, under whatever reading.
    """
    return best(
        of_comparison(each, one.name)
        for one in found
        for each in compare(one.kept.plan, one.table, published, looks=made_so(one.kept.records))
    )


def best(findings: Iterable[Finding]) -> list[Finding]:
    """Of each number, what is known best; comparisons that cannot be made say nothing."""
    chosen: dict[str, Finding] = {}
    for each in findings:
        if each.outcome is not Outcome.NOT_COMPARABLE and _known(each) > _known(chosen.get(each.number)):
            chosen[each.number] = each
    return list(chosen.values())


def of_comparison(each: Compared, folder: str) -> Finding:
    """What runs of a grid, which lie in a folder, say about a row."""
    return Finding(
        Evidence.RETRAINED,
        each.outcome,
        each.row.id,
        each.row.paper,
        each.row.arxiv,
        each.row.table,
        _about(each.cell),
        str(theirs(each)),
        str(ours(each)),
        each.reason,
        each.row.source,
        folder,
    )


def _known(finding: Finding | None) -> tuple[bool, bool, bool]:
    return (finding is not None, finding is not None and finding.decided, finding is not None and bool(finding.ours))


def recomputed(folder: Path = REPRODUCTIONS) -> Iterator[Finding]:
    """Every cell of every source, those included that nobody has measured."""
    for name in sources():
        source, path = load(name), folder / RECOMPUTED / name
        records = read_all(path / keeping.RECORDS) if path.is_dir() else []
        yield from of_source(source, records, f"{RECOMPUTED}/{name}")


def of_source(source: Source, records: Sequence[Record], folder: str) -> Iterator[Finding]:
    """What the records of a source, which lie in a folder, say about each of its cells."""
    for line in tables.lines(source, records):
        yield Finding(
            Evidence.RECOMPUTED,
            line.verdict.outcome,
            f"{source.name}/{line.cell.id}",
            source.facts.paper,
            source.facts.arxiv,
            line.cell.table,
            f"{line.cell.file}, {line.cell.procedure}",
            ", ".join(line.cell.printed),
            ", ".join(line.values) if line.ours else "",
            line.verdict.reason,
            line.cell.source,
            folder if line.ours else "",
        )


def counted() -> Iterator[Finding]:
    """Every count; nothing has to be kept, since counting takes no time."""
    for verdict in judge(counts.load()):
        count = verdict.count
        yield Finding(
            Evidence.COUNTED,
            verdict.outcome,
            count.id,
            count.paper,
            count.arxiv,
            count.table,
            f"{count.quantity.replace('_', ' ')} of {count.network}, {count.method_printed}",
            f"{count.printed} {count.unit}".strip(),
            f"{verdict.ours:.7g}",
            why(verdict),
            count.source,
            "counts",
        )


def _about(cell: Cell) -> str:
    where = "" if cell.point is None else f" at {100 * cell.point:.5g} %"
    return f"{cell.method}{where}, {cell.architecture}, {cell.dataset}"
