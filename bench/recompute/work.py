"""Measuring a source part by part: what is finished is kept and found again, what cannot be done is said."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import data
from bench.base import packages
from bench.base.determinism import cpu_capability
from bench.base.grouping import grouped
from bench.errors import UserError
from bench.identity import digest
from bench.recompute import records
from bench.recompute.cells import NetworkFile, Source
from bench.recompute.files import Found, find
from bench.recompute.material import Material
from bench.recompute.question import Question
from bench.recompute.records import Number, Record
from bench.recompute.sources import Answers, Code, code
from bench.results import provenance

THREADS = 1
"""Of torch, so that sums come in the same order on every machine of a kind."""


@dataclass(frozen=True)
class Task:
    """A part of a source's work: its name, which is that of its record, and what is asked in it."""

    source: Source
    name: str
    questions: tuple[Question, ...]
    code: Code

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of the files it needs, by key."""
        return {key: file.sha256 for key, file in self._files().items()}

    @property
    def datasets(self) -> dict[str, str]:
        """Fingerprints of the data sets that it is evaluated on, by name."""
        return {name: data.info(name).sha256 for name in sorted({file.dataset for file in self._files().values()})}

    @cached_property
    def identity(self) -> str:
        """Of all that determines its numbers: procedures, files, data, code."""
        asked = [[each.cell, each.file, each.procedure, each.arguments, list(each.metrics)] for each in self.questions]
        return digest([records.FORMAT, asked, self.files, self.datasets, self.code.sha256])

    def _files(self) -> dict[str, NetworkFile]:
        wanted = sorted({question.file for question in self.questions})
        return {key: self.source.facts.files[key] for key in wanted}


def tasks(source: Source) -> list[Task]:
    """The parts of a source, in the order of its cells."""
    of_source = code(source.name)
    parts = grouped((of_source.part(cell.question), cell.question) for cell in source.cells)
    return [Task(source, name, tuple(questions), of_source) for name, questions in parts.items()]


def finished(task: Task, folder: Path) -> Record | None:
    """The record of a part if it is there and belongs to today's procedures, files, data and code."""
    path = folder / f"{task.name}.json"
    if not path.is_file():
        return None
    record = records.read(path)
    return record if record.identity == task.identity else None


def measure(task: Task, material: Material) -> Record:
    """Do a part. Raises `UserError` where the data set is not there."""
    import torch

    torch.set_num_threads(THREADS)
    began = time.perf_counter()
    answers = task.code.measure(task.questions, material)
    _check(task, answers)
    return Record(
        source=task.source.name,
        part=task.name,
        identity=task.identity,
        files=task.files,
        data=task.datasets,
        code_sha256=task.code.sha256,
        questions={cell.id: cell.procedure for cell in task.source.cells if cell.id in answers},
        numbers={
            cell: {metric: Number(**asdict(ours)) for metric, ours in numbers.items()}
            for cell, numbers in answers.items()
        },
        seconds=round(time.perf_counter() - began, 2),
        environment=_environment(),
    )


def run(
    source: Source, results: Path, data_dir: Path | None = None, say: Callable[[str], None] = print
) -> tuple[list[Record], Found]:
    """Measure what is not measured yet and can be; returns all records, and which files are missing.

    Args:
        source: with its cells.
        results: the folder of results; records go to ``recomputed/<source>/`` below it, decoded data to ``data/``.
        data_dir: where network files and the originals of data sets lie.
        say: is told of each part before it begins.
    """
    files, folder = find(source.facts, data_dir), results / "recomputed" / source.name
    material = Material(files.files, results / "data", data_dir)
    return list(_records(tasks(source), files, folder, material, say)), files


def _records(
    todo: Sequence[Task], files: Found, folder: Path, material: Material, say: Callable[[str], None]
) -> Iterator[Record]:
    for number, task in enumerate(todo, 1):
        if record := finished(task, folder):
            yield record
        elif task.files.keys() <= files.files.keys():
            say(f"{task.source.name}: {task.name} ({number} of {len(todo)}, {len(task.questions)} cells)")
            record = measure(task, material)
            record.write(folder)
            yield record


def _check(task: Task, answers: Answers) -> None:
    """A source's code that forgets a number is wrong, and so is one that answers what nobody asked."""
    for question in task.questions:
        if set(answers.get(question.cell, ())) != set(question.metrics):
            raise UserError(
                f"source '{task.source.name}', cell '{question.cell}': its code does not measure exactly "
                f"{', '.join(question.metrics)}."
            )


def _environment() -> dict[str, Any]:
    return {
        "git": provenance.git(provenance.ROOT),
        "packages": packages.versions(),
        "python": platform.python_version(),
        "cpu": {"model": provenance.processor(), "capability": cpu_capability(), "cores": os.cpu_count()},
        "threads": THREADS,
    }
