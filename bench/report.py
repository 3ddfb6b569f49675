"""From records to reports, in one process: tracking store, tables, plots, verdicts, provenance.

``python -m bench.report configs/quick.yaml [FIELD=VALUE …] [--only collect]`` writes ``reports/<grid name>/``, whether
or not all runs are finished: what is not there says so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bench.grid import Grid, Plan
    from bench.measurements import Source


def build(grid: Grid, plan: Plan, *, figures: bool = True) -> list[Path]:
    """Collect, and write everything into ``reports/<grid name>/``; prints the table and returns the paths."""
    from bench import comparison, findings, origins, plots, published, sections, summary, tables, terminal
    from bench.record import write_atomic

    folder = grid.report_folder
    table, records, source = measured(grid, plan)
    cells = summary.cells(plan, table)
    compared = comparison.compare(plan, table, published.load())
    report = sections.report(grid, cells, compared, source, findings.examine(grid.claims, plan, table))
    drawn = plots.draw(grid, cells, folder) if figures else []
    paths = [*tables.write(report, cells, compared, folder, [path for path in drawn if path.suffix == ".svg"]), *drawn]
    paths += [folder / "provenance.md", folder / "table.txt"]
    write_atomic(folder / "provenance.md", origins.page(grid, plan, records).encode())
    text = terminal.render(report, paths)
    write_atomic(folder / "table.txt", text.encode())
    print(text)
    return paths


def measured(grid: Grid, plan: Plan) -> tuple[pd.DataFrame, dict[str, Source], str]:
    """The plan's frame from MLflow, checked against the records; from the records if the store is out of reach.

    Returns it with the records by run id and a sentence that says where the values come from.
    """
    from bench import measurements, tracking

    try:
        collected = tracking.collect(grid, plan)
        print(collected.describe())
        table = tracking.read(grid, plan, collected.problems)
    except tracking.StoreError as error:
        print(f"WARNING: {error}. The tables are built from the records instead.", file=sys.stderr)
        records, problems = measurements.read_records(plan, Path(grid.results))
        sentence = "Values straight from the records: the tracking store was out of reach."
        return measurements.from_records(plan, records, problems), records, sentence
    tracking.check(table, measurements.from_records(plan, collected.records, collected.problems))
    return table, collected.records, "Values from MLflow, equal to the records."


def main(words: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 2 for a wrong grid, 1 if ``--only collect`` finds no store."""
    parser = argparse.ArgumentParser(prog="reprune report", description=__doc__)
    parser.add_argument("config", help="the grid's file")
    parser.add_argument("changes", nargs="*", metavar="FIELD=VALUE", help="fields of the grid to change")
    parser.add_argument("--only", choices=("collect", "table"), help="a part: the tracking store, or all but the plots")
    options = parser.parse_intermixed_args(words)
    try:
        return _run(options.config, options.changes, options.only)
    except UserError as error:
        print(f"reprune: {error}", file=sys.stderr)
        return 2


def _run(config: str, words: list[str], only: str | None) -> int:
    from bench.grid import expand, load
    from bench.workflow import changes

    grid = load(config, changes(words))
    plan = expand(grid)
    if only != "collect":
        build(grid, plan, figures=only is None)
        return 0
    from bench import tracking

    try:
        print(tracking.collect(grid, plan).describe())
    except tracking.StoreError as error:
        print(f"reprune: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
