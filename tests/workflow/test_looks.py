"""What is likely of a grid whose seeds are added at looks, before it runs and while it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.published.power import power
from bench.published.rule import Source
from bench.workflow.looks import State, survey
from tests import factories
from tests.published import test_looks
from tests.published.test_looks import PUBLISHED


def states(folder: Path, **counts: int) -> dict[str, State]:
    plan, records = test_looks.grid(counts)
    for source in records.values():
        factories.write(source.record, folder / "results")
    found = survey(factories.grid(folder, looks=True), plan, PUBLISHED)
    ended = sum({"dense": 5, **counts}.values())
    assert len(found.now.runs) - len(found.to_run) <= ended
    return {state.cell.method: state for state in found.states}


def test_chances_are_the_power_at_the_level_of_each_look(tmp_path: Path) -> None:
    # Printed with the number: a spread of .1 over 20 runs; the margin is .5.
    of = Source(0.1 / 20**0.5, 20, counted=True)
    expected = {n: power(0.1, n, of, 0.005, 0.5, level) for n, level in {5: 0.01, 10: 0.015, 20: 0.025}.items()}
    found = states(tmp_path, gmp=0)["gmp"]
    assert found.chances == pytest.approx(expected)
    assert (found.asked, found.likely, found.waits) == (5, 5, True)


def test_what_is_likely_goes_by_what_is_open(tmp_path: Path) -> None:
    found = states(tmp_path, gmp=5, snip=5, magnitude=10)
    assert {method: (each.asked, each.likely, each.waits) for method, each in found.items()} == {
        "dense": (5, 5, False),
        "gmp": (5, 5, False),
        "snip": (10, 10, True),
        "magnitude": (20, 20, True),
    }
    assert (found["gmp"].values()["look"], found["magnitude"].values()["look"]) == (5, 10)
    assert found["dense"].verdict is None and found["dense"].values()["chances"] == {}


def test_what_is_to_run_next_and_at_most(tmp_path: Path) -> None:
    plan, records = test_looks.grid({"gmp": 5, "snip": 7})
    for source in records.values():
        factories.write(source.record, tmp_path / "results")
    found = survey(factories.grid(tmp_path, looks=True), plan, PUBLISHED)
    assert [(spec.method, spec.seed) for spec in found.to_run] == [("snip", 7), ("snip", 8), ("snip", 9)]
    assert [len(each.runs) for each in (found.now, found.likely, found.at_most)] == [20, 20, 30]
