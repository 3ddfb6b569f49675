"""The run whose networks are measured, looked up before torch is imported."""

from __future__ import annotations

from pathlib import Path

from bench.errors import UserError
from bench.results import find
from bench.results.record import Record
from bench.training import recorded


def subject(run: str, results: Path) -> tuple[Path, Record]:
    """The folder and the record of a run.

    Args:
        run: a run's id, a unique beginning of it, or a run's folder.
        results: the folder of results.

    Raises:
        UserError: if there is none, it left no network, or a network is not the recorded one or needs more than its
            weights.
    """
    folder = find.folder(run, results)
    record = find.read(folder / "record.json")
    if not record.results:
        raise UserError(f"run {record.id} ended as '{record.outcome}' and left no network.")
    for result in record.results:
        recorded.weights_file(folder, record, result)
    return folder, record
