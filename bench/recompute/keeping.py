"""A folder to be committed: the records of a source, and the tables that follow from them and from what is printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.base.atomic import write_text
from bench.recompute import tables
from bench.recompute.cells import NETWORKS, Source, load
from bench.recompute.records import Record, read_all

RECORDS, TABLE, CELLS = "records", "table.md", "cells.csv"


def keep(source: Source, measured: Sequence[Record], folder: Path) -> None:
    """Write the records of a source and its tables; records of parts that are no more are removed."""
    for path in (folder / RECORDS).glob("*.json"):
        path.unlink()
    for record in measured:
        record.write(folder / RECORDS)
    for name, text in rebuilt(source, measured).items():
        write_text(folder / name, text)


def rebuilt(source: Source, measured: Sequence[Record]) -> dict[str, str]:
    """The tables of a source by the names of their files."""
    lines = tables.lines(source, measured)
    return {TABLE: tables.markdown(source, lines, measured), CELLS: tables.as_csv(lines)}


def from_records(folder: Path, networks: Path = NETWORKS) -> dict[str, str]:
    """What the tables of a kept folder, named like its source, have to be: from its records and the CSV alone."""
    return rebuilt(load(folder.name, networks), read_all(folder / RECORDS))
