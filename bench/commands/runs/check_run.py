"""Whether the files of a run, and of a stage, are those that its record tells of. Nothing is trained or evaluated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bench.base import regular
from bench.base.schema import explain
from bench.commands.runs import check_asked, check_counts, check_predictions, networks
from bench.commands.runs.check_predictions import Labels
from bench.commands.runs.finding import Finding
from bench.errors import UserError
from bench.identity import file_digest
from bench.plan.grid import Plan
from bench.plan.lineage import identities
from bench.results import record, seal
from bench.results.record import Record, Result

if TYPE_CHECKING:
    from bench.commands.runs.check_states import States

STAGE_FILES = ("final.pt", "checkpoint.pt", "snapshot-*.pt", "rewinding-*.pt")

NO_WEIGHTS = "has no weights beside it, so that their counts were not computed again"
NO_PREDICTIONS = "has no predictions beside it, so that accuracy and loss were not computed again"


def run(path: Path, root: Path, labels: Labels, states: States) -> list[Finding]:
    """What is wrong with a record, with the files beside it, and with the states that its stages began from.

    Args:
        path: of the record.
        root: the folder that the user named, below which it lies.
        labels: of the test images.
        states: those that lie there, and what other records tell of them.
    """
    try:
        found = record.read(path, root)
    except ValidationError as error:
        return [Finding(path, explain(error, "the record", Record))]
    except OSError as error:
        return [Finding(path, f"cannot be read ({error.strerror})")]
    files = _files(found, path, root, labels)
    counts = check_counts.findings(found, path)
    return [*check_asked.findings(found, path), *counts, *files, *states.findings(found, path)]


def _files(found: Record, path: Path, root: Path, labels: Labels) -> Iterator[Finding]:
    if path.name != "record.json":
        return
    for result in found.results:
        if outside := next((name for name in result.files if Path(name).name != name), None):
            yield Finding(path, f"it names the file '{outside}', which is not one of its folder")
            return
        if (path.parent / result.weights).exists():
            yield from _weights(found, result, path.parent / result.weights, root)
        else:
            yield Finding(path, NO_WEIGHTS, harmless=True)
        if result.extras and not regular.is_there(path.parent / result.extras, root):
            yield Finding(path.parent / result.extras, "is not there")
        predictions = path.parent / result.predictions
        if predictions.exists() or (path.parent / result.weights).exists():
            yield from check_predictions.findings(found, result, predictions, root, labels)
        else:
            yield Finding(path, NO_PREDICTIONS, harmless=True)


def _weights(found: Record, result: Result, path: Path, root: Path) -> Iterator[Finding]:
    if not regular.is_there(path, root):
        yield Finding(path, "is no regular file, and links are not followed")
        return
    if (digest := file_digest(path)) != result.weights_sha256:
        yield Finding(path, f"its SHA-256 is {digest[:12]}…, and {result.weights_sha256[:12]}… was recorded")
        return
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {}).get("reprune", "{}"))
            kept = {name: int((file.get_tensor(name) != 0).sum()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        yield Finding(path, f"cannot be read as the weights that were recorded ({error})")
        return
    if isinstance(facts, dict) and facts.get("run", found.id) != found.id:
        yield Finding(path, f"it holds the network of '{facts['run']}'")
    for layer in result.layers:
        if layer.prunable and kept.get(layer.name) != layer.kept:
            counted = f"{kept.get(layer.name, 0):,} weights that are not 0, and {layer.kept:,} recorded"
            yield Finding(path, f"'{layer.name}' has {counted}")
    yield from _parameters(found, result, path, kept)


def _parameters(found: Record, result: Result, path: Path, kept: dict[str, int]) -> Iterator[Finding]:
    """Of all parameters; which of the tensors are such, and not buffers, the network says."""
    try:
        network = networks.of(found.spec.architecture, found.spec.dataset)
    except UserError:
        return
    if network is None:  # `check_counts` says so
        return
    if missing := network.parameters.keys() - kept.keys():
        yield Finding(path, f"it has no '{min(missing)}', which its network has")
        return
    counted = sum(kept[name] for name in network.parameters)
    if counted != result.counts.parameters_kept:
        recorded = result.counts.parameters_kept
        yield Finding(path, f"it has {counted:,} parameters that are not 0, and {recorded:,} were recorded")


def stages_of(plan: Plan, results: Path) -> set[Path]:
    """The folders of the stages that a plan's runs need, those that are there."""
    folders = {results / "stages" / each[:32] for spec in plan.runs for each in identities(spec).values()}
    return {path for path in folders if path.is_dir()}


def stage(folder: Path, root: Path) -> list[Finding]:
    """What is wrong with the files of a stage: each holds its own checksum, and says which stage it belongs to."""
    found = []
    for pattern in STAGE_FILES:
        for path in sorted([*folder.glob(pattern), *folder.glob(f"{pattern}.previous")]):
            try:
                head, _, body = regular.read_bytes(path, root).partition(b"\n")
            except FileNotFoundError:  # a job that is at work has just replaced or removed it
                continue
            except OSError as error:
                found.append(Finding(path, f"cannot be read ({error.strerror})"))
                continue
            if problem := seal.problem(head, body, folder.name):
                found.append(Finding(path, problem))
    return found
