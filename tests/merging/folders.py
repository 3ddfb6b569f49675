"""Folders of results that need no training, and what lies in them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from bench.results.record import Record, Result
from tests import factories


def files(folder: Path) -> dict[str, bytes]:
    """The content of all files by path, locks aside."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def results(folder: Path, *records: Record, weights: bytes = b"weights") -> Path:
    """A folder of results with a file of weights, predictions and a log for each run."""
    for record in records:
        sealed = [each.model_copy(update={"weights_sha256": _sha256(weights)}) for each in record.results]
        path = factories.write(record.model_copy(update={"results": sealed}), folder)
        for each in sealed:
            (path.parent / each.weights).write_bytes(weights)
            (path.parent / each.predictions).write_bytes(b"predictions")
        (path.parent / "log.txt").write_text("log")
    return folder


def run(seed: int = 0, accuracy: float = 91.0, **changes: Any) -> Record:
    """A record of GMP at 90 %."""
    return factories.record(factories.spec(seed=seed), accuracy, **changes)


def failed(seed: int = 0, reason: str = "ValueError: no") -> Record:
    """A record of a run that ended in an error."""
    return run(seed, outcome="error", reason=reason, results=[], curves=[])


def with_result(record: Record, **changes: Any) -> Record:
    """The record with something else measured."""
    measured: list[Result] = [each.model_copy(update=changes) for each in record.results]
    return record.model_copy(update={"results": measured})


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
