"""Files of runs and stages from one folder of results into another: whole or not at all, the record last.

The source may be anybody's: only regular files are read, and no link is followed (`bench.base.regular`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bench import latency
from bench.base import regular
from bench.base.atomic import write_atomic
from bench.errors import UserError, printable
from bench.plan.lineage import identities
from bench.results import find
from bench.results.record import Record

FINISHED = "final.pt"
"""What a stage has that is finished; what is not is trained anew."""

LOG = "log.txt"

TAKEN = {"record.json", latency.FILE, LOG, "lock"}
"""Names in a run's folder that no record may give to its weights or predictions."""


class File(NamedTuple):
    """A file to be copied, the name that it gets, and its recorded checksum, if there is one."""

    path: Path
    name: str
    sha256: str = ""


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


def stages_in(source: Path) -> list[Path]:
    """The finished trainings of a folder of results; a kept folder has none."""
    found = (path.parent for path in sorted((source / "stages").glob(f"*/{FINISHED}")))
    return [stage for stage in found if re.fullmatch("[0-9a-f]{32}", stage.name)]


def of_stage(stage: Path) -> list[File]:
    """A finished training and its snapshots. Whether they are whole is looked at when they are used."""
    return [File(path, path.name) for path in [*sorted(stage.glob("snapshot-*.pt")), stage / FINISHED]]


def stages_of(record: Record) -> set[str]:
    """The names of the folders in which a run's stages lie, as far as today's code has them."""
    try:
        return {identity[:32] for identity in identities(record.spec).values()}
    except UserError:
        return set()


def of_run(record: Record, source: Path) -> list[File]:
    """A run's files that are there, all but its record; `source` is the record's. Raises `Damaged`."""
    named = {name: "" for each in record.results for name in (each.predictions, each.extras) if name is not None}
    named |= {each.weights: each.weights_sha256 for each in record.results}
    for name in named:
        if Path(name).name != name:
            raise Damaged(f"{source} names a file outside of its run, {printable(name)[:200]}.")
        if name in TAKEN:
            raise Damaged(f"{source} gives its weights or predictions the name {name}, which another file has.")
    kept = source.name != "record.json"  # in a folder of records, which has no other files of theirs but this one
    beside = [] if kept else [File(source.parent / name, name, digest) for name, digest in (named | {LOG: ""}).items()]
    return [each for each in [*beside, File(latency.beside(source), latency.FILE)] if os.path.lexists(each.path)]


def copy(files: Iterable[File], folder: Path, root: Path, *, dry: bool) -> None:
    """Write the content of files to a folder, with their dates: the tracking store tells when a run ended by them.

    Args:
        files: the record last, without which the others mean nothing.
        folder: where they go.
        root: the folder above them that the user named.
        dry: whether nothing is written.

    Raises `Damaged` if weights are not those that the record names, or something is no regular file.
    """
    for path, name, digest in files:
        try:
            content, status = regular.read_bytes(path, root), path.lstat()
        except OSError as error:
            raise Damaged(f"{path} cannot be read ({error.strerror}).") from None
        if digest and hashlib.sha256(content).hexdigest() != digest:
            raise Damaged(f"{path} is damaged: it has not the checksum that its record tells.")
        if not dry:
            write_atomic(folder / name, content)
            os.utime(folder / name, ns=(status.st_atime_ns, status.st_mtime_ns))
