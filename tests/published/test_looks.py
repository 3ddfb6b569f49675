"""Seeds that are added at looks: which ones a cell needs, by levels worked out by hand, and which ones tables use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from bench.plan.grid import Plan
from bench.published import Published, comparison, looks
from bench.published.comparison import Compared
from bench.results import measurements
from bench.results.measurements import Source
from bench.results.record import Record
from tests import factories
from tests.published.test_comparison import PROTOCOLS, RECIPE
from tests.published.test_verdict import ROW

OFFSETS = {"gmp": 0.0, "snip": 0.33, "random": 0.42, "magnitude": 0.5}
"""How far our seeds lie above 91 %, scattering by .1.

Printed is 91 ± .1 over 20 runs, the margin .5. With the quantiles t(.99, 4) = 3.746947, t(.985, 9) = 2.573804 and
t(.975, 19) = 2.093024 half widths are .207 of five seeds, .108 of ten and .072 of twenty; the mean of five is .02
higher. So the first is decided at five, the second at ten (.35 + .207 > .5, though .35 + .120 < .5 at 5 %), the third
at twenty (.42 + .108 > .5), and the last one never."""

PRINTED = {"std": 0.1, "std_kind": "std", "n_seeds": 20}

PUBLISHED = Published(
    tuple(
        ROW.model_copy(update={"id": f"row-{method}", "table": method, "method": method} | PRINTED)
        for method in OFFSETS
    ),
    PROTOCOLS,
)


def accuracies(offset: float, count: int = 20) -> list[float]:
    """Of the first seeds."""
    return [91.0 + offset + (-0.1 if seed % 2 else 0.1) for seed in range(count)]


def made(record: Record) -> Record:
    """The record of a run whose grid adds seeds at looks."""
    return record.model_copy(update={"provenance": record.provenance | {"looks": True}})


def grid(counts: Mapping[str, int]) -> tuple[Plan, dict[str, Source]]:
    """A plan of twenty seeds, and the records of the first ones of each method."""
    cells: factories.Accuracies = {(method, 0.9): accuracies(OFFSETS[method]) for method in counts}
    plan, records = factories.plan({("dense", None): [93.0] * 20} | cells, **RECIPE)
    there = {"dense": 5} | dict(counts)
    kept = [made(record) for record in records if record.spec.seed < there[record.spec.method]]
    return plan, {record.id: Source(record, "", Path("results/runs") / record.id / "record.json") for record in kept}


def judged(plan: Plan, records: Mapping[str, Source]) -> tuple[pd.DataFrame, dict[str, Compared]]:
    table = measurements.from_records(plan, records, {})
    compared = comparison.compare(plan, table, PUBLISHED, looks=looks.made_so(records))
    return table, {each.cell.method: each for each in compared}


def asked(counts: Mapping[str, int]) -> dict[str, int]:
    """How many seeds each method needs when so many have ended."""
    plan, records = grid(counts)
    table, compared = judged(plan, records)
    waiting = looks.still_open(compared.values())
    return {cell.method: looks.asked(cell, table, cell.key in waiting) for cell in plan.cells}


@pytest.mark.parametrize(
    ("ended", "needed"),
    [
        (dict.fromkeys(OFFSETS, 0), dict.fromkeys(OFFSETS, 5)),
        (dict.fromkeys(OFFSETS, 4), dict.fromkeys(OFFSETS, 5)),
        (dict.fromkeys(OFFSETS, 5), {"gmp": 5, "snip": 10, "random": 10, "magnitude": 10}),
        (dict.fromkeys(OFFSETS, 8), {"gmp": 5, "snip": 10, "random": 10, "magnitude": 10}),
        (dict.fromkeys(OFFSETS, 10), {"gmp": 10, "snip": 10, "random": 20, "magnitude": 20}),
        (dict.fromkeys(OFFSETS, 20), dict.fromkeys(OFFSETS, 20)),
    ],
)
def test_seeds_are_added_only_where_the_level_of_a_look_leaves_a_verdict_open(
    ended: dict[str, int], needed: dict[str, int]
) -> None:
    assert asked(ended) == {"dense": 5} | needed


def test_a_verdict_says_at_which_look_it_stopped_and_rests_on_the_seeds_of_that_look() -> None:
    plan, records = grid(dict.fromkeys(OFFSETS, 20))
    _, compared = judged(plan, records)
    told = {method: (each.outcome, each.verdict.look, each.ours.n, each.reason) for method, each in compared.items()}
    assert told == {
        "gmp": ("reproduced", 5, 5, "decided at the look of 5 seeds"),
        "snip": ("reproduced", 10, 10, "decided at the look of 10 seeds"),
        "random": ("reproduced", 20, 20, "decided at the look of 20 seeds"),
        "magnitude": ("inconclusive", 20, 20, "20 of our seeds; the last look is over"),
    }
    for each in compared.values():
        assert each.verdict.difference == pytest.approx(each.ours.mean - 91.0)
    lines = comparison.frame(compared.values()).set_index("method")
    assert list(lines["look"]) == [5, 10, 20, 20]
    fixed = comparison.frame(comparison.compare(plan, measurements.from_records(plan, records, {}), PUBLISHED))
    assert "look" not in fixed


def test_runs_that_went_wrong_are_made_up_for_at_the_next_look() -> None:
    plan, records = grid({"gmp": 5})
    diverged = next(run for run, source in records.items() if source.record.spec.method == "gmp")

    def needed(outcome: str) -> tuple[int, str]:
        broken = records[diverged].record.model_copy(update={"outcome": outcome, "results": []})
        table, compared = judged(plan, records | {diverged: Source(broken, "", Path("record.json"))})
        cell = next(cell for cell in plan.cells if cell.method == "gmp")
        return looks.asked(cell, table, cell.key in looks.still_open(compared.values())), compared["gmp"].reason

    four = "4 of 5 runs ended well; 4 of our seeds; the next look is at 5 seeds"
    assert needed("diverged") == (10, four)
    assert needed("error") == (5, four)  # it is to be run again first


def test_a_cell_stops_at_what_is_decided_under_its_reading_though_another_one_is_open() -> None:
    plan, records = grid({"gmp": 5})
    table = measurements.from_records(plan, records, {})
    unclear = PROTOCOLS["p"].model_copy(update={"readings": {"B": "cifar10[batch_size=64]"}})
    far = PUBLISHED.rows[0].model_copy(update={"value": 93.0})
    rows = Published((far,), {"p": unclear})
    (found,) = comparison.compare(plan, table, rows, looks=looks.made_so(records))
    assert (found.outcome, found.verdict.look) == ("inconclusive", 5)
    assert found.reason == "below under reading A; decided at the look of 5 seeds, not under B"
    assert looks.still_open([found]) == set()


def test_columns_use_the_seeds_that_all_of_their_methods_have(tmp_path: Path) -> None:
    plan, records = grid({"gmp": 5, "snip": 10, "random": 20})
    table, _ = judged(plan, records)
    chosen = factories.grid(tmp_path, looks=True)
    shared = looks.shared(chosen, plan, table)
    assert [len(cell.runs) for cell in shared.cells] == [5, 5, 5, 5]
    assert {spec.id for spec in shared.runs} == set(records)
    (said,) = looks.aside(plan, shared, table)[plan.cells[0].network]
    assert said.startswith(
        "Left aside in tables, marks and ranks, as not all methods of a column have these seeds: "
        "snip at 90 % (5), random at 90 % (15)."
    )
    assert looks.shared(chosen.model_copy(update={"looks": False}), plan, table) is plan
    everywhere, records = grid({"snip": 10, "random": 20})
    table, _ = judged(everywhere, records)
    assert [len(cell.runs) for cell in looks.shared(chosen, everywhere, table).cells] == [5, 10, 10]


def test_the_rule_in_words() -> None:
    assert looks.RULE.startswith("added at looks of 5, 10 and 20 (one-sided levels of 1, 1.5 and 2.5 %)")
