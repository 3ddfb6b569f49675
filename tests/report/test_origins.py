"""The provenance page tells what all runs share, where they differ, and how to repeat each."""

from __future__ import annotations

from pathlib import Path

from bench.plan.grid import Plan
from bench.report import origins
from bench.results import measurements
from bench.results.record import Record
from tests import factories


def page(folder: Path, plan: Plan, records: list[Record]) -> str:
    for record in records:
        factories.write(record, folder)
    return origins.page(factories.grid(folder), plan, measurements.read_records(plan, folder)[0])


def test_common_and_varying_facts(tmp_path: Path) -> None:
    plan, records = factories.plan({("gmp", 0.9): [91.0, 91.1]})
    records[1].provenance["packages"] = {"torch": "2.11.0"}
    text = page(tmp_path, plan, records)
    common, varying = text.split("**Different between runs**")
    assert "| git.commit" in common
    assert "0123456789abcdef" in common
    assert "2.13.0 (1), 2.11.0 (1)" in varying


def test_every_run_has_its_command(tmp_path: Path) -> None:
    plan, records = factories.plan({("gmp", 0.9): [91.0, 91.1]})
    text = page(tmp_path, plan, records[:1])
    for spec in plan.runs:
        assert f"`{spec.command}`" in text
    assert "1 of 2 runs have a record (1 ok)" in text
    assert "no record" in text


def test_many_values_become_a_range(tmp_path: Path) -> None:
    plan, records = factories.plan({("gmp", 0.9): [float(value) for value in range(80, 90)]})
    for index, record in enumerate(records):
        record.provenance["started"] = f"2026-01-01T00:00:0{index}"
    assert "10 values from 2026-01-01T00:00:00 to 2026-01-01T00:00:09" in page(tmp_path, plan, records)


def test_nothing_recorded(tmp_path: Path) -> None:
    plan, _ = factories.plan({("gmp", 0.9): [91.0]})
    assert "0 of 1 runs have a record (none yet)" in page(tmp_path, plan, [])
