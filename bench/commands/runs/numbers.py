"""The numbers of a run on a terminal: what it measured at each point, and what that took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.base.printing import numbers_table
from bench.base.spelling import Spelling
from bench.errors import printable
from bench.results.record import Record, Result
from bench.workflow.progress import duration, label

STYLES = {"ok": "bold green", "skipped": "bold", "error": "bold red"}
"""Of outcomes; those not named are warnings."""


def show(record: Record, path: Path, console: Console) -> None:
    """Print what a run measured, and where its record is."""
    console.print(heading(record))
    if record.results:
        console.print()
        console.print(results(record.results))
        console.print(dense(record.results[0]))
    console.print()
    facts([("cost", cost(record)), ("record", str(path))], console)


def heading(record: Record) -> Text:
    """What was run, and what became of it: the outcome, its reason, warnings."""
    style = STYLES.get(record.outcome, "bold yellow")
    line = Text.assemble((printable(label(record.spec)), "bold"), "  ", (record.outcome, style))
    for remark in [record.reason, *record.warnings]:
        line.append(f"\n{printable(remark)}" if remark else "", "yellow")
    return line


def results(found: Sequence[Result]) -> Table:
    """A line per point. MACs are those of the sparse network as a fraction of the dense one's, theoretical."""
    table = numbers_table("Point", ("Accuracy", "Loss", "Sparsity", "Effective", "Parameters kept", "MACs kept"))
    name = Spelling.of(result.point for result in found).name
    for result in found:
        counts = result.counts
        effective = counts.effective_sparsity
        table.add_row(
            name(result.point),
            Text(f"{result.accuracy:.2f} %", "bold"),
            f"{result.loss:.4f}",
            f"{100 * counts.prunable_sparsity:.2f} %",
            "–" if effective is None else f"{100 * effective:.2f} %",
            f"{100 * counts.parameters_kept / counts.parameters:.2f} %" if counts.parameters else "–",
            f"{100 * counts.macs / counts.macs_dense:.2f} %" if counts.macs_dense else "–",
        )
    return table


def dense(found: Result) -> Text:
    """What the numbers of `results` are of."""
    counts = found.counts
    return Text(
        f"{found.test_images:,} test images; the dense network has {counts.parameters:,} parameters and "
        f"{amount(counts.macs_dense)} MACs per image (theoretical)",
        "dim",
    )


def cost(record: Record) -> str:
    """What the run took, in one line."""
    each = record.cost
    own = f" ({each.own_epochs:.4g} of its own)" if each.parents else ""
    return (
        f"{each.epochs:.4g} epoch{'s' * (each.epochs != 1)}{own}, {duration(each.seconds)} of training, "
        f"{each.training_macs_relative:.2f} × the MACs of dense training"
    )


def facts(pairs: Sequence[tuple[str, str]], console: Console) -> None:
    """Print names and values, a line each, which the terminal may wrap: a path or command can be copied whole."""
    width = max(len(name) for name, _ in pairs) + 2
    for name, value in pairs:
        console.print(Text.assemble((f"{name:{width}}", "dim"), printable(value)), soft_wrap=True)


def amount(count: float) -> str:
    """Multiply-adds as ``599.7 k``, ``40.8 M`` or ``4.09 G``."""
    for unit, factor in ((" G", 1e9), (" M", 1e6), (" k", 1e3)):
        if count >= factor:
            return f"{count / factor:.4g}{unit}"
    return f"{count:g}"
