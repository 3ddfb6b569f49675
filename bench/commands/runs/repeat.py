"""``reprune rerun``: a run once more, from its record alone, and whether that gives the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bench.base.printing import emit, terminal
from bench.base.spelling import Spelling
from bench.commands.runs import differences, hardware, numbers, one
from bench.commands.runs.compare import networks
from bench.commands.runs.differences import Side
from bench.errors import UserError, printable
from bench.plan.job import Job
from bench.plan.lineage import identify, method_of
from bench.results import find
from bench.results.record import Record
from bench.spec import RunSpec
from bench.training.run import Watch, exclusively

FACTS = 12
"""Differences of environments that are printed."""

MOST = 40
"""Characters of a value that should be equal and is not."""


def rerun(
    run: str, results: Path, *, check: bool = False, within: float | None = None, keep: Path | None = None,
    as_json: bool = False,
) -> int:  # fmt: skip
    """Repeat a run from its record, in a folder of its own, and print what came out.

    Nothing is taken over from the first time but the decoded data set: shared stages are trained again, too.

    Args:
        run: as `bench.results.find.find` takes it.
        results: where the run is looked for; the decoded data set is taken from there.
        check: compare with the record.
        within: percentage points by which accuracies may differ and still count as reproduced.
        keep: where the repeated run is to stay; else it is deleted in the end.
        as_json: print what the check found as JSON.

    Returns:
        The exit status: 1 if the check finds a difference that neither `within` covers nor, without it, other hardware
        explains (`bench.commands.runs.hardware`), or there is no record.
    """
    path = find.find(run, results)
    first = find.read(path)
    spec = identify(first.spec)
    aside = Console(stderr=True, highlight=False)
    for sentence in changes(first, spec):
        aside.print(Text(printable(sentence), "yellow"), soft_wrap=True)
    with _folder(keep, spec) as folder:
        if status := _carried_out(spec, first, folder, results):
            return status
        again = folder / "runs" / spec.id / "record.json"
        sides = Side(first, path), Side(find.read(again), again)
        found = values(*sides, within)
        if as_json:
            emit(found)
        elif check:
            render(found, terminal())
        else:
            numbers.show(sides[1].record, again, terminal())
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
    threads = first.provenance.get("threads", 1)  # another number gives other last bits
    job = Job.of(spec, results=folder, threads=threads)

    def work(watch: Watch | None) -> int:
        one.prepare(spec.dataset, results / "data")
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "data").exists():
            (folder / "data").symlink_to((results / "data").resolve())
        return exclusively(spec, job, watch)

    return one.attended(spec, folder / "runs" / spec.id, work)


def values(first: Side, again: Side, within: float | None = None) -> dict[str, Any]:
    """What the check found, as JSON-like values.

    ``bitwise`` is true if weights and predictions are the same bits and all numbers are equal, null if all numbers are
    but nothing tells of the bits. ``reproduced`` also counts that, and accuracies `within` so many percentage points;
    where none are given, what other hardware explains. ``hardware`` is null where it is the same.
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
    elsewhere = hardware.elsewhere(first, again)
    explained = within is None and elsewhere is not None and elsewhere.explains
    return {
        "run": first.record.id,
        "record": str(first.path),
        "again": str(again.path),
        "identity": first.record.spec.identity,
        "identity_now": again.record.spec.identity,
        "mode": again.record.spec.recipe.mode,
        "outcomes": [first.record.outcome, again.record.outcome],
        "reproduced": equal or near or explained,
        "bitwise": bitwise,
        "within": within,
        "numbers": total,
        "unequal": {name: list(pair) for name, pair in unequal.items()},
        "largest": {"accuracy": accuracy, "loss": differences.largest(unequal, ": loss") or 0.0},
        "bits": [{"point": point, "of": what, "equal": each.equal, "said": each.said} for point, what, each in bits],
        "environment": differences.environment(first.record, again.record),
        "hardware": elsewhere and asdict(elsewhere) | {"explains": elsewhere.explains},
    }


def render(found: dict[str, Any], console: Console) -> None:
    """Print what the check found for people."""
    console.print(Text(verdict(found), "bold green" if found["reproduced"] else "bold yellow"), soft_wrap=True)
    at = Spelling.of(each["point"] for each in found["bits"]).at
    for each in found["bits"]:
        if not each["equal"] and not found["bitwise"]:
            word = "differ" if each["equal"] is False else "cannot be compared"
            console.print(Text(f"{each['of']}{at(each['point'])} {word}: {each['said']}", "dim"), soft_wrap=True)
    if found["hardware"] and not found["bitwise"]:
        for line in _elsewhere(found["hardware"], at):
            console.print(Text(printable(line), "dim"), soft_wrap=True)
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
    if found["bitwise"] and not found["bits"]:
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
    if found["hardware"] and found["within"] is None:
        return _verdict_elsewhere(found)
    largest = found["largest"]
    apart = f"accuracies by up to {largest['accuracy']:.3g} percentage points, losses by {largest['loss']:.3g}"
    counted = f"{len(found['unequal'])} of {total} numbers differ, {apart}"
    if found["reproduced"]:
        return f"Reproduced within {found['within']:g} percentage points, not bit by bit: {counted}."
    return f"Not reproduced bit by bit: {counted}."


def _verdict_elsewhere(found: dict[str, Any]) -> str:
    hardware = found["hardware"]
    if broken := list(hardware["broken"]):
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        return f"Not reproduced: it differs in '{broken[0]}'{more}, which no hardware changes."
    if not hardware["explains"]:
        return "Not reproduced: accuracies are further apart than other hardware explains."
    apart = [abs(each["now"] - each["was"]) for each in hardware["accuracies"]]
    how = f"accuracies are up to {max(apart):.2f} points apart" if apart else f"it is '{found['outcomes'][1]}' again"
    return f"Reproduced on other hardware, though not bit by bit: {how}."


def _elsewhere(hardware: dict[str, Any], at: Callable[[float], str]) -> Iterator[str]:
    """How a run came out on other hardware, a line for each accuracy, and for what should be equal and is not."""
    for each in hardware["accuracies"]:
        apart = abs(each["now"] - each["was"])
        only = " only" if apart > each["allowed"] else ""
        by = f"{each['seeds']} seeds and " if each["seeds"] > 1 else ""
        yield (
            f"accuracy{at(each['point'])}: {each['was']:.2f} → {each['now']:.2f} %, {apart:.2f} points apart; {by}"
            f"chance in {each['images']:,} test images explain up to {each['allowed']:.2f}{only}"
        )
    for name, (was, now) in hardware["broken"].items():
        yield f"{name}: {str(was)[:MOST]} → {str(now)[:MOST]}"
    if not hardware["broken"]:
        yield "Equal, as on any hardware: identity, data, outcome, sizes, length of training, number of weights left."
    yield "The same bits are promised only on the same machine: docs/determinism.md."
