"""In what two records differ: what was asked, where it was carried out, every number, and the bits of the networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.base.spelling import EXACT
from bench.commands.runs import check_predictions
from bench.results.record import Record, Result

FILES = {"weights", "weights_sha256", "extras", "predictions"}
CLOCKS = {"seconds", "images_per_second", "peak_memory"}
"""Numbers that no two runs share."""

NO_ENVIRONMENT = {"started", "command", "recipe"}
"""What provenance tells that is no fact about the machine or the code."""

UNREADABLE = "a file cannot be read; `reprune verify` says which"

Pair = tuple[Any, Any]


@dataclass(frozen=True)
class Side:
    """A record, and the file it was read from."""

    record: Record
    path: Path

    def file(self, name: str | None) -> Path | None:
        """A file beside the record; None if it is not there, as in a kept folder."""
        if not name or self.path.name != "record.json" or Path(name).name != name:
            return None
        path = self.path.parent / name
        return path if path.is_file() else None


@dataclass(frozen=True)
class Bits:
    """Whether something of two runs is the same bit by bit.

    Attributes:
        equal: None if that is not known.
        said: how it is known, or by how much they differ.
    """

    equal: bool | None
    said: str


def asked(a: Record, b: Record) -> dict[str, Pair]:
    """The fields of the specs that differ, recipes field by field, and hyper-parameters with their defaults."""
    return changed(*(_flat(_spec(each)) | _flat(each.hyperparameters) for each in (a, b)))


def environment(a: Record, b: Record) -> dict[str, Pair]:
    """The facts about code, packages and machine that differ."""
    return changed(facts(a), facts(b))


def facts(found: Record) -> dict[str, Any]:
    """What a record tells about code, packages and machine, by name."""
    return _flat({name: value for name, value in found.provenance.items() if name not in NO_ENVIRONMENT})


def numbers(found: Record) -> dict[str, Any]:
    """Every number of a record by name, outcome and warnings too, but for those of clocks and memory."""
    values: dict[str, Any] = {"outcome": found.outcome, "reason": found.reason, "warnings": tuple(found.warnings)}
    for result in found.results:
        values |= _flat(result.model_dump(exclude=FILES), f"{EXACT.name(result.point)}: ")
    for curve in found.curves:
        values |= _flat(curve.model_dump(exclude=CLOCKS), f"curve {curve.stage}: ")
    return values | _flat(found.cost.model_dump(exclude=CLOCKS), "cost: ")


def unequal(a: Record, b: Record) -> dict[str, Pair]:
    """The numbers that differ."""
    return changed(numbers(a), numbers(b))


def changed(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Pair]:
    """The names whose values differ; what a side lacks is None there."""
    names = dict.fromkeys([*left, *right])
    return {name: (left.get(name), right.get(name)) for name in names if not _same(left.get(name), right.get(name))}


def largest(pairs: Mapping[str, Pair], ending: str) -> float | None:
    """The largest difference among the numbers whose name has a certain end; None if there are none of both."""
    found = [
        abs(left - right)
        for name, (left, right) in pairs.items()
        if name.partition("[")[0].endswith(ending) and isinstance(left, float) and isinstance(right, float)
    ]
    return max(found, default=None)


def weights(a: Side, b: Side, mine: Result, theirs: Result) -> Bits:
    """Whether two networks are equal bit by bit: by their hashes, and by the files where these hold other run ids."""
    if mine.weights_sha256 == theirs.weights_sha256:
        return Bits(True, "the same SHA-256")
    left, right = a.file(mine.weights), b.file(theirs.weights)
    if left is None or right is None:
        if a.record.id == b.record.id:
            return Bits(False, "another SHA-256")
        return Bits(None, "a hash covers the run's id, and the files are not there")
    return _tensors(left, right)


def predictions(a: Side, b: Side, mine: Result, theirs: Result) -> Bits:
    """Whether two networks say the same of every test image, and with the same logits."""
    files = a.file(mine.predictions), b.file(theirs.predictions)
    if None in files:
        return Bits(None, "the files are not there")
    try:
        (classes, logits), (their_classes, their_logits) = (check_predictions.read(path) for path in files if path)
    except check_predictions.UNREADABLE:
        return Bits(None, UNREADABLE)
    if logits is None or their_logits is None:
        return Bits(None, UNREADABLE)
    if classes.shape != their_classes.shape:
        return Bits(False, "of another number of images")
    others = int((classes != their_classes).sum())
    if others or logits.tobytes() != their_logits.tobytes():
        return Bits(False, f"another class for {others} of {len(classes)} images")
    return Bits(True, "the same logits")


def _tensors(left: Path, right: Path) -> Bits:
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        one, other = load_file(left), load_file(right)
    except (OSError, SafetensorError, ValueError, TypeError):
        return Bits(None, UNREADABLE)
    if {name: value.shape for name, value in one.items()} != {name: value.shape for name, value in other.items()}:
        return Bits(False, "other tensors")
    if all(value.tobytes() == other[name].tobytes() for name, value in one.items()):
        return Bits(True, "the same bits in every tensor")
    apart, where = max(
        (float(np.abs(value.astype(np.float64) - other[name]).max(initial=0.0)), name) for name, value in one.items()
    )
    flipped = sum(int(((value == 0) != (other[name] == 0)).sum()) for name, value in one.items())
    return Bits(False, f"by up to {apart:.3g} in '{where}'; entries that are zero in one of them only: {flipped:,}")


def _spec(found: Record) -> dict[str, Any]:
    spec = found.spec.model_dump(mode="json", exclude={"identity", "hyperparameters"})
    spec["recipe"].pop("source")
    return spec


def _same(left: Any, right: Any) -> bool:
    both = isinstance(left, float) and isinstance(right, float)
    return left == right or (both and math.isnan(left) and math.isnan(right))


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested values by their paths: ``counts.macs``, ``layers[0].kept``."""
    return dict(_leaves(values, prefix))


def _leaves(values: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(values, Mapping):
        joint = path if not path or path.endswith(" ") else f"{path}."
        for name, value in values.items():
            yield from _leaves(value, f"{joint}{name}")
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            yield from _leaves(value, f"{path}[{number}]")
    else:
        yield path, values
