"""``reprune recompute``: which networks of authors there are, and what their numbers come out as here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.base.printing import emit
from bench.published.outcomes import Outcome
from bench.recompute import tables
from bench.recompute.cells import Source
from bench.recompute.files import find
from bench.recompute.keeping import keep
from bench.recompute.tables import Line
from bench.recompute.work import run


def show(sources: Sequence[Source], data_dir: Path | None, as_json: bool) -> None:
    """Print the sources with their files, those that are there and those that are not."""
    listed = [_described(source, data_dir) for source in sources]
    if as_json:
        emit(listed)
        return
    table = Table("Source", "Paper", "Cells", "Files", "Missing", "Licence", box=None, pad_edge=False)
    for each in listed:
        count = [str(each["cells"]), str(each["files"]), str(len(each["missing"]))]
        table.add_row(each["source"], each["paper"], *count, each["licence"])
    emit(table)
    for each in listed:
        for sentence in each["missing"].values():
            print(f"{each['source']}: {sentence}")


def carry_out(
    sources: Sequence[Source], results: Path, data_dir: Path | None, output: Path | None, as_json: bool
) -> int:
    """Measure what can be, print and keep the verdicts; 1 if files are missing of networks not measured yet."""
    measured: list[dict[str, Any]] = []
    complete = True
    for source in sources:
        records, files = run(source, results, data_dir, say=lambda text: print(text, file=sys.stderr))
        lines = tables.lines(source, records)
        unanswered = {line.cell.file for line in lines if not line.ours}
        for key, sentence in files.missing.items():
            if key in unanswered:
                complete = False
                print(f"{source.name}: {sentence}", file=sys.stderr)
        if output and records:
            keep(source, records, output / source.name)
        if as_json:
            measured += tables.as_json(source, lines)
        else:
            _print(source, lines)
    if as_json:
        emit(measured)
    return int(not complete)


def _described(source: Source, data_dir: Path | None) -> dict[str, Any]:
    facts = source.facts
    return {
        "source": source.name,
        "paper": facts.paper,
        "repository": facts.repository,
        "licence": facts.licence,
        "cells": len(source.cells),
        "files": len(facts.files),
        "missing": find(facts, data_dir).missing,
    }


def _print(source: Source, lines: Sequence[Line]) -> None:
    """The counts of each table, and every cell that is not equal to the digit."""
    print(f"{source.name}: {source.facts.paper}")
    for name, counted in tables.counts(lines).items():
        print(f"  {name}, {tables.spelled(counted)}")
    for metric, shown in tables.aside(source, lines).items():
        print(f"  {metric} (no part of a verdict), {tables.spelled(shown)}")
    others = [line for line in lines if line.verdict.outcome is not Outcome.EQUAL]
    if others:
        table = Table("", "Cell", "Printed", "Ours", "Verdict", box=None, pad_edge=False)
        for line in others:
            table.add_row("", line.cell.id, ", ".join(line.cell.printed), ", ".join(line.values), str(line.verdict))
        emit(table)
