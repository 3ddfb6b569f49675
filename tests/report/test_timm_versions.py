"""Tables say where their runs were made with different versions of timm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench import report
from bench.plan.grid import Plan
from bench.published import Published, comparison
from bench.report import sections, summary, terminal, timm_versions
from bench.report.layout import Report
from bench.results import measurements
from bench.results.record import Record
from tests import factories
from tests.published.test_verdict import ROW
from tests.report.test_sections import PROTOCOLS

BOTH = "Runs whose network is timm's were made with different versions of timm: 1.0.31 (2), 1.0.20 (1)."


def made(folder: Path, *networks: tuple[str, Mapping[int, str]]) -> tuple[Plan, report.Measured]:
    """Records of GMP with these versions of timm, by network and seed."""
    runs, cells, records = [], [], list[Record]()
    for architecture, versions in networks:
        plan, found = factories.plan({("gmp", 0.9): [91.0, 91.1, 91.2]}, architecture=architecture)
        for seed, version in versions.items():
            found[seed].provenance["packages"] = {"timm": version}
        runs, cells, records = [*runs, *plan.runs], [*cells, *plan.cells], [*records, *found]
    for record in records:
        factories.write(record, folder)
    plan = Plan(runs, cells)
    sources, problems = measurements.read_records(plan, folder)
    return plan, report.Measured(measurements.from_records(plan, sources, problems), sources, "From records.")


def tables(folder: Path, *networks: tuple[str, Mapping[int, str]]) -> Report:
    plan, measured = made(folder, *networks)
    rows = (ROW.model_copy(update={"architecture": "resnet50"}),)
    compared = comparison.compare(plan, measured.table, Published(rows, PROTOCOLS))
    cells, versions = summary.cells(plan, measured.table, compared), timm_versions.read(plan, measured.records)
    return sections.report(factories.grid(folder), cells, "From records.", versions=versions)


def test_a_network_of_two_versions_has_a_note(tmp_path: Path) -> None:
    found = tables(tmp_path, ("resnet50", {0: "1.0.31", 1: "1.0.20", 2: "1.0.31"}), ("resnet34", {0: "1.0.31"}))
    mixed, pure = found.sections
    assert mixed.notes == (BOTH,)
    assert pure.notes == ()
    everything = BOTH.replace("(2)", "(3)")
    assert everything in found.facts
    assert everything in found.comparison_notes


def test_networks_of_one_version_each_have_the_sentence_together(tmp_path: Path) -> None:
    found = tables(tmp_path, ("resnet50", {0: "1.0.31", 2: "1.0.31"}), ("resnet34", {0: "1.0.20"}))
    assert [section.notes for section in found.sections] == [(), ()]
    assert BOTH in found.facts


def test_one_version_our_own_networks_and_unknown_versions_need_no_sentence(tmp_path: Path) -> None:
    ours = {0: "1.0.31", 1: "1.0.20"}
    found = tables(tmp_path, ("resnet50", {0: "1.0.31", 1: "1.0.31"}), ("resnet20_cifar", ours))
    assert "different versions" not in repr(found)


def test_every_format_has_it(tmp_path: Path) -> None:
    plan, measured = made(tmp_path, ("resnet50", {0: "1.0.31", 1: "1.0.20", 2: "1.0.31"}))
    found, _ = report.write(factories.grid(tmp_path, architectures=("resnet50",)), plan, measured, tmp_path / "report")
    texts = {name: (tmp_path / "report" / name).read_text(encoding="utf-8") for name in ("table.md", "table.tex")}
    texts["terminal"] = terminal.render(found, [])
    texts["page"] = (tmp_path / "report" / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")
    for name, text in texts.items():
        assert BOTH in " ".join(text.split()), name
