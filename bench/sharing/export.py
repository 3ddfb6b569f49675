"""``reprune export``: a finished grid as a research object, in a folder or a zip file.

What comes out is a kept folder (`bench.report.kept`), so its tables can be made again, with the code that made it, the
environments of its runs, and metadata that say what all of it is (`bench.sharing.crate`).
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from bench import latency, report
from bench.base import regular
from bench.base.atomic import unfinished
from bench.base.disk import writing
from bench.errors import UserError
from bench.identity import file_digest
from bench.plan.grid import Grid
from bench.report import churn, kept
from bench.report.kept import Kept
from bench.results import measurements
from bench.results.provenance import ROOT
from bench.sharing import checkout, crate

WEIGHTS = "weights"

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every file in a zip file, so that the same crate gives the same bytes."""


def export(source: Path, grid: Grid | None, output: Path, *, weights: bool, today: date) -> str:
    """Write a finished grid, or a kept folder, as an RO-Crate; says in one sentence what it is.

    Args:
        source: a kept folder, or the file of the grid.
        grid: the grid, if `source` is a file.
        output: a folder or a .zip, which must not be there yet.
        weights: whether the networks go in, too.
        today: the date of publication.

    Raises:
        UserError: if runs are missing, the output is there, or something in it tells where it was made.
    """
    if output.exists() or output.is_symlink():
        raise UserError(f"{output} is there already; remove it, or name another one.")
    if weights and grid is None:
        raise UserError(f"--weights is for grids; a kept folder ({source}) has no weights.")
    with _staged(output) as folder:
        found = _collected(source, grid, folder)
        if weights and grid is not None:
            _add_weights(Path(grid.results), found, folder / WEIGHTS)
        _add_reports(found, folder)
        checkout.copy(found.plan, folder / crate.WORKFLOW)
        crate.describe(found, folder, today)
        _check_private(folder, grid)
        _publish(folder, output)
    files = [output] if output.is_file() else [path for path in output.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 2**20
    return f"{output}: {len(found.records)} runs as an RO-Crate of {size:.1f} MiB; its README.md says what is where."


@contextmanager
def _staged(output: Path) -> Iterator[Path]:
    """A temporary folder on the disk of the output, which is gone afterwards unless it was renamed."""
    folder = unfinished(output.absolute())
    with writing(output):
        folder.mkdir(parents=True)
    try:
        with writing(output):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _collected(source: Path, grid: Grid | None, folder: Path) -> Kept:
    """Grid, records and measurements in a new kept folder. Raises `UserError` if some of the runs have no record."""
    if grid is not None:
        kept.keep(grid, folder)
    else:
        _copy_kept(source, folder)
    found = kept.read(folder)
    missing = [spec.id for spec in found.plan.runs if spec.id not in found.records]
    if missing:
        raise UserError(
            f"{source}: {len(missing)} of {len(found.plan.runs)} runs have no record yet, first {missing[0]}; "
            "finish the grid, and then export it."
        )
    return found


def _copy_kept(source: Path, folder: Path) -> None:
    """What `kept.read` reads, each record under its run's name."""
    pairs = [(source / kept.GRID, kept.GRID), (source / churn.FILE, churn.FILE)]
    for name, each in kept.read(source).records.items():
        pairs += [
            (each.path, f"{kept.RECORDS}/{name}.json"),
            (latency.beside(each.path), f"{latency.KEPT}/{name}.json"),
        ]
    for path, name in pairs:
        _copy(path, folder / name, source)


def _copy(path: Path, target: Path, root: Path) -> bool:
    """Copy a regular file, below a folder that the user named; returns whether it is there. Raises `UserError`."""
    try:
        with regular.opened(path, root) as file:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as copy:
                shutil.copyfileobj(file, copy)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(f"{path}: cannot be copied ({error.strerror}).") from None
    return True


def _add_weights(results: Path, found: Kept, folder: Path) -> None:
    """Copy the networks of all runs, each checked against its record."""
    for name, source in found.records.items():
        for result in source.record.results:
            for file in filter(None, (result.weights, result.extras)):
                path = results / "runs" / name / Path(file).name
                if not _copy(path, folder / name / path.name, results):
                    raise UserError(f"run {name}: its weights {path} are not there any more; export without --weights.")
            copied = folder / name / Path(result.weights).name
            if (digest := file_digest(copied)) != result.weights_sha256:
                raise UserError(
                    f"run {name}: {copied.name} has the checksum {digest[:12]}…, not the recorded "
                    f"{result.weights_sha256[:12]}….",
                )


def _add_reports(found: Kept, folder: Path) -> None:
    """Tables, figures and pages, made of the records that are in the crate."""
    table = measurements.from_records(found.plan, found.records, {})
    measured = report.Measured(table, found.records, found.source)
    report.write(found.grid, found.plan, measured, folder)


def _check_private(folder: Path, grid: Grid | None) -> None:
    """Raise `UserError` if a file names a folder of this machine, as the reason of an error may do."""
    own = [Path.home(), Path.cwd(), ROOT, *([Path(grid.results).absolute()] if grid else [])]
    places = {f"{place}/".encode() for place in own if len(place.parts) > 1}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).parts[0] != WEIGHTS:
            content = path.read_bytes()
            for place in places:
                if place in content:
                    raise UserError(
                        f"{path.relative_to(folder)} names the folder {place.decode()} of this machine; what is shared "
                        "should not (of a run that ended in an error, `reprune retry` clears the record)."
                    )


def _publish(folder: Path, output: Path) -> None:
    """Give the finished crate its name."""
    if output.suffix != ".zip":
        folder.rename(output)
        return
    packed = folder.with_name(f"{folder.name}.zip")
    try:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                # Folders are entries of their own: readers look for those that the metadata describe.
                inside = path.relative_to(folder).as_posix()
                entry = zipfile.ZipInfo(f"{inside}/" if path.is_dir() else inside, EPOCH)
                entry.external_attr = (0o755 if path.is_dir() else 0o644) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, b"" if path.is_dir() else path.read_bytes())
        packed.rename(output)
    finally:
        packed.unlink(missing_ok=True)
