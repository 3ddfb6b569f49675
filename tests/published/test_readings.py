"""Protocols of which a source does not say what they are: a recipe for each reading."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from bench import recipe
from bench.published import Protocol, Published, comparison
from bench.published.obstacles import obstacles, reading
from bench.published.outcomes import Outcome
from bench.published.readings import level, settle
from bench.published.verdict import Verdict
from bench.results import measurements
from tests import factories
from tests.published.test_verdict import PRINTED, ROW

LONG = "cifar10[train.epochs=320]"
PROTOCOL = Protocol(recipe="cifar10", readings={"B": LONG}, prunable="all", report="last", source="here")


def test_the_first_reading_is_the_recipe_and_others_have_later_letters() -> None:
    assert PROTOCOL.recipes == {"A": "cifar10", "B": LONG}
    with pytest.raises(ValidationError, match=r"should match pattern '\^\[B-Z\]\$'"):
        Protocol(recipe="cifar10", readings={"A": LONG}, prunable="all", report="last", source="here")
    with pytest.raises(ValidationError, match="'readings' come after a 'recipe'"):
        Protocol(recipe=None, reason="?", readings={"B": LONG}, prunable="all", report="last", source="here")


def test_a_run_belongs_to_the_reading_whose_recipe_it_has() -> None:
    for text, letter in (("cifar10", "A"), (LONG, "B"), ("cifar10[train.epochs=170]", "")):
        plan, _ = factories.plan({("gmp", 0.9): [91.0]}, recipe=recipe.load(text), recipe_text=text)
        spec = next(spec for spec in plan.runs if spec.method == "gmp")
        assert reading(PROTOCOL, spec) == letter
        assert bool(obstacles(ROW, PROTOCOL, spec)) == (letter == "")


def test_two_readings_halve_the_level() -> None:
    assert level(PROTOCOL) == 0.025
    assert level(PROTOCOL.model_copy(update={"readings": {}})) == 0.05


def test_a_row_is_reproduced_under_the_reading_that_ran(tmp_path: Path) -> None:
    accuracies: factories.Accuracies = {("dense", None): [93.0] * 3, ("gmp", 0.9): [91.0, 91.1, 90.9]}
    plan, records = factories.plan(accuracies, recipe=recipe.load(LONG), recipe_text=LONG)
    for record in records:
        factories.write(record, tmp_path)
    table = measurements.from_records(plan, *measurements.read_records(plan, tmp_path))
    row = ROW.model_copy(update={**PRINTED, "std": 0.05})
    (line,) = comparison.compare(plan, table, Published((row,), {"p": PROTOCOL}))
    assert (line.outcome, line.verdict.reading, line.reason) == ("reproduced under a reading", "B", "reading B")
    # one-sided 2.5 %: t(.975, 2) = 4.302653
    assert line.verdict.half_width == pytest.approx(4.302653 * math.sqrt((0.01 + 0.0025) / 3) + 0.005, abs=1e-5)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Outcome.BELOW, Outcome.BELOW),
        (Outcome.ABOVE, Outcome.INCONCLUSIVE),
        (Outcome.NOT_RUN, Outcome.INCONCLUSIVE),
        (Outcome.REPRODUCED, Outcome.INCONCLUSIVE),
    ],
)
def test_below_takes_every_reading(other: Outcome, expected: Outcome) -> None:
    lines = [("row", PROTOCOL, Verdict(Outcome.BELOW, reading="A")), ("row", PROTOCOL, Verdict(other, reading="B"))]
    first = settle(lines)[0]
    assert first.outcome is expected
    assert first.reason == ("reading A" if expected is Outcome.BELOW else "below under reading A, not under B")


def test_below_takes_readings_that_no_cell_is_about_too() -> None:
    assert settle([("row", PROTOCOL, Verdict(Outcome.BELOW, reading="A"))])[0].outcome is Outcome.INCONCLUSIVE


def test_a_protocol_without_readings_is_left_alone() -> None:
    plain = PROTOCOL.model_copy(update={"readings": {}})
    verdict = Verdict(Outcome.REPRODUCED)
    assert settle([("row", plain, verdict)]) == [verdict]
