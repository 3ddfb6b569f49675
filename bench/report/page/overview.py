"""The first screen: how many runs ended well, what came of the published numbers and claims, and which methods lead."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from bench.published.comparison import untested
from bench.published.outcomes import JUDGED, Outcome
from bench.report.page.material import Line, Material
from bench.report.page.material import number as printed
from bench.statistics.standing import Place


@dataclass(frozen=True)
class Part:
    """A piece of a bar: so many of something; `kind` names its colour."""

    count: int
    word: str
    kind: str
    letter: str = ""


@dataclass(frozen=True)
class Card:
    """A bar of parts with a sentence that says the same."""

    title: str
    headline: str
    parts: tuple[Part, ...]
    target: str
    hint: str = ""

    @property
    def total(self) -> int:
        """Of all parts."""
        return sum(part.count for part in self.parts)


@dataclass(frozen=True)
class Leader:
    """The highest mean at an operating point, what is within the margin of it, and what is open."""

    network: str
    point: str
    method: str
    accuracy: str
    within: tuple[str, ...]
    open: tuple[str, ...]
    cell: int


RULINGS = {"holds": "reproduced", "contradicted": "below", "open": "inconclusive"}
"""Rulings on claims are coloured like the verdicts that they resemble."""


def cards(material: Material) -> list[Card]:
    """Runs, published numbers and claims."""
    return [_runs(material), _published(material), *([_claims(material)] if material.found else [])]


def _runs(material: Material) -> Card:
    seen = dict.fromkeys(material.table["run"]) | dict.fromkeys(spec.id for spec in material.plan.runs)
    outcomes = dict(zip(material.table["run"], material.table["outcome"], strict=True))
    counts = Counter(outcomes.get(run, "missing") for run in seen)
    skipped = sum(1 for cell in material.plan.cells if cell.skipped)
    good, total = counts.pop("ok", 0), len(seen)
    parts = [Part(good, "ended well", "reproduced")] if good else []
    parts += [Part(count, word, "missing" if word == "missing" else "below") for word, count in counts.most_common()]
    parts += [Part(skipped, "cells skipped", "missing")] if skipped else []
    headline = f"All {total} runs ended well" if good == total else f"{good} of {total} runs ended well"
    return Card("Runs", headline, tuple(parts), "failures" if good < total or skipped else "provenance")


def _published(material: Material) -> Card:
    anchors = [row for row in (material.anchor(line) for line in material.lines) if row is not None]
    counts = Counter(Outcome(row["verdict"]) for row in anchors)
    parts = [Part(counts[each], each, each.colour, each.letter) for each in Outcome if counts[each]]
    judged = sum(counts[each] for each in (*JUDGED, Outcome.BOTH_COLLAPSED))
    if not len(material.compared):
        headline = "No published number is about a cell of this grid"
    elif nothing := untested(material.compared):
        headline, hint = nothing
        return Card("Published numbers", headline, tuple(parts), "published", hint and f"{hint[0].upper()}{hint[1:]}.")
    elif not judged:
        known = len(anchors) or len(material.compared)
        which = "The one published number cannot" if known == 1 else f"None of the {known} published numbers can"
        headline = f"{which} be compared with these runs"
    else:
        headline = f"{counts[Outcome.REPRODUCED]} of {judged} comparable published numbers reproduced"
        if counts[Outcome.LEVEL_ONLY]:
            headline += f", {counts[Outcome.LEVEL_ONLY]} more in level only"
    if len(material.compared):
        return Card("Published numbers", headline, tuple(parts), "published")
    hint = "So there is nothing to reproduce here; methods are compared with each other."
    return Card("Published numbers", headline, (), "", hint)


def _claims(material: Material) -> Card:
    counts = Counter(finding.ruling for finding in material.found)
    parts = [Part(counts[word], word, kind, word[0].upper()) for word, kind in RULINGS.items() if counts[word]]  # type: ignore[index]
    headline = f"{counts['holds']} of {len(material.found)} tests of papers’ claims hold"
    return Card("Claims of papers", headline, tuple(parts), "claims")


def leaders(material: Material) -> list[Leader]:
    """Who leads each column that has marks (`bench.report.summary`)."""
    found = []
    for dataset, architecture, numbers in material.sections():
        best = [each for each in numbers if material.lines[each]["best"]]
        for each in sorted(best, key=lambda one: float(material.lines[one]["point"])):
            line = material.lines[each]
            column = ("recipe", "prunable", "point")
            rivals = [material.lines[other] for other in numbers]
            same = [one for one in rivals if one["n"] and all(one[name] == line[name] for name in column)]
            same.sort(key=lambda one: -float(one["mean"]))
            found.append(
                Leader(
                    f"{architecture} on {dataset}",
                    material.point_name(line),
                    line["method"],
                    printed(line["mean"], line["std"]),
                    tuple(one["method"] for one in same if one["standing"] == Place.WITHIN),
                    tuple(_open(one) for one in same if one["standing"] == Place.OPEN),
                    each,
                )
            )
    return found


def _open(line: Line) -> str:
    seeds = line["seeds_to_tell"]
    return f"{line['method']} ({'no number of' if math.isnan(seeds) else f'about {seeds:.0f}'} seeds)"


def methods(material: Material) -> list[str]:
    """All methods, in the grid's order."""
    return list(dict.fromkeys(line["method"] for line in material.lines))


@dataclass(frozen=True)
class Failed:
    """A line of the table of failures."""

    cell: int
    name: str
    network: str
    outcome: str
    reason: str
    seeds: str


def failures(material: Material) -> list[Failed]:
    """All that did not end well, by cell, outcome and reason; runs that have not been there yet are `missing`."""
    found = []
    for number, line in enumerate(material.lines):
        name = f"{line['method']}, {material.point_name(line)}"
        for each in (failure for failure in material.failures(number) if failure.outcome != "missing"):
            seeds = ", ".join(map(str, each.seeds))
            network = f"{line['architecture']} on {line['dataset']}"
            found.append(Failed(number, name, network, each.outcome, each.reason, seeds))
    return found


def missing(material: Material) -> int:
    """How many runs have no record."""
    return sum(1 for spec in material.plan.runs if spec.id not in material.records)
