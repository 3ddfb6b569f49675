"""Cells with what we measured and the verdict: as Markdown, as CSV, and as lines for programs."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.base.grouping import tallied
from bench.published.outcomes import RECOMPUTED, Outcome
from bench.recompute.cells import SEPARATOR, Cell, Source
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.recompute.records import Record
from bench.recompute.verdict import Verdict, compare, judge, printed

_FREE = "Whoever measures brings the files, which may be passed on and are not in this repository."
_NO_LICENCE = (
    "Nobody stated a licence, so the files are not shipped: whoever measures fetches them by hand, and checksums say "
    "that they are the right ones."
)

COLUMNS = ("cell", "table", "file", "procedure", "metrics", "printed", "ours", "near_ties", "verdict", "source")


@dataclass(frozen=True)
class Line:
    """A cell, ours by metric (empty if it was not measured), and the verdict."""

    cell: Cell
    ours: dict[Metric, Measurement]
    verdict: Verdict

    @property
    def values(self) -> list[str]:
        """Ours as texts, in the order of the printed numbers."""
        return [repr(self.ours[metric].value) if metric in self.ours else "–" for metric in self.cell.metrics]

    @property
    def near_ties(self) -> list[str]:
        """How many images rounding decides, by metric; empty where a metric counts none."""
        counted = [self.ours[metric].near_ties if metric in self.ours else None for metric in self.cell.metrics]
        return ["" if count is None else str(count) for count in counted]


def lines(source: Source, records: Iterable[Record]) -> list[Line]:
    """The verdict on every cell of a source, from records alone."""
    ours = {cell: record.measurements(cell) for record in records for cell in record.numbers}
    return [Line(cell, ours.get(cell.id, {}), judge(cell, ours.get(cell.id), source.facts)) for cell in source.cells]


def counts(judged: Sequence[Line]) -> dict[str, Counter[Outcome]]:
    """How often each outcome came out, by the source's table."""
    return tallied((line.cell.table, line.verdict.outcome) for line in judged)


def aside(source: Source, judged: Sequence[Line]) -> dict[Metric, Counter[Outcome]]:
    """The same for the metrics that are no part of verdicts."""
    shown: dict[Metric, Counter[Outcome]] = {metric: Counter() for metric in source.facts.aside}
    for line in judged:
        for metric, text in printed(line.cell):
            if metric in shown and metric in line.ours and line.cell.names_file:
                shown[metric][compare(metric, line.ours[metric], text, source.facts.trailing_zeros)] += 1
    return shown


def spelled(counted: Counter[Outcome]) -> str:
    """``585 cells: 583 equal to the digit, 2 differs``, the words of this kind of evidence first."""
    total, order = sum(counted.values()), dict.fromkeys((*RECOMPUTED, *Outcome))
    words = ", ".join(f"{counted[outcome]} {outcome}" for outcome in order if counted[outcome])
    return f"{total} cell{'' if total == 1 else 's'}: {words}"


def as_json(source: Source, judged: Sequence[Line]) -> list[dict[str, Any]]:
    """Lines as JSON-like values."""
    return [
        {
            "source": source.name,
            "cell": line.cell.id,
            "table": line.cell.table,
            "printed": dict(printed(line.cell)),
            "ours": {metric: asdict(each) for metric, each in line.ours.items()},
            "verdict": line.verdict.outcome,
            "near_ties": line.verdict.near_ties,
            "reason": line.verdict.reason,
        }
        for line in judged
    ]


def as_csv(judged: Sequence[Line]) -> str:
    """A line a cell under `COLUMNS`; several numbers of a cell are separated as in `published/networks`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in judged:
        cell = line.cell
        several = (cell.metrics, cell.printed, line.values, line.near_ties)
        numbers = [SEPARATOR.join(texts) for texts in several]
        writer.writerow([cell.id, cell.table, cell.file, cell.procedure, *numbers, str(line.verdict), cell.source])
    return text.getvalue()


def markdown(source: Source, judged: Sequence[Line], measured: Sequence[Record]) -> str:
    """The page of a source: what its files are, what came out, and every cell."""
    parts = [f"# {source.facts.paper}", _origin(source), _files(source, measured)]
    parts += [f"**{table}**, {spelled(counted)}." for table, counted in counts(judged).items()]
    parts += [
        f"*{metric}*, shown but no part of a verdict ({source.facts.why_aside}), {spelled(counted)}."
        for metric, counted in aside(source, judged).items()
        if counted
    ]
    return "\n\n".join([*parts, _cells(judged), *_notes(judged)]) + "\n"


def _origin(source: Source) -> str:
    facts = source.facts
    arxiv = f", [arXiv:{facts.arxiv}](https://arxiv.org/abs/{facts.arxiv})" if facts.arxiv else ""
    brought = _FREE if facts.shippable else _NO_LICENCE
    stated = f"Networks from github.com/{facts.repository}{arxiv}; licence: {facts.licence}. {brought}"
    rule = "The rule is in [docs/comparing.md](../../../../docs/comparing.md#recomputed-from-the-authors-networks)."
    return " ".join(filter(None, [stated, facts.note, rule]))


def _files(source: Source, measured: Sequence[Record]) -> str:
    """The network files with their checksums, and whether they were there."""
    there = {key for record in measured for key in record.files}
    rows = [
        (f"`{file.origin}`", file.dataset, f"`{file.sha256}`", "yes" if key in there else "no")
        for key, file in source.facts.files.items()
    ]
    return _table(("file", "test images of", "SHA-256", "measured"), rows)


def _cells(judged: Sequence[Line]) -> str:
    rows = [
        (
            line.cell.id,
            f"`{line.cell.procedure}`",
            ", ".join(line.cell.metrics),
            ", ".join(line.cell.printed),
            ", ".join(_short(line.values)),
            str(line.verdict),
        )
        for line in judged
    ]
    return _table(("cell", "procedure", "metric", "printed", "ours", "verdict"), rows)


def _notes(judged: Sequence[Line]) -> list[str]:
    """What is said about single cells, if anything is: why a file is not the printed run, say."""
    noted = [f"* {line.cell.id}: {line.cell.note}" for line in judged if line.cell.note]
    return ["\n".join(noted)] if noted else []


def _short(values: Iterable[str]) -> list[str]:
    """Numbers without the last bits of float64; the CSV has them."""
    return [value if value == "–" else f"{float(value):.10g}" for value in values]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in body)
