"""What methods measured of themselves (`Method.diagnostics`) as tables. Needs no torch.

A method that runs another one (`bench.wrapper.Wrapper`) is also set against that one where the grid runs it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from bench import catalog
from bench.base.grouping import grouped
from bench.base.reported import Diagnostic, stated
from bench.base.spelling import Spelling
from bench.errors import UserError
from bench.names import parse, show
from bench.report.cell import CellResult
from bench.report.layout import Block, Number, Text, Value, known, signed, target
from bench.report.per_input import decides
from bench.wrapper import Wrapper


def blocks(results: Sequence[CellResult]) -> list[Block]:
    """The tables of one network, one for methods that state the same; none if no method measured anything."""
    measured = [each for each in results if each.diagnostics]
    groups = grouped((tuple(described(each.cell.method_name, each.diagnostics).items()), each) for each in measured)
    return [_block(dict(told), own, results) for told, own in groups.items()]


def _block(told: Mapping[str, Diagnostic], own: Sequence[CellResult], results: Sequence[CellResult]) -> Block:
    alone = {each.cell.key: _alone(each, results) for each in own}
    labels = sorted({label for others in alone.values() for label in others})
    spelling = Spelling.of(each.point for each in results)
    rows = []
    for each in own:
        others = alone[each.cell.key]
        values: list[Value] = [_point(each, spelling), each.number]
        values += [_difference(each, others[label]) if label in others else "" for label in labels]
        values += [number(each.diagnostics, key, one.unit) for key, one in told.items()]
        rows.append((each.named, *map(Text, values)))
    against = tuple(f"− alone ({label})" if label else "− alone" for label in labels)
    notes = [_AGAINST] if against else []
    return Block(
        f"Diagnostics of {', '.join(dict.fromkeys(each.cell.method_name for each in own))} (means over seeds)",
        ("Method", "Target", "Accuracy", *against, *(one.title for one in told.values())),
        tuple(rows),
        notes=(*notes, *(one.note for one in told.values() if one.note)),
    )


_AGAINST = (
    "− alone: the accuracy minus that of the method that is run by this one, or of the dense network at 0, in points; "
    "in brackets the label of that row's training."
)


def described(method: str, measured: Iterable[str]) -> dict[str, Diagnostic]:
    """What a method says of its numbers; of one that says nothing, the names of what was measured."""
    try:
        told = stated(catalog.method_class(method))
    except UserError:  # a record may be of a method that is not here
        told = {}
    return told or {name: Diagnostic(title=name) for name in measured}


def _point(each: CellResult, spelling: Spelling) -> Value:
    if each.point is None or not decides(each.method):
        return target(each.point, spelling)
    return Number(each.point, form=spelling.number)


def number(diagnostics: Mapping[str, float], name: str, unit: str) -> Value:
    """A number with its unit; nothing where it was not measured."""
    return Number(diagnostics[name], form=_written, unit=unit) if name in diagnostics else ""


def _written(value: float) -> str:
    """Four digits, or all of a large number: ``0.01235``, ``57.25``, ``123,456``."""
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}").replace("-", "−")


def _difference(each: CellResult, other: CellResult) -> Value:
    return known(Number(each.mean - other.mean, form=signed))


def _alone(each: CellResult, results: Sequence[CellResult]) -> dict[str, CellResult]:
    """The cells at the same point of the method that this one runs, by the labels of their trainings."""
    inner = _inner(each.method) if each.point else "dense" if _inner(each.method) else ""
    found = {}
    for other in results if inner else ():
        name, fields = parse(other.method)
        label = str(fields.pop("training", ""))
        if show(name, fields) == inner and other.point in (each.point, None) and other.n:
            found[label] = other
    return found


@cache
def _inner(text: str) -> str:
    """The method that a method runs, as rows of tables are called; empty if none."""
    name, fields = parse(text)
    fields.pop("training", None)
    try:
        made = catalog.create(name, fields)
        return show(*catalog.parse(made.of)) if isinstance(made, Wrapper) and made.of else ""
    except UserError:  # a record may be of a method that is not here
        return ""
