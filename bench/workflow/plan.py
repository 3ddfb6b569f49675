"""``reprune plan``: how many runs a grid has, which of them are done, how long the others will take, and the disk."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.base.grouping import grouped
from bench.base.printing import emit, numbers_table, terminal
from bench.plan.grid import Grid, expand
from bench.workflow import estimate, verdicts
from bench.workflow.progress import label


def show(grid: Grid, *, runs: bool = False, probe: bool = True, as_json: bool = False) -> None:
    """Print the estimate of a grid; with `runs` also a line per run, without `probe` no times."""
    plan = expand(grid)
    if probe:
        print("measuring each network for some seconds; --no-probe leaves it out", file=sys.stderr, flush=True)
    found = estimate.of(grid, plan, probe).values() | {"published": verdicts.values(grid, plan)}
    if as_json:
        listed = {"run_ids": [spec.id for spec in plan.runs]} if runs else {}
        emit(found | listed)
        return
    for spec in plan.runs if runs else []:
        print(label(spec, plan.spelling))
    render(found, terminal())


def render(found: dict[str, Any], console: Console) -> None:
    """Print the values of an estimate (`bench.workflow.estimate.Estimate.values`) for people.

    With what the grid can say of published numbers (`bench.workflow.verdicts.values`) under ``published``.
    """
    published = found["published"]
    scaled = "" if found["budget"] == 1 else f", scaled down to {found['budget']:g} of the recipe's length"
    console.print(Text(f"{found['title'] or found['grid']}{scaled}", "bold"))
    tables = [
        _networks(found),
        _methods(found),
        *([_verdicts(published)] if published and published["methods"] else []),
    ]
    for table in tables:
        console.print(Text(), table)
    console.print()
    for line in _skipped(found):
        console.print(Text(line))
    for sentence in [*found["rests_on"], *([verdicts.basis(published)] if published and published["methods"] else [])]:
        console.print(Text(sentence, "dim"))
    console.print()
    for line in [*totals(found), *([published["says"]] if published else [])]:
        console.print(Text(line, "bold"))


def totals(found: dict[str, Any]) -> list[str]:
    """The lines that sum up an estimate: runs, time, disk."""
    done = f", {found['done']} of them done" if found["done"] else ""
    skipped = f", {len(found['skipped'])} of them skipped" if found["skipped"] else ""
    lines = [f"{_counted(found['runs'], 'run')}{done}; {_counted(found['cells'], 'cell')}{skipped}"]
    hours = found["hours"]
    if hours["all"] is not None:
        there = f"about {_short(hours['all'])} {found['unit']}"
        wait = f"{duration(hours['clock'])} with {_counted(found['at_once'], 'run')} at once"
        lines.append(
            f"{there}, {_short(hours['left'])} to come: {wait}" if hours["left"] else f"{there}, nothing to come"
        )
    disk = {name: size(count) for name, count in found["disk"].items()}
    lines.append(f"{disk['all']} of disk, {disk['left']} to come; up to {disk['checkpoints']} of checkpoints meanwhile")
    return lines


def _skipped(found: dict[str, Any]) -> list[str]:
    """The skipped cells, one line per reason."""
    cells = grouped((each["reason"], each["cell"]) for each in found["skipped"])
    return [
        f"skipped: {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}: {reason}"
        for reason, names in cells.items()
    ]


def _networks(found: dict[str, Any]) -> Table:
    heads = ("Training, images/s", "Evaluation, images/s", "Weights", "Finished stage", "Checkpoint")
    table = numbers_table("Network", heads)
    counted = Counter((each["dataset"], each["architecture"]) for each in found["networks"])
    for each in found["networks"]:
        several = counted[each["dataset"], each["architecture"]] > 1
        name = f"{each['architecture']} on {each['dataset']}" + (f", {each['recipe']}" if several else "")
        speeds = [each.get(f"{what}_images_per_second") for what in ("training", "evaluation")]
        shown = ["–" if speed is None else f"{speed:,.0f}" for speed in speeds]
        table.add_row(Text(name), *shown, *map(size, each["bytes"].values()))
    return table


def _methods(found: dict[str, Any]) -> Table:
    table = numbers_table("Method", ("Runs", "Own epochs per run", found["unit"]))
    for each in found["methods"]:
        hours = "–" if each["hours"] is None else _short(each["hours"])
        table.add_row(Text(each["method"]), str(each["runs"]), f"{each['epochs_per_run']:.4g}", hours)
    return table


def _verdicts(published: dict[str, Any]) -> Table:
    names = ("numbers", "comparable", "decidable", "affordable", "seeds")
    table = numbers_table("Published numbers of", tuple(name.capitalize() for name in names))
    for each in published["methods"]:
        table.add_row(Text(each["method"]), *("–" if each[name] is None else str(each[name]) for name in names))
    return table


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _short(hours: float) -> str:
    return f"{hours:.2g}" if hours < 10 else f"{hours:,.0f}"


def duration(hours: float) -> str:
    """``3 minutes``, ``5.2 hours`` or ``12 days``."""
    if hours < 1.5:
        return _counted(max(1, round(60 * hours)), "minute")
    return f"{hours:.2g} hours" if hours < 48 else f"{hours / 24:,.0f} days"


def size(count: float) -> str:
    """Bytes as ``318 kB``, ``65 MB`` or ``1.2 GB``; a kB has 1,000 bytes."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} B"
