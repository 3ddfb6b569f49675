"""Files of runs and stages from one folder of results into another: whole or not at all, the record last.

The source may be anybody's: only regular files are read, and no link is followed (`bench.base.regular`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from bench import latency
from bench.base import regular
from bench.base.atomic import write_atomic
from bench.errors import UserError, printable
from bench.plan.lineage import identities
from bench.results import find
from bench.results.record import Record

FINISHED = "final.pt"
"""What a stage has that is finished; what is not is trained anew."""

SNAPSHOTS = "snapshot-*.pt"

LOG = "log.txt"

TAKEN = {"record.json", latency.FILE, LOG, "lock"}
"""Names in a run's folder that no record may give to its weights or predictions."""


class Damaged(Exception):
    """A run that is not taken; the message is one sentence that says why."""


def read(path: Path, run: str, root: Path | None = None) -> Record:
    """The record of a run in the folder `root`. Raises `Damaged` if it is none, or that of another run."""
    try:
        record = find.read(path, root)
    except UserError as error:
        raise Damaged(str(error)) from None
    if not record.id == record.spec.id == run:
        raise Damaged(f"{path} is the record of another run, {printable(record.id)[:200]}.")
    return record


def take(record: Record, source: Path, folder: Path, root: Path, *, dry: bool, missing: bool = False) -> bool:
    """Copy a run: its files as far as there are any, and then its record, without which they mean nothing.

    Args:
        record: its record.
        source: the record's file.
        folder: where the run goes.
        root: the folder above the source that the user named.
        dry: whether nothing is written.
        missing: whether only files are copied that are missing beside the record in `folder`, and not the record.

    Returns whether anything was copied. Raises `Damaged` if weights are not those that the record names, or something
    is no regular file.
    """
    files = [each for each in _files(record, source) if not (missing and (folder / each[1]).exists())]
    for path, name, digest in [*files, *([] if missing else [(source, "record.json", "")])]:
        _copy(path, folder / name, root, dry, digest)
    return bool(files) or not missing


def stages_in(source: Path) -> Iterator[Path]:
    """The finished trainings of a folder of results; a kept folder has none."""
    for path in sorted((source / "stages").glob(f"*/{FINISHED}")):
        if re.fullmatch("[0-9a-f]{32}", path.parent.name):
            yield path.parent


def take_stage(source: Path, folder: Path, root: Path, *, dry: bool) -> None:
    """Copy a finished training and its snapshots. Whether they are whole is looked at when they are used."""
    for path in [*sorted(source.glob(SNAPSHOTS)), source / FINISHED]:
        _copy(path, folder / path.name, root, dry)


def stages_of(record: Record) -> set[str]:
    """The names of the folders in which a run's stages lie, as far as today's code has them."""
    try:
        return {identity[:32] for identity in identities(record.spec).values()}
    except UserError:
        return set()


def _files(record: Record, source: Path) -> list[tuple[Path, str, str]]:
    """A run's files that are there, each with the name that it gets, and the recorded checksum or an empty text."""
    named = {name: "" for each in record.results for name in (each.predictions, each.extras) if name is not None}
    named |= {each.weights: each.weights_sha256 for each in record.results}
    for name in named:
        if Path(name).name != name:
            raise Damaged(f"{source} names a file outside of its run, {printable(name)[:200]}.")
        if name in TAKEN:
            raise Damaged(f"{source} gives its weights or predictions the name {name}, which another file has.")
    kept = source.name != "record.json"  # in a folder of records, which has no other files of theirs but this one
    beside = [] if kept else [(source.parent / name, name, digest) for name, digest in (named | {LOG: ""}).items()]
    return [each for each in [*beside, (latency.beside(source), latency.FILE, "")] if os.path.lexists(each[0])]


def _copy(source: Path, target: Path, root: Path, dry: bool, digest: str = "") -> None:
    """Write a file's content, with its date: the tracking store tells it as the time when a run ended."""
    try:
        content, status = regular.read_bytes(source, root), source.lstat()
    except OSError as error:
        raise Damaged(f"{source} cannot be read ({error.strerror}).") from None
    if digest and hashlib.sha256(content).hexdigest() != digest:
        raise Damaged(f"{source} is damaged: it has not the checksum that its record tells.")
    if not dry:
        write_atomic(target, content)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
