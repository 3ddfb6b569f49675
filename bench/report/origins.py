"""The provenance page: code, versions, hardware, seconds, and the command that repeats each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import yaml

from bench.base.nesting import flat
from bench.plan import lineage
from bench.report.layout import Block, Text
from bench.report.tables import template
from bench.results import provenance
from bench.results.measurements import Source

if TYPE_CHECKING:
    from bench.plan.grid import Grid, Plan

MOST_VALUES = 5
"""A fact with more different values than this is shown as their range."""


def page(grid: Grid, plan: Plan, records: Mapping[str, Source]) -> str:
    """The page as Markdown, from the records of a plan by run id."""
    common, varying = blocks(records)
    return template("provenance.md.j2").render(
        title=grid.title or grid.name,
        totals=totals(plan, records),
        notices=notices(records),
        common=common,
        varying=varying,
        grid=written(grid),
        runs=[_run(spec.id, spec.command, records.get(spec.id)) for spec in plan.runs],
    )


def blocks(records: Mapping[str, Source]) -> tuple[Block, Block]:
    """What the records say of code, versions and hardware: what is common to all, and what is not."""
    told = [flat(source.record.provenance) for source in records.values()]
    # A run's command stands with it.
    facts = [{name: str(fact) for name, fact in each.items() if name != "command"} for each in told]
    names = list(dict.fromkeys(name for fact in facts for name in fact))
    values = {name: Counter(fact.get(name, "not recorded") for fact in facts) for name in names}
    common = [(name, next(iter(counts))) for name, counts in values.items() if len(counts) == 1]
    varying = [(name, _counted(counts)) for name, counts in values.items() if len(counts) > 1]
    return _block("Common to all runs", common), _block("Different between runs", varying)


def notices(records: Mapping[str, Source]) -> list[str]:
    """What is to be known of the code behind records, a sentence each: whether it is still the code at hand.

    Tables don't say so: they are the same whatever code makes them of the records.
    """
    found = [source.record for source in records.values()]
    # Of a grid's own results only records with today's identity are read.
    kept = [source.record for source in records.values() if source.path.name != "record.json"]
    older = [record for record in kept if lineage.is_outdated(record.spec)]
    told = [record for record in found if record.provenance.get("engine_source_sha256")]
    others = [record for record in told if record.provenance["engine_source_sha256"] != provenance.engine_source()]
    said = []
    if older:
        methods = ", ".join(sorted({record.spec.method for record in older}))
        said.append(
            f"{len(older)} of {len(found)} records were made by code or recipes that have changed since: {methods}."
        )
    if others:
        said.append(
            f"{len(others)} of {len(found)} records come from another source of the engine than the one at hand."
        )
    return said


def written(grid: Grid) -> str:
    """The grid as YAML, every field of it."""
    return yaml.safe_dump(grid.model_dump(mode="json"), sort_keys=False, allow_unicode=True).strip()


def totals(plan: Plan, records: Mapping[str, Source]) -> str:
    """How many runs have a record, with which outcomes, and how long they trained."""
    hours = sum(source.record.cost.seconds for source in records.values()) / 3600
    outcomes = Counter(source.record.outcome for source in records.values())
    counted = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()) or "none yet"
    return f"{len(records)} of {len(plan.runs)} runs have a record ({counted}); {hours:.2f} hours of training in all."


def _run(name: str, command: str, source: Source | None) -> dict[str, str]:
    if source is None:
        return {"label": name, "outcome": "no record", "reason": "", "seconds": "0", "command": command}
    record = source.record
    reason = " ".join(record.reason.split())
    return {
        "label": name,
        "outcome": record.outcome,
        "reason": reason,
        "seconds": f"{record.cost.seconds:.1f}",
        "command": command,
    }


def _counted(counts: Counter[str]) -> str:
    if len(counts) > MOST_VALUES:
        return f"{len(counts)} values from {min(counts)} to {max(counts)}"
    return ", ".join(f"{value} ({count})" for value, count in counts.most_common())


def _block(title: str, pairs: list[tuple[str, str]]) -> Block:
    return Block(title, ("Fact", "Value"), tuple((Text(name), Text(value)) for name, value in pairs), numbers=False)
