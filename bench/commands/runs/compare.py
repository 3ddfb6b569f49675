"""``reprune compare`` for two runs: what differs in what was asked, in the environment, and in the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bench.base.printing import emit, numbers_table, terminal
from bench.base.spelling import Spelling
from bench.commands.runs import compare_grids, differences
from bench.commands.runs.differences import Bits, Side
from bench.errors import UserError, printable
from bench.results import find
from bench.results.record import Record, Result
from bench.workflow.progress import label

MOST = 40
"""Characters of a value in a table."""


def compare(a: str, b: str, results: Path, *, as_json: bool = False) -> int:
    """Print in what two runs, two grids or two kept folders differ; returns 1 if it is in a number."""
    grids = [compare_grids.is_grid(each) for each in (a, b)]
    if any(grids):
        if not all(grids):
            raise UserError(f"'{a}' and '{b}' are not alike: name two runs, or two grids or kept folders.")
        return compare_grids.compare(a, b, as_json=as_json)
    left, right = (Side(find.read(path), path) for path in (find.find(each, results) for each in (a, b)))
    if as_json:
        emit(values(left, right))
    else:
        render(left, right, terminal())
    return int(bool(differences.unequal(left.record, right.record)))


def values(a: Side, b: Side) -> dict[str, Any]:
    """All differences as JSON-like values; each is a pair, A's value first."""
    return {
        "a": {"run": a.record.id, "path": str(a.path)},
        "b": {"run": b.record.id, "path": str(b.path)},
        "asked": differences.asked(a.record, b.record),
        "environment": differences.environment(a.record, b.record),
        "numbers": differences.unequal(a.record, b.record),
        "networks": [
            {"point": mine.point} | {what: {"equal": bits.equal, "said": bits.said} for what, bits in both.items()}
            for mine, both in networks(a, b)
        ],
    }


def networks(a: Side, b: Side) -> list[tuple[Result, dict[str, Bits]]]:
    """For each point that both have: A's result, and whether weights and predictions are the same bit by bit."""
    found = []
    for mine in a.record.results:
        theirs = b.record.result(mine.point)
        if theirs is not None:
            bits = {"weights": differences.weights(a, b, mine, theirs)}
            found.append((mine, bits | {"predictions": differences.predictions(a, b, mine, theirs)}))
    return found


def render(a: Side, b: Side, console: Console) -> None:
    """Print the differences for people."""
    for name, side in (("A", a), ("B", b)):
        console.print(Text.assemble((f"{name}  ", "dim"), (printable(label(side.record.spec)), "bold")), end="  ")
        console.print(Text(str(side.path), "dim"), soft_wrap=True)
    asked = differences.asked(a.record, b.record)
    same = a.record.spec.identity == b.record.spec.identity
    nothing = "the same run: identity {}" if same else "the same, but the code has changed: identities {} and {}"
    identities = [each.record.spec.identity[:12] for each in (a, b)]
    _pairs("Asked", asked, console, nothing.format(*identities))
    _pairs("Environment", differences.environment(a.record, b.record), console, "the same in all that was recorded")
    console.print()
    console.print(_numbers(a.record, b.record))
    spelling = _spelling(a.record, b.record)
    for mine, both in networks(a, b):
        for what, bits in both.items():
            console.print(Text.assemble((f"{spelling.name(mine.point)} {what}: ", "dim"), *_said(bits)), soft_wrap=True)
    console.print()
    console.print(Text(verdict(a.record, b.record), "bold"))


def verdict(a: Record, b: Record) -> str:
    """One sentence on the numbers."""
    unequal, total = differences.unequal(a, b), len({*differences.numbers(a), *differences.numbers(b)})
    if not unequal:
        return f"Equal in all {total} numbers."
    return f"{len(unequal)} of {total} numbers differ; --json lists them."


def _numbers(a: Record, b: Record) -> Any:
    table = numbers_table("Point", ("", "A", "B", "B − A"))
    spelling = _spelling(a, b)
    for point in dict.fromkeys(each.point for found in (a, b) for each in found.results):
        name, mine, theirs = spelling.name(point), _measured(a.result(point)), _measured(b.result(point))
        for what in mine or theirs:
            left, right = mine.get(what), theirs.get(what)
            table.add_row(name, what, _number(left), _number(right), _difference(left, right))
            name = ""
    if a.outcome != b.outcome:
        table.add_row("", "outcome", a.outcome, b.outcome, "")
    return table


def _difference(left: float | None, right: float | None) -> Text:
    if left is None or right is None:
        return Text("")
    return Text("=", "dim") if left == right else Text(f"{right - left:+.4g}".replace("-", "−"))


def _measured(result: Result | None) -> dict[str, float | None]:
    """What is compared at a point, in the unit in which it is shown."""
    if result is None:
        return {}
    counts = result.counts
    macs = 100 * counts.macs / counts.macs_dense if counts.macs_dense else None
    sparsity = 100 * counts.prunable_sparsity
    return {"accuracy, %": result.accuracy, "loss": result.loss, "sparsity, %": sparsity, "MACs kept, %": macs}


def _pairs(title: str, pairs: Mapping[str, tuple[Any, Any]], console: Console, nothing: str) -> None:
    console.print()
    if not pairs:
        console.print(Text.assemble((f"{title}: ", "bold"), nothing))
        return
    table = numbers_table(title, ("A", "B"))
    for name, (left, right) in pairs.items():
        table.add_row(*(Text(_brief(each)) for each in (name, left, right)))
    console.print(table)


def _brief(value: Any) -> str:
    text = "–" if value is None else printable(str(value))
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _spelling(a: Record, b: Record) -> Spelling:
    return Spelling.of(each.point for found in (a, b) for each in found.results)


def _said(bits: Bits) -> tuple[tuple[str, str], str]:
    word = {True: ("equal bit by bit", "green"), False: ("different", "yellow"), None: ("not known", "dim")}[bits.equal]
    return word, f" ({bits.said})"
