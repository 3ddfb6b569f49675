"""What Snakemake's own report is given."""

from __future__ import annotations

from pathlib import Path

from bench.workflow.snakemake_report import exhibits
from tests import factories

ROOT = Path(__file__).parents[2]


def test_only_what_has_been_written(tmp_path: Path) -> None:
    grid = factories.grid(tmp_path, datasets=("cifar10", "digits"))
    assert exhibits(grid) == []
    grid.report_folder.mkdir(parents=True)
    for name in ("table.csv", "accuracy-macs-digits.svg", "something.else"):
        (grid.report_folder / name).touch()
    table, figure = exhibits(grid)
    assert (Path(table.path).name, table.category) == ("table.csv", "Tables")
    assert figure.labels == {"what": "accuracy against multiply-adds", "data set": "digits"}


def test_every_caption_is_there(tmp_path: Path) -> None:
    grid = factories.grid(tmp_path)
    grid.report_folder.mkdir(parents=True)
    names = ("table.csv", "comparison.csv", "table.txt", "report.html", "provenance.md", "checklist.md")
    for name in (*names, "accuracy-macs-cifar10.svg", "accuracy-sparsity-cifar10.svg"):
        (grid.report_folder / name).touch()
    found = exhibits(grid)
    assert len(found) == 8
    assert all((ROOT / each.caption).read_text().strip() for each in found)
