"""``reprune show``: everything about one run, from its record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.base.printing import emit, numbers_table, terminal
from bench.base.spelling import Spelling
from bench.commands.runs import numbers, same_cell
from bench.errors import printable
from bench.report import diagnostics_block
from bench.report.layout import signed
from bench.results import find
from bench.results.record import Curve, Record

BLOCKS = "▁▂▃▄▅▆▇█"
SPARK = 32
"""Columns of a curve."""

REASONS = 3
"""Of a verdict, that are printed."""

BAR = 12
"""Columns that stand for a whole layer."""


def show(run: str, results: Path, *, as_json: bool = False) -> None:
    """Print a run, as text or as the JSON of `values`. Raises `UserError` if there is no such run."""
    path = find.find(run, results)
    found = find.read(path)
    if as_json:
        emit(values(found, path))
        return
    render(found, path, same_cell.published(found, path), terminal())


def values(found: Record, path: Path) -> dict[str, Any]:
    """The record, where it is, the command that repeats the run, and the published rows of its cells with verdicts."""
    return {
        "path": str(path),
        "command": found.spec.command,
        "published": same_cell.published(found, path),
        "record": found.model_dump(mode="json"),
    }


def render(found: Record, path: Path, published: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print a record for people."""
    console.print(numbers.heading(found))
    if found.results:
        _titled("Results", numbers.results(found.results), console)
        console.print(numbers.dense(found.results[0]))
        _diagnostics(found, console)
        _titled("Layers: weights kept", layers(found), console)
    if any(curve.epoch for curve in found.curves):
        _titled("Curves: first to last evaluation", curves(found.curves), console)
    if published:
        _titled("Published", rows(published), console)
        for row in published:
            console.print(Text(f"{row['row']}: {row['paper']}; {_said(row)}", "dim"))
    console.print()
    numbers.facts(
        [("cost", numbers.cost(found)), *origin(found), ("record", str(path)), ("again", found.spec.command)], console
    )


def _diagnostics(found: Record, console: Console) -> None:
    """What the method measured of itself: a line per number, a column per point; below, what it says of them."""
    measured = [name for result in found.results for name in result.diagnostics]
    told = diagnostics_block.described(found.spec.method, measured) if measured else {}
    table = numbers_table("Number", [found.spec.spelling.name(result.point) for result in found.results])
    for name, one in told.items():
        values = [diagnostics_block.number(result.diagnostics, name, one.unit) for result in found.results]
        table.add_row(*(Text(printable(str(each))) for each in (one.title, *values)))
    if told:
        _titled("Diagnostics", table, console)
    for note in (one.note for one in told.values() if one.note):
        console.print(Text(printable(note), "dim"))


def layers(found: Record) -> Table:
    """A line per layer that may be pruned; a column per point with the fraction of weights kept."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Layer", overflow="fold")
    table.add_column("Weights", justify="right", no_wrap=True)
    for result in found.results:
        table.add_column(found.spec.spelling.name(result.point), no_wrap=True)
    for same in zip(*(result.layers for result in found.results), strict=False):
        if same[0].prunable:
            table.add_row(
                Text(printable(same[0].name)),
                f"{math.prod(same[0].shape):,}",
                *(_kept(layer.density) for layer in same),
            )
    others = [printable(layer.name) for layer in found.results[0].layers if not layer.prunable]
    if others:
        table.caption = Text(f"not prunable: {', '.join(others)}", "dim")
        table.caption_justify = "left"
    return table


def _kept(fraction: float) -> Text:
    """A fraction in per cent, and as a bar; what is left of a layer, however little, is seen in it."""
    eighths = math.ceil(8 * BAR * fraction)
    bar = "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")
    return Text.assemble(f"{100 * fraction:6.2f} % ", (bar, "cyan"))


def curves(found: Sequence[Curve]) -> Table:
    """A line per stage and quantity, each drawn from its least value to its greatest."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Stage", no_wrap=True)
    table.add_column("")
    table.add_column("First", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("Last", justify="right", no_wrap=True)
    for curve in found:
        if not curve.epoch:
            continue
        name = f"{printable(curve.stage)}, {curve.epoch[-1]:g} epoch{'s' * (curve.epoch[-1] != 1)}"
        shown = {
            "accuracy, %": ([*curve.accuracy], ".2f", "green"),
            "training loss": ([*curve.train_loss], ".4f", ""),
            "learning rate": ([*curve.learning_rate], ".2g", ""),
            "sparsity, %": ([100 * value for value in curve.sparsity], ".2f", "cyan"),
            "masks changed, %": ([100 * value for value in curve.mask_changes], ".2f", ""),
        }
        for what, (line, form, style) in shown.items():
            if any(line):  # a dense network has no sparsity to be drawn
                table.add_row(Text(name), what, f"{line[0]:{form}}", Text(spark(line), style), f"{line[-1]:{form}}")
                name = ""
    return table


def spark(line: Sequence[float]) -> str:
    """A line of blocks, one per value, from its least to its greatest; means where there are more values than `SPARK`.

    What is not finite is a blank.
    """
    places = min(len(line), SPARK)
    parts = [line[len(line) * i // places : len(line) * (i + 1) // places] for i in range(places)]
    means = [sum(part) / len(part) for part in parts]
    finite = [value for value in means if math.isfinite(value)]
    low, span = min(finite, default=0.0), max(finite, default=0.0) - min(finite, default=0.0)
    return "".join(
        BLOCKS[round((value - low) / span * 7) if span else 0] if math.isfinite(value) else " " for value in means
    )


def rows(published: Sequence[Mapping[str, Any]]) -> Table:
    """The published numbers of the run's cells, ours over all seeds that lie beside it, and the verdicts."""
    table = numbers_table("Row", ("Point", "Published", "Ours", "Seeds", "Δ", "Verdict"))
    name = Spelling.of(row["point"] for row in published).name
    for row in published:
        table.add_row(
            row["row"],
            name(row["point"]),
            f"{row['published']:.2f}",
            "–" if row["ours"] is None else f"{row['ours']:.2f}",
            f"{row['ours_n']:.0f}",
            "" if row["difference"] is None else signed(row["difference"]),
            Text(row["verdict"], "bold"),
        )
    return table


def _said(row: Mapping[str, Any]) -> str:
    """Why the verdict is what it is, the first few reasons if there are many."""
    reasons = [f"{each['kind']}: {each['text']}" for each in row["obstacles"]]
    if not reasons:
        return row["reason"] or f"read from {row['source']}"
    hidden = len(reasons) - REASONS
    return "; ".join(reasons[:REASONS]) + (f"; and {hidden} more (--json)" if hidden > 0 else "")


def origin(found: Record) -> list[tuple[str, str]]:
    """When, with which code and packages, and on what a run was made."""
    facts = found.provenance
    git, packages, cpu, gpu = (facts.get(name) or {} for name in ("git", "packages", "cpu", "gpu"))
    commit = f"{str(git.get('commit', ''))[:12]}{' with changes' if git.get('dirty') else ''}"
    versions = [f"{name} {packages[name]}" for name in ("torch", "timm") if packages.get(name)]
    device = (
        gpu.get("name") or f"{cpu.get('model', 'a CPU')}, {facts.get('threads', '?')} of {cpu.get('cores', '?')} cores"
    )
    made = [facts.get("started", ""), f"commit {commit}" if commit else "", *versions, facts.get("mode", "")]
    recipe = f"{found.spec.recipe_text}{f' at budget {found.spec.budget:g}' if found.spec.budget != 1 else ''}"
    return [
        ("recipe", f"{recipe}, prunable set {found.spec.prunable}"),
        ("made", " · ".join(part for part in made if part)),
        ("on", device),
    ]


def _titled(title: str, table: Table, console: Console) -> None:
    console.print()
    console.print(Text(title, "bold"))
    console.print(table)
