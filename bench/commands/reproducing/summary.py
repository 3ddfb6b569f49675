"""What came out: a verdict per number, the line for the paper's repository, and both as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.base.atomic import write_text
from bench.commands.reproducing.outlook import Outlook
from bench.commands.reproducing.shares import Share, folder
from bench.evidence.findings import RECOMPUTED, Finding, best, counted, of_comparison, of_source
from bench.published import Published, Row
from bench.published.comparison import compare
from bench.published.looks import made_so
from bench.published.obstacles import brief
from bench.published.outcomes import Evidence, Outcome
from bench.recompute.cells import Source
from bench.recompute.work import finished, tasks
from bench.report import tables
from bench.report.cell import printed
from bench.report.layout import Block, Chapter, Report, Text
from bench.results import measurements

FIRST = {
    Evidence.RETRAINED: Outcome.REPRODUCED,
    Evidence.RECOMPUTED: Outcome.EQUAL,
    Evidence.COUNTED: Outcome.AGREES,
}
"""What a badge counts first."""

APART = (Outcome.NOT_COMPARABLE, Outcome.OTHER_FILE)
"""What no number of a badge is a part of: it is named behind them."""

NOTES = (
    "Kinds of evidence answer different questions and are never added up.",
    "Verdicts are explained in docs/comparing.md; reports of grids have the paper's table, curves and provenance.",
)


def findings(found: Outlook) -> list[Finding]:
    """The verdict on every number of a paper, from what the folder of results has; those that nothing judges, too."""
    compared = best(each for share in found.shares for each in _compared(share, found.published))
    judged = {each.number: each for each in compared}
    rows = [judged.get(row.id) or _not_judged(row, found) for row in found.paper.rows]
    recomputed = [each for source in found.paper.sources for each in _recomputed(source, found.places.results)]
    own = {count.id for count in found.paper.counts}
    counts = [each for each in counted() if each.number in own]
    return [*rows, *recomputed, *counts]


def _compared(share: Share, published: Published) -> Iterator[Finding]:
    """Verdicts on the rows that a grid is there for, under every reading."""
    plan, asked = share.plan, {row.id for cell in share.wanted for row in cell.rows}
    records, problems = measurements.read_records(plan, Path(share.grid.results))
    table = measurements.from_records(plan, records, problems)
    for each in compare(plan, table, published, looks=made_so(records)):
        if each.row.id in asked:
            yield of_comparison(each, str(share.grid.report_folder))


def _not_judged(row: Row, found: Outlook) -> Finding:
    """A row that no chosen cell is about."""
    obstacles = found.apart.get(row.id)
    outcome = Outcome.NOT_COMPARABLE if obstacles else Outcome.NOT_RUN
    why = brief(obstacles) if obstacles else f"does not fit --hours {found.hours:g}"
    point = "" if not row.point else f" at {100 * row.point:.5g} %"
    about = f"{row.method or row.method_printed}{point}, {row.architecture_printed}, {row.dataset}"
    number = str(printed(row))
    return Finding(
        Evidence.RETRAINED, outcome, row.id, row.paper, row.arxiv, row.table, about, number, "", why, row.source
    )


def _recomputed(source: Source, results: Path) -> Iterator[Finding]:
    place = results / RECOMPUTED / source.name
    records = [record for task in tasks(source) if (record := finished(task, place))]
    return of_source(source, records, str(place))


def badge(judged: Sequence[Finding]) -> str:
    """The line for the paper's repository: kinds apart, and all of the paper's numbers in it."""
    parts = {kind: _part([each for each in judged if each.kind is kind], FIRST[kind]) for kind in FIRST}
    told = {kind: part for kind, part in parts.items() if part}
    words = (part if len(told) == 1 else f"{kind}: {part}" for kind, part in told.items())
    return f"reprune: {'; '.join(words) or 'no number of this paper is listed'}"


def _part(judged: Sequence[Finding], first: Outcome) -> str:
    counts = Counter(each.outcome for each in judged)
    apart = {outcome: counts.pop(outcome, 0) for outcome in APART}
    total = counts.total()
    word = "agree" if first is Outcome.AGREES else first
    numbers = "number" if total == 1 else "numbers"
    parts = [f"{counts.pop(first, 0)} of {total} {numbers} {word}"] if total else ["no number can be judged"]
    parts += [f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome]]
    others = ", ".join(f"{count} {outcome}" for outcome, count in apart.items() if count)
    return f"{', '.join(parts)}{f' (besides: {others})' if others else ''}" if judged else ""


def tables_of(judged: Iterable[Finding]) -> dict[str, Block]:
    """The paper's tables by their names, without the numbers that nothing can be compared with."""
    found: dict[str, list[Finding]] = {}
    for each in judged:
        if each.outcome is not Outcome.NOT_COMPARABLE:
            found.setdefault(each.table, []).append(each)
    return {name: _block(name, listed) for name, listed in found.items()}


def _block(title: str, listed: Iterable[Finding]) -> Block:
    head = ("What it is", "Printed", "Ours", "Verdict", "Why", "Number")
    rows = ((each.about, each.printed, each.ours, each.outcome, each.why, each.number) for each in listed)
    return Block(title, head, tuple(tuple(map(Text, row)) for row in rows), numbers=False)


def report(found: Outlook, judged: Sequence[Finding]) -> Report:
    """Every number in the paper's tables, a chapter per kind of evidence, then those that cannot be compared."""
    chapters = []
    for kind in Evidence:
        blocks = tables_of(each for each in judged if each.kind is kind).values()
        chapters += [Chapter(str(kind).capitalize(), tuple(blocks))] if blocks else []
    if apart := [each for each in judged if each.outcome is Outcome.NOT_COMPARABLE]:
        chapters.append(Chapter("Not comparable", (_block("Numbers that no run of ours is compared with", apart),)))
    reports = [f"Report of a grid: {share.grid.report_folder}." for share in found.shares]
    facts = (f"{badge(judged)}.", *NOTES, *reports)
    return Report(found.paper.title, "", facts, (), (), tuple(chapters))


def write(found: Outlook, judged: Sequence[Finding]) -> list[Path]:
    """Write ``reproduction.md``, ``reproduction.tex`` and ``badge.txt``; returns their paths. Raises `DiskError`."""
    made = report(found, judged)
    texts = {
        "reproduction.md": tables.markdown(made),
        "reproduction.tex": tables.latex(made),
        "badge.txt": badge(judged) + "\n",
    }
    place = folder(found.paper)
    for name, text in texts.items():
        write_text(place / name, text)
    return [place / name for name in texts]


def as_json(judged: Iterable[Finding]) -> list[dict[str, Any]]:
    """The verdicts as JSON-like values."""
    return [asdict(each) for each in judged]
