"""``reprune counts`` for people, for programs and for a folder: what came out, and what does not simply agree."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from bench.base.atomic import write_text
from bench.base.grouping import grouped, tallied
from bench.base.printing import plain_table
from bench.counts.conventions import CONVENTIONS
from bench.counts.verdict import CountVerdict
from bench.published.outcomes import COUNTED, Outcome
from bench.published.search import short

TITLE = "published counts: arithmetic only, no accuracy was tested"

OUTCOMES = (*COUNTED, Outcome.INCONCLUSIVE)
"""What a count can end in."""

_HEADS = {
    Outcome.AGREES: "Agree",
    Outcome.AGREES_AS_INFERRED: "Inferred",
    Outcome.DIFFERS: "Differ",
    Outcome.CONTRADICTS_ITSELF: "Own figures",
    Outcome.INCONCLUSIVE: "Open",
}

LEGEND = (
    "Agree: within half a unit of the last printed digit, by the source's own convention. Inferred: by another one "
    "that explains the whole table. Differ: two counters of ours agree with each other. Own figures: does not follow "
    "from the source's own figures. Open: the source's digits do not decide."
)


@dataclass(frozen=True)
class Lines:
    """A table of texts; the columns in `numbers` stand on the right."""

    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: tuple[str, ...] = ()


def summary(verdicts: Iterable[CountVerdict]) -> Lines:
    """A line per table of a source, and one for all."""
    tables = tallied((_table(verdict), verdict.outcome) for verdict in verdicts)
    total = sum(tables.values(), Counter[Outcome]())
    heads = ("Counts", *_HEADS.values())
    rows = [_tally(name, counted) for name, counted in [*tables.items(), ("all", total)]]
    return Lines(("Table", *heads), rows, heads)


def _tally(name: str, counted: Counter[Outcome]) -> tuple[str, ...]:
    return (name, str(counted.total()), *(str(counted[outcome] or "–") for outcome in _HEADS))


def listing(verdicts: Iterable[CountVerdict]) -> Lines:
    """A line per count: what was claimed, what we count, and what follows."""
    heads = ("Count", "Method as printed", "Quantity", "Printed", "Ours", "Verdict", "Why")
    rows: list[tuple[str, ...]] = []
    for verdict in verdicts:
        count, ours = verdict.count, number(verdict, verdict.ours)
        what = f"{count.quantity.replace('_', ' ')}{'' if count.part == 'network' else ' of the ' + count.part}"
        printed = f"{count.printed} {count.unit}".strip()
        rows.append((count.id, count.pruned, what, printed, ours, verdict.outcome, why(verdict)))
    return Lines(heads, rows, ("Printed", "Ours"))


def number(verdict: CountVerdict, value: float) -> str:
    """A number of ours with two more digits than the printed one has."""
    digits = len(verdict.count.claim.value.as_tuple().digits) + 2
    text = f"{value:.{digits}g}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else text


def why(verdict: CountVerdict) -> str:
    """What a verdict rests on; empty for a count that simply agrees."""
    count = verdict.count
    match verdict.outcome:
        case Outcome.AGREES_AS_INFERRED if verdict.inferred is not None:
            inferred = CONVENTIONS[CONVENTIONS[count.convention].inferred]
            return f"{number(verdict, verdict.inferred)} with {inferred.brief}"
        case Outcome.CONTRADICTS_ITSELF if verdict.own is not None:
            return f"{number(verdict, sum(verdict.own) / 2)} from {_own(count.own_rule, count.own_figures)}"
        case Outcome.DIFFERS:
            return "by two counters"
        case Outcome.INCONCLUSIVE if verdict.error:
            return f"counted from rounded figures, ± {verdict.error:.2g}"
        case Outcome.INCONCLUSIVE:
            return "one counter" if verdict.second is None else f"the second has {number(verdict, verdict.second)}"
    return ""


def _own(rule: str | None, figures: Sequence[str]) -> str:
    match rule:
        case "quotient":
            return f"its {figures[0]} / {figures[1]}"
        case "kept":
            return f"its {figures[0]} and {figures[1]} %"
    return f"its {figures[0]}"


def sources(verdicts: Iterable[CountVerdict]) -> list[str]:
    """Where a source contradicts itself: where the number is printed, and the figures that it does not follow from."""
    return [
        f"{count.id}: {count.printed} in {count.source}; {' and '.join(count.own_figures)} in {count.own_source}."
        for count in (each.count for each in verdicts if each.outcome is Outcome.CONTRADICTS_ITSELF)
    ]


def conventions(verdicts: Iterable[CountVerdict]) -> list[str]:
    """Where each table stands, and what it is counted by."""
    tables = {_table(each): (each.count.source, each.count.convention) for each in verdicts}
    texts = [f"{name}: read in {source}, counted by {convention}." for name, (source, convention) in tables.items()]
    used = dict.fromkeys(convention for _, convention in tables.values())
    return [*texts, *(f"{each}: {CONVENTIONS[each].text}." for each in used)]


def page(verdicts: Sequence[CountVerdict], every: bool = False) -> Group:
    """For the terminal: the tables in numbers, then each count that does not simply agree, or `every` one."""
    listed = [verdict for verdict in verdicts if every or verdict.outcome is not Outcome.AGREES]
    parts = [Text(TITLE, "bold"), _rich(summary(verdicts)), Text(LEGEND, "dim")]
    if listed:
        below = [*sources(listed), *(conventions(listed) if every else [])]
        parts += [Text(), _rich(listing(listed)), Text(), *(Text(line, "dim") for line in below)]
    return Group(*parts)


def _rich(lines: Lines) -> Any:
    table = plain_table(*lines.heads, numbers=lines.numbers)
    for row in lines.rows:
        table.add_row(*map(Text, row))
    return table


def as_json(verdicts: Iterable[CountVerdict]) -> list[dict[str, Any]]:
    """The counts with all their fields, the convention in words, our numbers in the printed unit, and the verdict."""
    return [
        verdict.count.model_dump()
        | {"counted_by": CONVENTIONS[verdict.count.convention].text, "kind": verdict.kind, "verdict": verdict.outcome}
        | {"ours": verdict.ours, "error": verdict.error, "second": verdict.second, "inferred": verdict.inferred}
        | {"own": verdict.own, "why": why(verdict)}
        for verdict in verdicts
    ]


COLUMNS = (
    "id", "paper", "arxiv", "table", "convention", "network", "method_printed", "distribution", "sparsity", "quantity",
    "part", "printed", "unit", "ours", "error", "second", "inferred", "kind", "verdict", "why", "source", "own_source",
    "verified", "note",
)  # fmt: skip


def write(verdicts: Sequence[CountVerdict], folder: Path) -> list[Path]:
    """Write ``counts.csv`` and ``counts.md`` into a folder; returns the paths. Raises `DiskError`."""
    tables = texts(verdicts)
    for name, text in tables.items():
        write_text(folder / name, text)
    return [folder / name for name in tables]


def texts(verdicts: Sequence[CountVerdict]) -> dict[str, str]:
    """Both tables by the names of their files."""
    return {"counts.csv": _csv(verdicts), "counts.md": markdown(verdicts)}


def _csv(verdicts: Iterable[CountVerdict]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for line in as_json(verdicts):
        writer.writerow({key: f"{value:.9g}" if isinstance(value, float) else value for key, value in line.items()})
    return text.getvalue()


def markdown(verdicts: Sequence[CountVerdict]) -> str:
    """The page of a folder."""
    others = [verdict for verdict in verdicts if verdict.outcome is not Outcome.AGREES]
    notes = grouped((each.count.note, f"`{each.count.id}`") for each in others if each.count.note)
    paragraphs = (
        f"# {TITLE[0].upper()}{TITLE[1:]}",
        "Parameters, multiply-adds, sizes and sparsities that papers print, counted again. `reprune counts -o FOLDER` "
        "writes this page and `counts.csv`, which has every count; [the rule](../../../docs/comparing.md#counts).",
        _pipes(summary(verdicts)),
        LEGEND,
        "## What does not simply agree",
        _pipes(listing(others)),
        _items([*sources(others), *(f"{', '.join(ids)}: {note}" for note, ids in notes.items())]),
        "## What each table is counted by",
        _items(conventions(verdicts)),
    )
    return "\n\n".join(paragraphs) + "\n"


def _table(verdict: CountVerdict) -> str:
    return f"{short(verdict.count.paper)}, {verdict.count.table}"


def _items(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _pipes(lines: Lines) -> str:
    rule = ["---:" if head in lines.numbers else "---" for head in lines.heads]
    return "\n".join("| " + " | ".join(row) + " |" for row in (lines.heads, rule, *lines.rows))
