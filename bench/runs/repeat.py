"""``reprune rerun``: a run once more, from its record alone, and whether that gives the same."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bench.errors import UserError, printable
from bench.lineage import identify, method_of
from bench.options import parser
from bench.record import Record
from bench.run import Watch, exclusively
from bench.runs import differences, find, numbers, one
from bench.runs.compare import networks
from bench.runs.differences import Side
from bench.spec import RunSpec
from bench.spelling import Spelling

FACTS = 12
"""Differences of environments that are printed."""


def rerun(
    run: str, results: Path, *, check: bool = False, within: float | None = None, keep: Path | None = None,
    as_json: bool = False,
) -> int:  # fmt: skip
    """Repeat a run from its record, in a folder of its own, and print what came out.

    Nothing is taken over from the first time but the decoded data set: shared stages are trained again, too.

    Args:
        run: as `bench.runs.find.find` takes it.
        results: where the run is looked for; the decoded data set is taken from there.
        check: compare with the record.
        within: percentage points by which accuracies may differ and still count as reproduced.
        keep: where the repeated run is to stay; else it is deleted in the end.
        as_json: print what the check found as JSON.

    Returns:
        The exit status: 1 if the check finds a difference that `within` doesn't cover, or there is no record.
    """
    path = find.find(run, results)
    first = find.read(path)
    spec = identify(first.spec)
    console = Console(stderr=True, highlight=False)
    for sentence in changes(first, spec):
        console.print(Text(printable(sentence), "yellow"), soft_wrap=True)
    with _folder(keep, spec) as folder:
        if status := _carried_out(spec, first, folder, results):
            return status
        again = folder / "runs" / spec.id / "record.json"
        sides = Side(first, path), Side(find.read(again), again)
        found = values(*sides, within)
        if as_json:
            print(json.dumps(found, indent=1, ensure_ascii=False))
        elif check:
            render(found, numbers.console())
        else:
            numbers.show(sides[1].record, again, numbers.console())
    return int(check and not found["reproduced"])


def changes(first: Record, spec: RunSpec) -> list[str]:
    """What has changed since a record was made, so that the run has another identity today; empty if it has not."""
    if spec.identity == first.spec.identity:
        return []
    old, new = first.spec.identity[:12], spec.identity[:12]
    lines = [
        f"The code has changed since this record: the run was {old} and is {new} today, which is what is repeated."
    ]
    for name, (before, now) in differences.changed(first.hyperparameters, method_of(spec).hyperparameters).items():
        lines.append(f"{name} was {before} and is {now}.")
    return lines


@contextmanager
def _folder(keep: Path | None, spec: RunSpec) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="reprune-rerun-") as folder:
            yield Path(folder)
        return
    if (keep / "runs" / spec.id / "record.json").exists():
        raise UserError(f"--keep {keep}: there is a record of this run already; name another folder.")
    yield keep


def _carried_out(spec: RunSpec, first: Record, folder: Path, results: Path) -> int:
    threads = str(first.provenance.get("threads", 1))  # another number gives other last bits
    words = [*spec.arguments(), "--results", str(folder), "--threads", threads]
    arguments = parser().parse_args(words)

    def job(watch: Watch | None) -> int:
        one.prepare(spec.dataset, results / "data")
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "data").exists():
            (folder / "data").symlink_to((results / "data").resolve())
        return exclusively(words, spec, arguments, watch)

    return one.attended(spec, folder / "runs" / spec.id, job)


def values(first: Side, again: Side, within: float | None = None) -> dict[str, Any]:
    """What the check found, as JSON-like values.

    ``bitwise`` is true if weights and predictions are the same bits and all numbers are equal, null if all numbers are
    but nothing tells of the bits. ``reproduced`` also counts that, and accuracies `within` so many percentage points.
    """
    unequal = differences.unequal(first.record, again.record)
    total = len({*differences.numbers(first.record), *differences.numbers(again.record)})
    bits = [(mine.point, what, each) for mine, both in networks(first, again) for what, each in both.items()]
    weights = [each.equal for _, what, each in bits if what == "weights"]
    equal = not unequal and False not in [each.equal for _, _, each in bits]
    bitwise = None if equal and None in weights else equal
    accuracy = differences.largest(unequal, ": accuracy") or 0.0
    same_end = first.record.outcome == again.record.outcome
    points = [[result.point for result in side.record.results] for side in (first, again)]
    near = within is not None and same_end and points[0] == points[1] and accuracy <= within
    return {
        "run": first.record.id,
        "record": str(first.path),
        "again": str(again.path),
        "identity": first.record.spec.identity,
        "identity_now": again.record.spec.identity,
        "mode": again.record.spec.recipe.mode,
        "outcomes": [first.record.outcome, again.record.outcome],
        "reproduced": equal or near,
        "bitwise": bitwise,
        "within": within,
        "numbers": total,
        "unequal": {name: list(pair) for name, pair in unequal.items()},
        "largest": {"accuracy": accuracy, "loss": differences.largest(unequal, ": loss") or 0.0},
        "bits": [{"point": point, "of": what, "equal": each.equal, "said": each.said} for point, what, each in bits],
        "environment": differences.environment(first.record, again.record),
    }


def render(found: dict[str, Any], console: Console) -> None:
    """Print what the check found for people."""
    console.print(Text(verdict(found), "bold green" if found["reproduced"] else "bold yellow"), soft_wrap=True)
    percent = Spelling.of(each["point"] for each in found["bits"]).percent
    for each in found["bits"]:
        if not each["equal"] and not found["bitwise"]:
            word = "differ" if each["equal"] is False else "cannot be compared"
            point = "" if each["point"] is None else f" at {percent(each['point'])}"
            console.print(Text(f"{each['of']}{point} {word}: {each['said']}", "dim"), soft_wrap=True)
    moved = found["environment"]
    if not moved:
        console.print(Text("The environment is the same in all that was recorded.", "dim"))
    else:
        why = "" if found["bitwise"] else ", which may explain it"
        console.print(Text(f"The environment differs{why}:", "dim"))
    for name, (before, now) in list(moved.items())[:FACTS]:
        console.print(Text(printable(f"{name}: {before} → {now}"), "dim"), soft_wrap=True)
    if found["mode"] == "fast" and not found["bitwise"]:
        console.print(Text("The recipe's mode is fast, which promises no equal bits.", "dim"))


def verdict(found: dict[str, Any]) -> str:
    """One sentence: bit by bit, or within what."""
    total = found["numbers"]
    if found["reproduced"] and not found["bits"]:
        return f"Reproduced: the outcome is '{found['outcomes'][1]}' again, and all {total} numbers are equal."
    if found["bitwise"]:
        unknown = any(each["equal"] is None for each in found["bits"])
        what = "weights, masks" if unknown else "weights, masks, predictions"
        kept = " (its predictions were not kept)" if unknown else ""
        return f"Reproduced bit by bit: {what} and all {total} numbers{kept}."
    if found["bitwise"] is None:
        return f"Reproduced in all {total} numbers; whether the weights are the same bits is not known."
    if found["outcomes"][0] != found["outcomes"][1]:
        return "Not reproduced: the outcome was '{}' and is '{}'.".format(*found["outcomes"])
    largest = found["largest"]
    apart = f"accuracies by up to {largest['accuracy']:.3g} percentage points, losses by {largest['loss']:.3g}"
    counted = f"{len(found['unequal'])} of {total} numbers differ, {apart}"
    if found["reproduced"]:
        return f"Reproduced within {found['within']:g} percentage points, not bit by bit: {counted}."
    return f"Not reproduced bit by bit: {counted}."
