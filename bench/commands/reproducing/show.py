"""``reprune reproduce`` for people: what is known beforehand, and what came out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bench.base.printing import LISTS, emit, plain_table, terminal
from bench.commands.reproducing import summary
from bench.commands.reproducing.outlook import Outlook
from bench.commands.reproducing.work import carry_out
from bench.published.obstacles import counted
from bench.published.power import MOST_SEEDS
from bench.report.terminal import TABLE_WIDTH, table
from bench.workflow.plan import totals
from bench.workflow.progress import duration

HEADS = ("Method", "On", "Points", "Seeds", "Numbers", "Power")

POWER = (
    "Power: how many of the numbers will probably be called 'reproduced' if the paper is exactly right, with these "
    "seeds (docs/comparing.md). Decidable: more probably than not."
)

NO_GPU = "On GPUs: not measured, for no GPU is at hand; on a machine with one, this command measures that."


def outlook(found: Outlook, told: dict[str, Any], stream: TextIO) -> None:
    """Print what a paper claims, what can be judged with which power, what is missing, and the cost.

    Args:
        found: the outlook.
        told: its values.
        stream: where to.
    """
    console = Console(file=stream, highlight=False, width=None if stream.isatty() else LISTS)
    for part in (_claims(found, told), _grids(told), _missing(found, told), _cost(told)):
        if lines := list(part):
            console.print(*(Text(line) if isinstance(line, str) else line for line in lines), "", sep="\n")


def _claims(found: Outlook, told: dict[str, Any]) -> Iterable[RenderableType]:
    arxiv = f", arXiv:{told['arxiv']}" if told["arxiv"] else ""
    yield Text(f"{told['paper']}{arxiv}", "bold")
    ours = told["retrained"]
    if ours["numbers"]:
        able = f"{ours['comparable']} can be compared with runs of ours, {ours['decidable']} of these are decidable"
        yield f"re-trained: {ours['numbers']} printed numbers; {able}"
    for source in told["recomputed"]:
        files = f"{source['files']} file{'s' * (source['files'] != 1)} of networks"
        yield f"recomputed: {source['cells']} printed cells, {files} ({source['source']})"
    if told["counted"]:
        yield f"counted: {told['counted']} printed parameters, multiply-adds or sizes"


def _grids(told: dict[str, Any]) -> Iterable[RenderableType]:
    for grid in told["retrained"]["grids"]:
        how = "made" if grid["made"] else "written by hand"
        yield Text(f"{grid['grid']} ({how}, {grid['runs']} runs)", "bold")
        yield _cells(grid["cells"])
    if left := told["retrained"]["left"]:
        yield Text("Left, for they do not fit the hours:", "bold")
        yield _cells(left)
    if told["retrained"]["comparable"]:
        yield Text(f"{POWER} Our seeds are taken to scatter by {'; '.join(told['retrained']['scatter'])}.", "dim")


def _cells(cells: Sequence[dict[str, Any]]) -> Table:
    """A line for cells that differ in their points alone."""
    lines = plain_table(*HEADS, numbers=("Seeds", "Numbers", "Power"))
    alike: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for cell in cells:
        network = f"{cell['architecture']}, {cell['dataset']}"
        alike.setdefault((cell["method"], network, len(cell["seeds"])), []).append(cell)
    for (method, network, seeds), found in alike.items():
        points = sorted({point for cell in found for point in cell["points"]})
        numbers, power = sum(len(cell["rows"]) for cell in found), sum(cell["power"] for cell in found)
        shown = ", ".join(f"{100 * point:.5g}" for point in points)
        lines.add_row(
            Text(method), network, f"{shown} %" if points else "dense", str(seeds), str(numbers), f"{power:.1f}"
        )
    return lines


def _missing(found: Outlook, told: dict[str, Any]) -> Iterable[RenderableType]:
    if found.apart:
        yield f"missing: {len(found.apart)} numbers cannot be compared ({counted(found.apart.values())})"
    undecided = told["retrained"]["comparable"] - told["retrained"]["decidable"]
    if undecided:
        enough = f"at most {MOST_SEEDS} seeds, or those of the grid,"
        yield f"missing: seeds for {undecided} numbers, which {enough} more probably leave open"
    for sentence in (*told["missing"], *(each for one in told["recomputed"] for each in one["missing"].values())):
        yield f"missing: {sentence}"


def _cost(told: dict[str, Any]) -> Iterable[RenderableType]:
    cost, seconds = told["cost"], sum(source["seconds"] for source in told["recomputed"])
    if seconds:
        yield f"cost: recomputing took {duration(seconds)} of one core where the committed records were made"
    if cost["runs"]:
        macs = f"{cost['multiply_adds'] / 1e15:,.2f} × 10^15 multiply-adds"
        yield f"cost: {cost['runs']} runs, {macs} to come, as if networks were dense"
    if cost["hours"]:
        skipped: list[str] = []
        yield from (f"cost: {line}" for line in totals(told["cost"] | {"cells": 0, "skipped": skipped})[1:])
        yield Text(" ".join(cost["rests_on"]), "dim")
    if cost["runs"] and not cost["gpus"]:
        yield NO_GPU


def carried_out(found: Outlook, words: Sequence[str], as_json: bool) -> int:
    """Run what is not done yet, write and print what came out; returns the exit status."""
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        status = carry_out(found, words)
    judged = summary.findings(found)
    paths = summary.write(found, judged)
    if as_json:
        emit({"badge": summary.badge(judged), "verdicts": summary.as_json(judged), "files": list(map(str, paths))})
        return status
    for name, block in summary.tables_of(judged).items():
        terminal(TABLE_WIDTH).print(table(block, name), "", sep="\n")
    print("\n".join(map(str, paths)))
    print(summary.badge(judged))
    return status
