"""The rule for recomputed numbers, on cases worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bench.published.outcomes import Evidence, Outcome
from bench.recompute.cells import Cell, Facts
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.recompute.verdict import Verdict, compare, half_unit, judge

EQUAL, WITHIN, DIFFERS = Outcome.EQUAL, Outcome.EQUAL_WITHIN_IMAGES, Outcome.DIFFERS


def facts(**changes: object) -> Facts:
    file = {"path": "checkpoints/a/b.pt", "sha256": "0" * 64, "origin": "b.pt", "dataset": "digits"}
    values = {"paper": "p", "repository": "o/n@0123456", "licence": "MIT", "files": {"f": file}}
    return Facts.read(values | changes, "facts")


def cell(metrics: str = "top1", printed: str = "91.74", **changes: object) -> Cell:
    values = {"id": "c", "table": "t", "file": "f", "names_file": True, "procedure": "evaluate", "source": "s"}
    return Cell.read(values | {"verified": "primary", "metrics": metrics, "printed": printed} | changes, "cell")


@pytest.mark.parametrize(
    ("text", "digits", "half"),
    [
        ("91.74", 15, "0.005"),
        ("91.7", 15, "0.05"),
        ("108", 15, "0.5"),
        ("3725871", 15, "0.5"),
        ("0.2779307614398908", 6, "0.0000005"),
        ("1.0567288592457769", 6, "0.000005"),
        ("0.376", 6, "0.0005"),
        ("0", 15, "0.5"),
    ],
)
def test_half_a_unit_of_the_last_digit_that_counts(text: str, digits: int, half: str) -> None:
    assert half_unit(text, digits) == Decimal(half)


def test_where_trailing_zeros_are_left_out_all_digits_count() -> None:
    assert half_unit("91.7", 15, trailing_zeros=False) == Decimal("5e-14")
    assert compare(Metric.TOP1, Measurement(91.7), "91.7", trailing_zeros=False) is EQUAL
    assert compare(Metric.TOP1, Measurement(91.71), "91.71000000000001", trailing_zeros=False) is EQUAL
    assert compare(Metric.TOP1, Measurement(91.69), "91.7", trailing_zeros=False) is DIFFERS
    assert compare(Metric.TOP1, Measurement(91.69), "91.7") is EQUAL


@pytest.mark.parametrize(
    ("ours", "outcome"),
    [(91.74, EQUAL), (91.735, EQUAL), (91.745, EQUAL), (91.7349, DIFFERS), (91.7451, DIFFERS)],
)
def test_a_number_is_equal_if_it_rounds_to_the_print_ties_either_way(ours: float, outcome: Outcome) -> None:
    assert compare(Metric.TOP1, Measurement(ours), "91.74") is outcome


@pytest.mark.parametrize(
    ("ours", "near_ties", "outcome"),
    [
        (91.74, 3, EQUAL),
        (91.77, 3, WITHIN),
        (91.71, 3, WITHIN),
        (91.78, 3, DIFFERS),
        (91.70, 3, DIFFERS),
        (91.75, 0, DIFFERS),
    ],
)
def test_as_many_images_as_are_nearly_tied_may_answer_otherwise(ours: float, near_ties: int, outcome: Outcome) -> None:
    """Of 10,000 images each is worth 0.01 points."""
    assert compare(Metric.TOP1, Measurement(ours, near_ties, near_ties * 0.01), "91.74") is outcome


def test_a_loss_has_no_images_and_no_more_digits_than_float32() -> None:
    assert compare(Metric.BATCH_LOSS, Measurement(0.2779307662), "0.2779307614398908") is EQUAL
    assert compare(Metric.BATCH_LOSS, Measurement(0.2779313), "0.2779307614398908") is DIFFERS
    assert compare(Metric.LOSS, Measurement(0.3531), "0.3561") is DIFFERS


def test_a_count_is_exact() -> None:
    assert compare(Metric.COMPRESSION, Measurement(431_080 / 3_993), "108") is EQUAL
    assert compare(Metric.COMPRESSION, Measurement(266_610 / 4_988), "56") is DIFFERS
    assert compare(Metric.WEIGHTS_LEFT, Measurement(3_898_757.0), "3725871") is DIFFERS


def test_a_cell_is_as_good_as_its_worst_number() -> None:
    both = cell("top1;top5", "91.74;99.63")
    fine, tied, off = Measurement(91.74, 2, 0.02), Measurement(99.65, 2, 0.02), Measurement(99.7, 2, 0.02)
    equal = Measurement(99.63, 1, 0.01)
    assert judge(both, {Metric.TOP1: fine, Metric.TOP5: equal}, facts()) == Verdict(EQUAL)
    assert judge(both, {Metric.TOP1: fine, Metric.TOP5: tied}, facts()) == Verdict(WITHIN, 2)
    assert judge(both, {Metric.TOP1: fine, Metric.TOP5: off}, facts()) == Verdict(DIFFERS, reason="top5")


def test_a_metric_that_stands_aside_decides_nothing() -> None:
    aside = facts(aside=["loss"], why_aside="it is float32")
    found = {Metric.TOP1: Measurement(91.74, 0), Metric.LOSS: Measurement(9.0)}
    assert judge(cell("top1;loss", "91.74;0.35"), found, aside).outcome is EQUAL
    assert judge(cell("top1;loss", "91.74;0.35"), found, facts()).outcome is DIFFERS


def test_what_cannot_be_judged_is_not() -> None:
    ours = {Metric.TOP1: Measurement(91.74, 0)}
    assert judge(cell(), None, facts()).outcome is Outcome.NOT_RUN
    assert judge(cell(names_file=False), ours, facts()).outcome is Outcome.OTHER_FILE
    assert judge(cell(verified="unverified"), ours, facts()).outcome is Outcome.NOT_COMPARABLE
    assert judge(cell(names_file=False), None, facts()).outcome is Outcome.NOT_RUN


def test_the_words() -> None:
    assert str(Verdict(EQUAL)) == "equal to the digit"
    assert str(Verdict(WITHIN, 1)) == "equal within 1 image"
    assert str(Verdict(WITHIN, 3)) == "equal within 3 images"
    assert str(Verdict(DIFFERS, reason="top5")) == "differs (top5)"
    assert str(Verdict(Outcome.OTHER_FILE)) == "file is not the printed run"
    assert Verdict(EQUAL).kind is Evidence.RECOMPUTED
