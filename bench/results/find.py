"""Which run is meant: an id, a unique beginning of one, its folder, or its record; also in kept folders."""

from __future__ import annotations

from pathlib import Path

from bench.base.schema import read_json
from bench.errors import UserError
from bench.results.record import Record

KEPT = Path("reports/reproductions")
"""Where kept folders lie that are looked into when the folder of results has no such run."""


def folder(run: str, results: Path) -> Path:
    """The folder of the run that is meant, where its weights are. Raises `UserError` if it is none or several."""
    if (Path(run) / "record.json").is_file():
        return Path(run)
    return _only(run, _in_results(results), f"in {results / 'runs'}").parent


def find(run: str, results: Path, kept: Path = KEPT) -> Path:
    """The record of the run that is meant; `folder` says where its weights are, if it has any.

    Args:
        run: an id, a unique beginning of one, a run's folder, or the file of a record.
        results: a folder of results, or a kept folder.
        kept: a folder of kept folders, which are looked into when `results` has no such run.

    Raises `UserError` if it is none or several.
    """
    path = Path(run)
    if path.suffix == ".json" and path.is_file():
        return path
    if (path / "record.json").is_file():
        return path / "record.json"
    here = _in_results(results) | _in_kept(results)
    if any(name.startswith(run) for name in here):
        return _only(run, here, f"in {results}")
    everywhere = {name: path for each in sorted(kept.glob("*"), reverse=True) for name, path in _in_kept(each).items()}
    return _only(run, everywhere, f"in {results / 'runs'} or kept in {kept}")


def read(path: Path, root: Path | None = None) -> Record:
    """The record in a file; `root` is as in `record.read`. Raises `UserError` if it can't be read."""
    return read_json(Record, path, root)


def all_in(results: Path) -> dict[str, Path]:
    """The records of a folder of results, or of a kept folder, by their runs' names and in the order of these."""
    return dict(sorted((_in_results(results) | _in_kept(results)).items()))


def _in_results(results: Path) -> dict[str, Path]:
    return {path.parent.name: path for path in (results / "runs").glob("*/record.json")}


def _in_kept(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in (folder / "records").glob("*.json")}


def _only(run: str, known: dict[str, Path], where: str) -> Path:
    fitting = [run] if run in known else sorted(name for name in known if name.startswith(run))
    if not fitting:
        raise UserError(f"no finished run {where} is called '{run}' or begins so.")
    if len(fitting) > 1:
        more = f" and {len(fitting) - 2} more" if len(fitting) > 2 else ""
        raise UserError(f"'{run}' is the beginning of {len(fitting)} runs: {fitting[0]}, {fitting[1]}{more}.")
    return known[fitting[0]]
