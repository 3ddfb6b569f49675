"""What ``snakemake --report`` shows of a grid: its page, tables and figures, as far as they have been written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.plan.grid import Grid

CAPTIONS = "bench/report/captions"
"""From the Snakefile; a caption is a template of Snakemake's, in reStructuredText."""

_TABLES = {
    "table.csv": ("Tables", "cells", "cells.rst"),
    "comparison.csv": ("Tables", "published numbers", "comparison.rst"),
    "table.txt": ("Tables", "as printed", "printed.rst"),
    "report.html": ("Page", "everything, to filter and to look into", "page.rst"),
    "provenance.md": ("Provenance", "commands that repeat each run", "provenance.rst"),
    "checklist.md": ("Provenance", "reproducibility checklist", "checklist.rst"),
}

_FIGURES = {"sparsity": "sparsity", "macs": "multiply-adds"}


@dataclass(frozen=True)
class Exhibit:
    """A file of a grid's report, with what Snakemake's ``report`` flag wants to know of it."""

    path: str
    caption: str
    category: str
    labels: dict[str, str]


def exhibits(grid: Grid) -> list[Exhibit]:
    """Those that are there: a grid none of whose runs has ended has no figures, and `table` draws none."""
    return [each for each in _all(grid) if Path(each.path).is_file()]


def _all(grid: Grid) -> Iterator[Exhibit]:
    for name, (category, what, caption) in _TABLES.items():
        yield Exhibit(f"{grid.report_folder}/{name}", f"{CAPTIONS}/{caption}", category, {"what": what})
    for dataset in grid.datasets:
        for name, against in _FIGURES.items():
            path = f"{grid.report_folder}/accuracy-{name}-{dataset}.svg"
            labels = {"what": f"accuracy against {against}", "data set": dataset}
            yield Exhibit(path, f"{CAPTIONS}/figure.rst", "Figures", labels)
