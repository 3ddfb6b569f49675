"""Published numbers laid out as a table, each with its verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.base.spelling import Spelling
from bench.published import Row
from bench.published.comparison import Compared, shares, untested
from bench.published.looks import RULE
from bench.published.obstacles import brief
from bench.published.outcomes import Outcome
from bench.report.cell import difference, ours, theirs
from bench.report.layout import Block, Text, known, points

_HEAD = (
    "Cell",
    "Published",
    "Theirs",
    "Ours",
    "Difference",
    "Margin",
    "Drop (theirs / ours)",
    "Verdict",
    "Printed value",
    "Why",
)


def published_blocks(compared: Sequence[Compared]) -> tuple[Block, ...]:
    """A line per published row: the anchor of each cell, then all others."""
    titles = {True: "The published number of each cell", False: "Other published numbers about these cells"}
    spelling = Spelling.of(each.cell.point for each in compared)
    blocks = [
        Block(title, _HEAD, tuple(_compared(each, spelling) for each in compared if each.anchor == anchor), False)
        for anchor, title in titles.items()
    ]
    return tuple(block for block in blocks if block.rows)


def _compared(each: Compared, spelling: Spelling) -> tuple[Text, ...]:
    cell, row, verdict = each.cell, each.row, each.verdict
    best = {"best": ", best epoch", "best_validation": ", best epoch on validation"}.get(row.report or "", "")
    seeds = "?" if row.n_seeds is None else str(row.n_seeds)
    named = f"{cell.method}{spelling.at(cell.point)}, {cell.architecture}, {cell.dataset}"
    values = (
        f"{_paper(row)}, {row.table}: {row.method_printed} [{row.id}]",
        f"{theirs(each)} ({seeds}){best}, {row.verified}{', pilot' if row.pilot else ''}",
        f"{known(ours(each), 'no result')}{best}",
        known(difference(each)),
        "" if math.isnan(verdict.margin) else f"{verdict.margin:g}",
        f"{points(each.published_drop) or '?'} / {points(each.drop) or '?'}",
        each.outcome,
        each.printed,
        brief(verdict.obstacles) or each.reason,
    )
    return (Text(named, method=cell.method_name), *map(Text, values))


def _paper(row: Row) -> str:
    """The authors and the arXiv number, which is shorter than the title; comparison.csv has the title."""
    return f"{row.authors}, arXiv:{row.arxiv}" if row.arxiv else row.paper


def published_notes(compared: Sequence[Compared]) -> tuple[str, ...]:
    """The verdicts counted, the rule in a sentence, and known deviations of the protocols that were compared."""
    if not compared:
        return ()
    nothing = untested(compared)
    counts = "; ".join(
        f"{method} {', '.join(f'{count} {word}' for word, count in words.most_common())}"
        for method, words in shares(compared).items()
    )
    judged = [each for each in compared if each.outcome is not Outcome.NOT_COMPARABLE]
    pilots = [(each.row.id, each.row.pilot) for each in compared if each.row.pilot]
    deviations = {each.row.protocol: each.deviations for each in judged}
    return (
        *([f"{'; '.join(filter(None, nothing))}."] if nothing else []),
        *([f"Verdicts on the published numbers of cells: {counts}."] if counts and not nothing else []),
        "A row reproduces if the difference with its 90 % interval (Student's, with the degrees of freedom of the side "
        "that has fewer runs; reading error added) lies within the margin; level only: ours reproduces another row of "
        "the same table, too. Printed value: where our mean lies, seen from the margin around the printed number as if "
        "that were exact, which reproduces nothing. Rows nobody read in a source are never compared.",
        *([f"Seeds that verdicts at looks rest on were {RULE}."] if any(one.verdict.look for one in judged) else []),
        *(f"Seen before the rule was fixed (pilot), {row}: {seen}." for row, seen in pilots),
        *(f"Known deviations from the source of {name}: {text}." for name, text in deviations.items() if text),
    )
