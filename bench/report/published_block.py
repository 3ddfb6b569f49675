"""Published numbers laid out as a table, each with its verdict."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from bench.base.spelling import Spelling
from bench.published.comparison import shares, untested
from bench.published.obstacles import brief
from bench.published.outcomes import Outcome
from bench.report.layout import Block, Text, points, signed

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


def published_blocks(compared: pd.DataFrame) -> tuple[Block, ...]:
    """A line per published row, from `bench.published.comparison.compare`: the anchor of each cell, then all others."""
    lines = [{str(name): value for name, value in line.items()} for line in compared.to_dict("records")]
    titles = {True: "The published number of each cell", False: "Other published numbers about these cells"}
    spelling = Spelling.of(line["point"] for line in lines)
    blocks = [
        Block(
            title, _HEAD, tuple(_compared(line, spelling) for line in lines if line["anchor"] == anchor), numbers=False
        )
        for anchor, title in titles.items()
    ]
    return tuple(block for block in blocks if block.rows)


def _compared(line: dict[str, Any], spelling: Spelling) -> tuple[Text, ...]:
    half = "" if math.isnan(line["half_width"]) else f" ± {line['half_width']:.2f}"
    best = {"best": ", best epoch", "best_validation": ", best epoch on validation"}.get(line["report"], "")
    ours = "no result" if math.isnan(line["ours"]) else f"{_value(line['ours'], line['ours_std'])} ({line['ours_n']})"
    texts = (
        f"{line['method']}{spelling.at(line['point'])}, {line['architecture']}, {line['dataset']}",
        f"{_paper(line)}, {line['table']}: {line['method_printed']} [{line['row']}]",
        f"{_value(line['published'], line['published_std'])} ({_count(line['published_n'])}){best}, {line['verified']}"
        f"{', pilot' if line['pilot'] else ''}",
        f"{ours}{best}",
        "" if math.isnan(line["difference"]) else f"{signed(line['difference'])}{half}",
        "" if math.isnan(line["margin"]) else f"{line['margin']:g}",
        f"{points(line['published_drop']) or '?'} / {points(line['ours_drop']) or '?'}",
        line["verdict"],
        line["printed"],
        brief(line["obstacles"]) or line["reason"],
    )
    return tuple(map(Text, texts))


def _pilots(compared: pd.DataFrame) -> list[tuple[str, str]]:
    return [(row, seen) for row, seen in zip(compared["row"], compared["pilot"], strict=True) if seen]


def _paper(line: dict[str, Any]) -> str:
    """The authors and the arXiv number, which is shorter than the title; comparison.csv has the title."""
    return f"{line['paper'].partition(',')[0]}, arXiv:{line['arxiv']}" if line["arxiv"] else str(line["paper"])


def _value(mean: float, std: float) -> str:
    return f"{mean:.2f}" if math.isnan(std) else f"{mean:.2f} ± {std:.2f}"


def _count(seeds: float) -> str:
    return "?" if math.isnan(seeds) else f"{seeds:.0f}"


def published_notes(compared: pd.DataFrame) -> tuple[str, ...]:
    """The verdicts counted, the rule in a sentence, and known deviations of the protocols that were compared."""
    if not len(compared):
        return ()
    nothing = untested(compared)
    counts = "; ".join(
        f"{method} {', '.join(f'{count} {word}' for word, count in words.most_common())}"
        for method, words in shares(compared).items()
    )
    judged = compared[compared["verdict"] != Outcome.NOT_COMPARABLE]
    deviations = dict(zip(judged["protocol"], judged["deviations"], strict=True))
    return (
        *([f"{'; '.join(filter(None, nothing))}."] if nothing else []),
        *([f"Verdicts on the published numbers of cells: {counts}."] if counts and not nothing else []),
        "A row reproduces if the difference with its 90 % interval (Student's, with the degrees of freedom of the side "
        "that has fewer runs; reading error added) lies within the margin; level only: ours reproduces another row of "
        "the same table, too. Printed value: where our mean lies, seen from the margin around the printed number as if "
        "that were exact, which reproduces nothing. Rows nobody read in a source are never compared.",
        *(f"Seen before the rule was fixed (pilot), {row}: {seen}." for row, seen in _pilots(compared)),
        *(f"Known deviations from the source of {name}: {text}." for name, text in deviations.items() if text),
    )
