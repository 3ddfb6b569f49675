"""How to get from a source's network files to its numbers: one module a source, named like its files.

A module defines ``measure(questions, material)``, and where a source has more work than a sitting ``part(question)``:

* `Measure`: numbers for questions that belong together, by cell and metric.
* `Divide`: the name of the part of the work that a question belongs to. Its parts are done one after the other, and one
  that is done is not done again. By default the questions about one file are a part.

A module's digest, with all that it imports from `bench.recompute`, names its results: changing it measures anew.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.identity import Package, digest, source_digest
from bench.recompute.metric import Metric
from bench.recompute.metrics import Measurement
from bench.recompute.question import Question

if TYPE_CHECKING:
    from bench.recompute.material import Material

ROOT = Path(__file__).parents[3]
ALONE = Package("", ())
"""Nothing: a file's digest is then that of itself."""

NAMES = ROOT / "bench" / "recompute" / "metric.py"
"""Names of metrics, which are in the identity of what they name."""

Answers = Mapping[str, Mapping[Metric, Measurement]]
"""By cell and metric."""

Measure = Callable[[Sequence[Question], "Material"], Answers]
Divide = Callable[[Question], str]


@dataclass(frozen=True)
class Code:
    """What a source's module defines, and its digest."""

    measure: Measure
    part: Divide
    sha256: str


def code(name: str) -> Code:
    """The code of a source. Raises `UserError` if there is none."""
    path = Path(__file__).parent / f"{name}.py"
    if not path.is_file():
        raise UserError(f"source '{name}' has no code: there is no {path}.")
    module = import_module(f"{__name__}.{name}")
    return Code(module.measure, getattr(module, "part", _by_file), digest_of(path))


def digest_of(path: Path) -> str:
    """SHA-256 of what a module and all that it imports from `bench.recompute` do, comments and docstrings left out."""
    digests: dict[str, str] = {}
    queue = [path]
    while queue:
        file = queue.pop()
        if (name := file.relative_to(ROOT).as_posix()) not in digests:
            digests[name] = source_digest(file, ALONE)
            queue += _imported(file)
    return digest(digests)


def _imported(path: Path) -> list[Path]:
    """The files of `bench.recompute` that a file imports, but for `NAMES`."""
    nodes = ast.walk(ast.parse(path.read_bytes()))
    modules = [
        module
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench.recompute")
        for module in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    ]
    files = [ROOT / f"{str(module).replace('.', '/')}.py" for module in modules]
    return [file for file in files if file.is_file() and file != NAMES]


def _by_file(question: Question) -> str:
    return question.file
