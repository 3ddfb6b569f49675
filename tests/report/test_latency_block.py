"""Measured speed-ups in tables: there where a run was measured, nothing changed where none was."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import latency
from bench.latency import Latency, Machine, Network, Timing
from bench.plan import grid as grids
from bench.report import kept, latency_block, sections, summary, tables, terminal
from bench.report.layout import Report
from bench.results import measurements
from bench.results.record import Record
from tests import factories

MACHINE = Machine(device="A processor", threads=1, dtype="float32", torch="2.13.0", clock="processor time")


def timing(backend: str, speedup: float, batch: int = 64) -> Timing:
    times = {"median": 2 / speedup, "lower": 1.9 / speedup, "upper": 2.1 / speedup}
    return Timing(backend=backend, batch=batch, repetitions=30, speedup=speedup, difference=0.0, **times)


def measured(record: Record, csr: float, sha256: str = "0" * 64) -> Latency:
    timings = [timing("dense", 1.0), timing("masked", 1.01), timing("csr", csr)]
    networks = [Network(point=result.point, weights_sha256=sha256, timings=timings) for result in record.results]
    return Latency(run=record.id, machine=MACHINE, networks=networks)


ACCURACIES: factories.Accuracies = {("dense", None): [93.0], ("gmp", 0.9): [91.0, 91.2], ("snip", 0.9): [88.0]}


def made(folder: Path, *latencies: tuple[int, Latency]) -> Report:
    """The report of four runs, with measurements beside some of them."""
    plan, records = factories.plan(ACCURACIES)
    paths = [factories.write(record, folder / "results") for record in records]
    for number, each in latencies:
        latency.write(each, latency.beside(paths[number]))
    sources, problems = measurements.read_records(plan, folder / "results")
    table = measurements.from_records(plan, sources, problems)
    speeds = latency_block.read(plan, sources)
    cells = summary.cells(plan, table)
    return sections.report(factories.grid(folder), cells, "Values from the records.", (), speeds)


def test_speed_ups_stand_beside_the_theoretical_macs_as_they_are(tmp_path: Path) -> None:
    _, records = factories.plan(ACCURACIES)
    found = made(tmp_path, (1, measured(records[1], 0.5)), (2, measured(records[2], 0.7)))
    (block,) = [block for block in found.sections[0].blocks if block.terminal]
    assert block.title == "Measured speed-up over dense (A processor, 1 thread, float32, torch 2.13.0, processor time)"
    assert block.head[2:] == ("MACs kept (theoretical)", "Effective MACs kept (theoretical)", "Batch", "masked", "csr")
    (row,) = [[text.text for text in row] for row in block.rows]
    # Of the two seeds the mean: 0.6, slower than dense.
    assert row == ["gmp", "90 %", "10.00 %", "10.00 %", "64", "1.01 ×", "0.60 ×"]


def test_every_format_shows_them(tmp_path: Path) -> None:
    _, records = factories.plan(ACCURACIES)
    found = made(tmp_path, (3, measured(records[3], 1.25)))
    for text in (tables.markdown(found), terminal.render(found, [])):
        assert "Measured speed-up over dense (A processor" in text
        assert "1.25 ×" in text
    assert r"& csr ($\times$) \\" in tables.latex(found)  # a unit stands in the head there
    assert r"& 1.25 \\" in tables.latex(found)


def test_without_measurements_no_format_changes(tmp_path: Path) -> None:
    plan, _ = factories.plan(ACCURACIES)
    found = made(tmp_path)
    sources, problems = measurements.read_records(plan, tmp_path / "results")
    table = measurements.from_records(plan, sources, problems)
    cells = summary.cells(plan, table)
    before = sections.report(factories.grid(tmp_path), cells, "Values from the records.")
    for write in (tables.markdown, tables.latex):
        assert write(found) == write(before)
    assert not any(block.terminal for block in found.sections[0].blocks)


def test_machines_are_not_mixed(tmp_path: Path) -> None:
    _, records = factories.plan(ACCURACIES)
    other = measured(records[3], 2.0).model_copy(update={"machine": MACHINE.model_copy(update={"threads": 4})})
    found = made(tmp_path, (1, measured(records[1], 0.5)), (3, other))
    titles = [block.title for block in found.sections[0].blocks if block.terminal]
    assert [title.partition("processor, ")[2].partition(",")[0] for title in titles] == ["1 thread", "4 threads"]


def test_a_measurement_of_other_weights_is_noticed_and_not_shown(tmp_path: Path) -> None:
    _, records = factories.plan(ACCURACIES)
    found = made(tmp_path, (3, measured(records[3], 9.0, sha256="1" * 64)))
    assert not any(block.terminal for block in found.sections[0].blocks)
    assert found.sections[0].notes == (
        f"Not shown: the latency of run {records[3].id} is that of other weights; measure it again.",
    )


def test_a_broken_measurement_is_a_note_and_stops_no_table(tmp_path: Path) -> None:
    _, records = factories.plan(ACCURACIES)
    for number, text in ((1, b'{"run": "x"}'), (3, b"\x00")):
        path = factories.write(records[number], tmp_path / "results").with_name("latency.json")
        path.write_bytes(text)
    notes = made(tmp_path).sections[0].notes
    assert len(notes) == 2
    assert all("latency.json: " in note for note in notes)
    assert "field 'machine' is missing" in notes[0]


def test_kept_folders_keep_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {
        **{"name": "small", "recipe": "cifar10", "datasets": ["cifar10"], "seeds": [0], "sparsities": [0.9]},
        **{"architectures": ["resnet20_cifar"], "methods": ["gmp"], "results": str(tmp_path / "results")},
    }
    grid = grids.load(fields)
    *_, spec = grids.expand(grid).runs
    path = factories.write(factories.record(spec), tmp_path / "results")
    latency.write(measured(factories.record(spec), 1.75), latency.beside(path))
    kept.keep(grid, tmp_path / "kept")
    monkeypatch.setattr("bench.report.plots.draw", lambda *_: [])
    kept.rebuild(tmp_path / "kept", figures=False)
    assert "1.75 ×" in (tmp_path / "kept" / "table.md").read_text()
    latency.beside(path).unlink()
    kept.keep(grid, tmp_path / "kept")
    assert not list((tmp_path / "kept" / "latency").iterdir())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    _, records = factories.plan(ACCURACIES)
    latency.write(measured(records[1], 0.5), tmp_path / "latency.json")
    assert latency.read(tmp_path / "latency.json") == measured(records[1], 0.5)
    assert latency.read(tmp_path / "nothing.json") is None
