"""The first screen: how many runs ended well, what came of the published numbers and claims, and which methods lead."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from bench.published.comparison import untested
from bench.published.outcomes import JUDGED, Outcome
from bench.report.cell import CellResult, published
from bench.report.findings import Ruling
from bench.report.page.material import Material
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


def cards(material: Material) -> list[Card]:
    """Runs, published numbers and claims."""
    return [_runs(material), _published(material), *([_claims(material)] if material.found else [])]


def _runs(material: Material) -> Card:
    outcomes = {run.run: run.outcome for each in material.results for run in each.runs}
    counts = Counter(outcomes.values())
    skipped = sum(1 for cell in material.plan.cells if cell.skipped)
    good, total = counts.pop("ok", 0), len(outcomes)
    parts = [Part(good, "ended well", "reproduced")] if good else []
    parts += [Part(count, word, "missing" if word == "missing" else "below") for word, count in counts.most_common()]
    parts += [Part(skipped, "cells skipped", "missing")] if skipped else []
    headline = f"All {total} runs ended well" if good == total else f"{good} of {total} runs ended well"
    return Card("Runs", headline, tuple(parts), "failures" if good < total or skipped else "provenance")


def _published(material: Material) -> Card:
    compared = published(material.results)
    anchors = [each.anchor for each in material.results if each.anchor]
    counts = Counter(anchor.outcome for anchor in anchors)
    parts = [Part(counts[each], each, each.colour, each.letter) for each in Outcome if counts[each]]
    judged = sum(counts[each] for each in (*JUDGED, Outcome.BOTH_COLLAPSED))
    if not compared:
        headline = "No published number is about a cell of this grid"
    elif nothing := untested(compared):
        headline, hint = nothing
        return Card("Published numbers", headline, tuple(parts), "published", hint and f"{hint[0].upper()}{hint[1:]}.")
    elif not judged:
        known = len(anchors) or len(compared)
        which = "The one published number cannot" if known == 1 else f"None of the {known} published numbers can"
        headline = f"{which} be compared with these runs"
    else:
        headline = f"{counts[Outcome.REPRODUCED]} of {judged} comparable published numbers reproduced"
        if counts[Outcome.LEVEL_ONLY]:
            headline += f", {counts[Outcome.LEVEL_ONLY]} more in level only"
    if compared:
        return Card("Published numbers", headline, tuple(parts), "published")
    hint = "So there is nothing to reproduce here; methods are compared with each other."
    return Card("Published numbers", headline, (), "", hint)


def _claims(material: Material) -> Card:
    counts = Counter(finding.ruling for finding in material.found)
    parts = [Part(counts[each], each, each.colour, each.letter) for each in Ruling if counts[each]]
    headline = f"{counts[Ruling.HOLDS]} of {len(material.found)} tests of papers’ claims hold"
    return Card("Claims of papers", headline, tuple(parts), "claims")


def leaders(material: Material) -> list[Leader]:
    """Who leads each column that has marks (`bench.report.summary`)."""
    found = []
    for numbers in material.sections():
        best = [number for number in numbers if material.results[number].best]
        for number in sorted(best, key=lambda one: material.results[one].point or 0.0):
            each = material.results[number]
            rivals = [material.results[other] for other in numbers]
            same = [one for one in rivals if one.n and _column(one) == _column(each)]
            same.sort(key=lambda one: -one.mean)
            found.append(
                Leader(
                    str(each.network),
                    material.point_name(each),
                    each.method,
                    str(replace(each.number, n=None, planned=None)),
                    tuple(one.method for one in same if one.place is Place.WITHIN),
                    tuple(_open(one) for one in same if one.place is Place.OPEN),
                    number,
                )
            )
    return found


def _column(each: CellResult) -> tuple[str, str, float | None]:
    return each.recipe, each.prunable, each.point


def _open(each: CellResult) -> str:
    seeds = each.standing.seeds if each.standing else None
    return f"{each.method} ({f'about {seeds}' if seeds else 'no number of'} seeds)"


@dataclass(frozen=True)
class Failed:
    """A line of the table of failures."""

    cell: int
    method: str
    name: str
    network: str
    outcome: str
    reason: str
    seeds: str


def failures(material: Material) -> list[Failed]:
    """All that did not end well, by cell, outcome and reason; runs that have not been there yet are `missing`."""
    found = []
    for number, each in enumerate(material.results):
        name = f"{each.method}, {material.point_name(each)}"
        place = number, each.cell.method_name, name, str(each.network)
        for failure in each.failures:
            if failure.outcome != "missing":
                seeds = ", ".join(map(str, failure.seeds))
                found.append(Failed(*place, failure.outcome, failure.reason, seeds))
    return found


def missing(material: Material) -> int:
    """How many runs have no record."""
    return sum(1 for spec in material.plan.runs if spec.id not in material.records)
