"""What a finished part of a source leaves behind: one JSON file, from which the verdicts follow without computing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.base.atomic import write_text
from bench.base.schema import read_json
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.results.record import Amount, Count, Part

FORMAT = 1


class Number(Part):
    """A `Measurement`, written down."""

    value: float
    near_ties: Count | None = None
    reach: Amount = 0.0


class Record(Part):
    """One part of a source: cells that were measured together.

    Attributes:
        part: its name, which is the file's.
        identity: of what determined the numbers; see `bench.recompute.work`.
        files: SHA-256 of the network files by key.
        data: fingerprints of the data sets by name.
        questions: the procedure of each cell, as it was asked.
        numbers: by cell and metric.
        environment: versions, processor and commit.
    """

    format: int = FORMAT
    source: str
    part: str
    identity: str
    files: dict[str, str]
    data: dict[str, str]
    code_sha256: str
    questions: dict[str, str]
    numbers: dict[str, dict[Metric, Number]]
    seconds: Amount
    environment: dict[str, Any]

    def measurements(self, cell: str) -> dict[Metric, Measurement]:
        """What was measured for a cell."""
        return {metric: Measurement(**number.model_dump()) for metric, number in self.numbers[cell].items()}

    def write(self, folder: Path) -> Path:
        """Write it to a folder, atomically."""
        path = folder / f"{self.part}.json"
        write_text(path, self.model_dump_json(indent=1) + "\n")
        return path


def read(path: Path) -> Record:
    """Read a record. Raises `UserError` naming the file and what is wrong with it."""
    return read_json(Record, path, path.parents[1])


def read_all(folder: Path) -> list[Record]:
    """Every record of a folder, by name."""
    return [read(path) for path in sorted(folder.glob("*.json"))]
