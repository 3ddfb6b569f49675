"""Whether the files of a run, and of a stage, are those that its record tells of. Nothing is trained or evaluated."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench import record, seal
from bench.data.images import file_of
from bench.errors import UserError
from bench.grid import Plan
from bench.identity import file_digest
from bench.lineage import identify, identities
from bench.record import Record, Result
from bench.schema import explain
from bench.spec import RunSpec

if TYPE_CHECKING:
    from bench.runs.check_states import States

STAGE_FILES = ("final.pt", "checkpoint.pt", "snapshot-*.pt", "rewinding-*.pt")

CHANGED = "the code or the data set has changed since: the run has another identity today"
NO_WEIGHTS = "has no weights beside it, so that only the record itself was looked at"
NO_LABELS = "its predictions were not compared with the labels, for the data set is not prepared"


@dataclass(frozen=True)
class Finding:
    """One line of what was found at a path; `harmless` if it is no problem."""

    path: Path
    said: str
    harmless: bool = False


class Labels:
    """The labels of the test images of prepared data sets, read once each.

    Args:
        folder: of prepared data sets.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.of = cache(self._read)

    def _read(self, dataset: str) -> Any:
        """An array of int64; None if the data set is not prepared, or can't be read."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(file_of(dataset, self.folder), framework="numpy") as file:
                return file.get_tensor("test_y")
        except (OSError, SafetensorError):
            return None


def run(path: Path, labels: Labels, states: States) -> list[Finding]:
    """What is wrong with a record, with the files beside it, and with the states that its stages began from."""
    try:
        found = record.read(path)
    except ValidationError as error:
        return [Finding(path, explain(error, "the record", Record))]
    except OSError as error:
        return [Finding(path, f"cannot be read ({error.strerror})")]
    files = _files(found, path, labels)
    return [*_names(found, path), *_identity(found, path), *files, *states.findings(found, path)]


def _names(found: Record, path: Path) -> Iterator[Finding]:
    folder = path.parent.name if path.name == "record.json" else path.stem
    if found.id != found.spec.id:
        yield Finding(path, f"its id is '{found.id}', and what was asked is called '{found.spec.id}'")
    elif folder != found.id:
        yield Finding(path, f"it is the record of '{found.id}', and lies under another name")
    points = [result.point for result in found.results]
    if found.outcome == "ok" and set(points) != set(found.spec.points or (None,)):
        yield Finding(path, f"it is ok, and has results at {points} instead of {list(found.spec.points) or 'dense'}")


def _identity(found: Record, path: Path) -> Iterator[Finding]:
    """Of a record whose code has changed nothing can be said; else what it asked has to give its identity."""
    try:
        now = identify(found.spec).identity
    except UserError:
        now = ""
    if now != found.spec.identity:
        yield Finding(path, CHANGED, harmless=True)


def _files(found: Record, path: Path, labels: Labels) -> Iterator[Finding]:
    if path.name != "record.json":
        return
    for result in found.results:
        for name in (result.weights, result.predictions, result.extras):
            if name and Path(name).name != name:
                yield Finding(path, f"it names the file '{name}', which is not one of its folder")
                return
        if not (path.parent / result.weights).is_file():
            yield Finding(path, NO_WEIGHTS, harmless=True)
            continue
        yield from _weights(found, result, path.parent / result.weights)
        if result.extras and not (path.parent / result.extras).is_file():
            yield Finding(path.parent / result.extras, "is not there")
        yield from _predictions(result, path.parent / result.predictions, labels.of(found.spec.dataset))


def _weights(found: Record, result: Result, path: Path) -> Iterator[Finding]:
    if (digest := file_digest(path)) != result.weights_sha256:
        yield Finding(path, f"its SHA-256 is {digest[:12]}…, and {result.weights_sha256[:12]}… was recorded")
        return
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {}).get("reprune", "{}"))
            kept = {each.name: int((file.get_tensor(each.name) != 0).sum()) for each in result.layers if each.prunable}
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        yield Finding(path, f"cannot be read as the weights that were recorded ({error})")
        return
    if isinstance(facts, dict) and facts.get("run", found.id) != found.id:
        yield Finding(path, f"it holds the network of '{facts['run']}'")
    for layer in result.layers:
        if layer.prunable and kept[layer.name] != layer.kept:
            counted = f"{kept[layer.name]:,} weights that are not 0, and {layer.kept:,} recorded"
            yield Finding(path, f"'{layer.name}' has {counted}")


def _predictions(result: Result, path: Path, labels: Any) -> Iterator[Finding]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            predictions = file["predictions"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        yield Finding(path, "is not there" if isinstance(error, FileNotFoundError) else "cannot be read")
        return
    if predictions.shape != (result.test_images,):
        yield Finding(path, f"it is of {predictions.size:,} images, and {result.test_images:,} were recorded")
    elif labels is None:
        yield Finding(path.parent / "record.json", NO_LABELS, harmless=True)
    elif len(labels) != len(predictions):
        yield Finding(path, f"it is of {len(predictions):,} images, and the data set has {len(labels):,}")
    else:
        accuracy = 100 * int((predictions == labels).sum()) / len(labels)
        if abs(accuracy - result.accuracy) > 1e-9:
            yield Finding(path, f"its accuracy is {accuracy:.4f} %, and {result.accuracy:.4f} % was recorded")


def stages_of(plan: Plan, results: Path) -> set[Path]:
    """The folders of the stages that a plan's runs need, those that are there."""
    found = {results / "stages" / each[:32] for spec in plan.runs for each in _identities(spec)}
    return {path for path in found if path.is_dir()}


def _identities(spec: RunSpec) -> Iterable[str]:
    return identities(spec).values()


def stage(folder: Path) -> list[Finding]:
    """What is wrong with the files of a stage: each holds its own checksum, and says which stage it belongs to."""
    found = []
    for pattern in STAGE_FILES:
        for path in sorted([*folder.glob(pattern), *folder.glob(f"{pattern}.previous")]):
            try:
                head, _, body = path.read_bytes().partition(b"\n")
            except FileNotFoundError:  # a job that is at work has just replaced or removed it
                continue
            except OSError as error:
                found.append(Finding(path, f"cannot be read ({error.strerror})"))
                continue
            if problem := seal.problem(head, body, folder.name):
                found.append(Finding(path, problem))
    return found
