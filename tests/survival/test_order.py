"""Runs that share stages, in two orders and with two numbers of jobs at once: the same records, but for times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.survival.killing import carry_out, ended, fresh, record, start, steps, words

METHODS = ("dense", "magnitude", "lth", "rigl")


def test_neither_order_nor_number_of_jobs_changes_a_record(prepared: Path, tmp_path: Path) -> None:
    one_by_one = fresh(tmp_path / "forwards", prepared)
    for method in METHODS:
        assert carry_out(words(method, one_by_one)) == 0
    at_once = fresh(tmp_path / "backwards", prepared)
    jobs = [start(words(method, at_once)) for method in reversed(METHODS)]
    assert [ended(job) for job in jobs] == [0] * len(METHODS)
    assert records(at_once) == records(one_by_one)
    # Whoever comes first trains the dense network for all; one that takes no snapshot leaves its first epoch to repeat.
    assert len(steps(one_by_one)) - len(steps(at_once)) in (0, 15)


def records(results: Path) -> dict[str, Any]:
    """By method."""
    return {method: record(words(method, results)) for method in METHODS}
