"""Figures are drawn for what is there, look the same every time, and survive gaps."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from matplotlib import image

from bench.plan.grid import Plan
from bench.report import plots, summary
from bench.report.cell import CellResult
from bench.results import measurements
from bench.results.record import Record
from tests import factories

ACCURACIES: factories.Accuracies = {
    ("dense", None): [93.0, 93.1],
    ("gmp", 0.9): [91.0, 91.1],
    ("gmp", 0.98): [85.0, 85.3],
    ("snip", 0.9): [88.0],
    ("snip", 0.98): [70.0],
}


def cells(folder: Path, plan: Plan, records: list[Record]) -> list[CellResult]:
    for record in records:
        factories.write(record, folder)
    return summary.cells(plan, measurements.from_records(plan, *measurements.read_records(plan, folder)))


def test_figures(tmp_path: Path) -> None:
    table = cells(tmp_path, *factories.plan(ACCURACIES))
    paths = plots.draw(factories.grid(tmp_path, sparsities=(0.9, 0.98)), table, tmp_path / "reports")
    names = {f"accuracy-{kind}-cifar10.{ending}" for kind in ("sparsity", "macs") for ending in ("svg", "png")}
    assert {path.name for path in paths} == names
    for path in paths:
        if path.suffix == ".png":
            assert np.ptp(image.imread(path)) > 0  # not blank
        else:
            assert ElementTree.parse(path).getroot().tag.endswith("svg")


def test_the_same_cells_give_the_same_bytes(tmp_path: Path) -> None:
    table = cells(tmp_path, *factories.plan(ACCURACIES))
    grid = factories.grid(tmp_path)
    once = [path.read_bytes() for path in plots.draw(grid, table, tmp_path / "one")]
    assert [path.read_bytes() for path in plots.draw(grid, table, tmp_path / "two")] == once


def test_gaps_and_a_fully_pruned_network_are_left_out(tmp_path: Path) -> None:
    plan, records = factories.plan(ACCURACIES)
    table = cells(tmp_path, plan, records[:4])
    table[1] = replace(table[1], means=replace(table[1].means, prunable_sparsity=1.0, macs_kept=0.0))
    assert len(plots.draw(factories.grid(tmp_path, budget=0.1), table, tmp_path)) == 4


def test_nothing_pruned_no_figure(tmp_path: Path) -> None:
    table = cells(tmp_path, *factories.plan({("dense", None): [93.0]}))
    assert plots.draw(factories.grid(tmp_path), table, tmp_path) == []


def test_colours_and_markers_differ() -> None:
    assert len(set(plots.PALETTE)) == len(plots.PALETTE)
    assert len(set(plots.MARKERS)) > len(plots.PALETTE)  # when colours repeat, markers don't
    looks = zip(cycle(plots.PALETTE), cycle(plots.MARKERS), islice(plots._strokes(), 60), strict=False)
    assert len(set(looks)) == 60


def test_long_names_are_broken_behind_commas() -> None:
    name = "gmp[allocation=global,schedule.every=16,schedule.start=0,schedule.until=0.75]"
    lines = plots._wrapped(name).splitlines()
    assert "".join(lines) == name
    assert max(map(len, lines)) <= plots.LABEL
    assert plots._wrapped("snip") == "snip"


def test_a_figure_says_what_nobody_may_overlook(tmp_path: Path) -> None:
    assert plots._banner(factories.grid(tmp_path)) == ""
    assert "SCALED DOWN to 0.1" in plots._banner(factories.grid(tmp_path, budget=0.1))
    given = factories.grid(tmp_path, recipe="pretrained_resnet20_cifar10")
    assert plots._banner(given).startswith("SINGLE PARENT")
