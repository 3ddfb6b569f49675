"""A source that needs nothing: files of a few bytes, and the printed numbers of a test's own."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.identity import file_digest
from bench.recompute import cells, work
from bench.recompute.material import Material
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.recompute.question import Question
from bench.recompute.sources import Answers, Code

COLUMNS = ("id", "table", "file", "names_file", "procedure", "metrics", "printed", "source", "verified", "note")


class Synthetic:
    """A source called ``made_up`` below `root`, whose code is `measure`: the size of the file, times a factor.

    Attributes:
        measured: the parts that were measured, in order.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.networks, self.data, self.results = root / "networks", root / "data", root / "results"
        self.measured: list[list[str]] = []
        self.near_ties = 0
        self.version = "one"
        for key, size in (("small", 3), ("large", 50)):
            path = self.file(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * size)
        self.describe()
        self.print_cells(("small", "size", "3"), ("double", "size[times=2]", "6"), ("large", "size", "50", "large"))
        monkeypatch.setattr(work, "code", lambda name: Code(self.measure, lambda each: each.file, self.version))

    def file(self, key: str) -> Path:
        """Where a network file lies."""
        return self.data / "checkpoints" / "made-up" / f"{key}.bin"

    def describe(self, **changes: object) -> None:
        """Write the YAML; `changes` are fields of all files' facts."""
        lines = ["paper: Somebody 2020, Something", "repository: somebody/something@0123456"]
        lines += [f"{name}: {value}" for name, value in ({"licence": "MIT"} | changes).items()]
        lines += ["files:"]
        for key in ("small", "large"):
            lines += [
                f"  {key}:",
                f"    path: checkpoints/made-up/{key}.bin",
                f"    sha256: {file_digest(self.file(key))}",
            ]
            lines += [f"    origin: models/{key}.bin", "    dataset: digits"]
        self.networks.mkdir(exist_ok=True)
        (self.networks / "made_up.yaml").write_text("\n".join(lines) + "\n")

    def print_cells(self, *printed: tuple[str, ...]) -> None:
        """Write the CSV: id, procedure, printed number, and the file if it is not the small one."""
        with (self.networks / "made_up.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            for name, procedure, number, *file in printed:
                key = file[0] if file else "small"
                writer.writerow([name, "table 1", key, "yes", procedure, "parameters", number, "page 1", "primary", ""])

    def load(self) -> cells.Source:
        """The source as it stands."""
        return cells.load("made_up", self.networks)

    def run(self) -> list[work.Record]:
        """Measure what is not measured yet."""
        return work.run(self.load(), self.results, self.data, say=lambda text: None)[0]

    def measure(self, questions: Sequence[Question], material: Material) -> Answers:
        """The source's code."""
        self.measured.append([question.cell for question in questions])
        return {question.cell: {Metric.PARAMETERS: self._size(question, material)} for question in questions}

    def _size(self, question: Question, material: Material) -> Measurement:
        size = len(material.files[question.file].read_bytes()) * question.arguments.get("times", 1)
        return Measurement(float(size), self.near_ties or None, float(self.near_ties))
