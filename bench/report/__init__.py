"""From records to reports, in one process: tracking store, tables, plots, verdicts, provenance.

``reprune report configs/quick.yaml [FIELD=VALUE …] [--only collect]`` writes ``reports/<grid name>/``, whether or not
all runs are finished: what is not there says so. ``reprune report FOLDER`` rebuilds the reports of a kept folder
(`bench.report.kept`) from the records in it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bench.plan.grid import Grid, Plan
    from bench.report.layout import Report
    from bench.results.measurements import Source

FROM_STORE = "Values from MLflow, equal to the records."
WITHOUT_STORE = "Values straight from the records: the tracking store was out of reach (`reprune report` tries again)."
NO_VALUES = "No run has left a record yet."


@dataclass(frozen=True)
class Measured:
    """What the runs of a plan measured.

    Attributes:
        table: a line per run and point, see `bench.results.measurements`.
        records: by run id.
        source: a sentence that says where the values come from.
    """

    table: pd.DataFrame
    records: dict[str, Source]
    source: str


def build(grid: Grid, plan: Plan, *, figures: bool = True) -> list[Path]:
    """Collect, and write everything into ``reports/<grid name>/``; prints the table and returns the paths."""
    from bench.base.atomic import write_text
    from bench.report import terminal
    from bench.results import manifest

    folder = grid.report_folder
    report, paths = write(grid, plan, measured(grid, plan), folder, figures=figures)
    paths.append(folder / "table.txt")
    text = terminal.render(report, paths)
    write_text(folder / "table.txt", text)
    manifest.update(folder, paths)
    print(text)
    return paths


def write(
    grid: Grid, plan: Plan, measured: Measured, folder: Path, *, figures: bool = True
) -> tuple[Report, list[Path]]:
    """Write tables, plots, page, provenance and checklist into a folder; returns the report and the files' paths."""
    from bench import published
    from bench.base.atomic import write_text
    from bench.published import comparison, looks
    from bench.report import (
        agreement,
        checklist,
        churn,
        findings,
        latency_block,
        origins,
        overall,
        page,
        plots,
        sections,
        summary,
        tables,
        timm_versions,
    )
    from bench.report.page import embed
    from bench.report.page.material import Material

    known = published.load()
    compared = comparison.compare(plan, measured.table, known, looks=looks.made_so(measured.records))
    everything, plan = plan, looks.shared(grid, plan, measured.table)
    left_aside = looks.aside(everything, plan, measured.table)
    alike = compared if plan is everything else comparison.compare(plan, measured.table, known)
    results = summary.cells(plan, measured.table, compared, measured.records)
    found = findings.examine(grid.claims, results)
    speeds = latency_block.read(plan, measured.records)
    churned = churn.read(plan, measured.records)
    versions = timm_versions.read(plan, measured.records)
    chapters = [*overall.chapter(overall.families(results)), *agreement.chapters(compared, alike)]
    report = sections.report(grid, results, measured.source, found, speeds, churned, versions, chapters, left_aside)
    paths = tables.write(report, results, folder)
    if figures:
        with ThreadPoolExecutor(1) as another:
            library = another.submit(embed.library)  # takes a second, and as long as the figures
            drawn = plots.draw(grid, results, folder)
        material = Material(grid, plan, measured.records, results, found, report, folder)
        write_text(folder / "report.html", page.render(material, library.result()))
        paths += [folder / "report.html", *drawn]
    for name, text in {"provenance.md": origins.page, "checklist.md": checklist.page}.items():
        write_text(folder / name, text(grid, plan, measured.records))
        paths.append(folder / name)
    return report, paths


def measured(grid: Grid, plan: Plan) -> Measured:
    """The plan's frame from MLflow, checked against the records; from the records if the store is out of reach."""
    from bench import tracking
    from bench.results import measurements

    try:
        collected = tracking.collect(grid, plan)
        print(collected.describe())
        table = tracking.read(grid, plan, collected.problems, collected.records)
    except tracking.StoreError as error:
        print(f"WARNING: {error}. The tables are built from the records instead.", file=sys.stderr)
        records, problems = measurements.read_records(plan, Path(grid.results))
        table = measurements.explained(measurements.from_records(plan, records, problems), Path(grid.results))
        return Measured(table, records, _sourced(records, WITHOUT_STORE))
    tracking.check(table, measurements.from_records(plan, collected.records, collected.problems))
    table = measurements.explained(table, Path(grid.results))
    return Measured(table, collected.records, _sourced(collected.records, FROM_STORE))


def _sourced(records: dict[str, Source], sentence: str) -> str:
    return sentence if records else NO_VALUES


def produce(source: Path, fields: Sequence[str], only: str | None = None, output: Path | None = None) -> int:
    """Write the reports of a grid's file, with `fields` changed, or of a kept folder.

    Args:
        source: the file or the folder.
        fields: ``FIELD=VALUE``.
        only: ``collect`` for the tracking store alone, ``table`` for all but page and plots.
        output: of a kept folder: where to write, if not into itself.

    Returns the exit status: 1 if ``collect`` finds no store. Raises `UserError`.
    """
    if source.is_dir():
        return _rebuild(source, fields, only, output)
    if output:
        raise UserError("--output is for kept folders; a grid's reports go where its field 'reports' says.")
    return _run(source, fields, only)


def _rebuild(folder: Path, fields: Sequence[str], only: str | None, output: Path | None) -> int:
    from bench.report import kept

    if fields or only == "collect":
        word = fields[0] if fields else "--only collect"
        raise UserError(f"'{word}' is for grids; a kept folder ({folder}) is tabulated as it is.")
    kept.rebuild(folder, output, figures=only is None)
    return 0


def _run(config: Path, fields: Sequence[str], only: str | None) -> int:
    from bench.plan import resolved, variants
    from bench.plan.files import locate

    found = resolved.resolve(locate(config), resolved.changes(list(fields)))
    grid, plan = found.grid, found.plan
    if only != "collect":
        variants.mark(grid, Path(found.source))
        build(grid, plan, figures=only is None)
        return 0
    from bench import tracking

    try:
        print(tracking.collect(grid, plan).describe())
    except tracking.StoreError as error:
        print(f"reprune: {error}.", file=sys.stderr)
        return 1
    return 0
