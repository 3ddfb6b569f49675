"""``reprune status``: how far a grid is. It takes no lock and writes nothing; Snakemake may be at work."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.base.printing import emit, numbers_table, terminal
from bench.commands.runs import activity, remaining_time
from bench.plan.grid import Grid, Plan, expand
from bench.workflow.progress import duration

STATES = ("done", "running", "failed", "to do")
STYLES = {"done": "green", "running": "cyan", "failed": "red", "to do": "dim"}
MARKS = {"done": "■", "running": "▸", "failed": "×"}
BAR = 24
MOST = 12
"""Runs that are listed under a heading; of more only the number is said."""


def show(grid: Grid, *, as_json: bool = False) -> int:
    """Print how far a grid is; returns 1 if a run of it has failed."""
    found = values(grid)
    if as_json:
        emit(found)
    else:
        render(found, terminal())
    return int(found["failed"] > 0)


def values(grid: Grid) -> dict[str, Any]:
    """The state of every run, counted by method, and how long the rest takes, as JSON-like values.

    Runs that ended in an error or left a damaged record have ``failed``; all other outcomes are ``done``.
    """
    plan, results = _asked(grid), Path(grid.results)
    runs = {spec.id: activity.of(spec, results, spelling=plan.spelling) for spec in plan.runs}
    methods: dict[str, list[str]] = {}
    for cell in plan.cells:
        methods.setdefault(cell.method, []).extend(run for _, run in cell.runs)
    counts: Counter[str] = Counter(run.state for run in runs.values())
    return {
        "grid": grid.name,
        "title": grid.title,
        "results": grid.results,
        "runs": len(runs),
        **{state.replace(" ", "_"): counts[state] for state in STATES},
        "outcomes": dict(Counter(run.outcome for run in runs.values() if run.state == "done")),
        "left": remaining_time.left(plan, results, runs),
        "methods": [
            {"method": name, "runs": len(set(ids))}
            | {state.replace(" ", "_"): sum(runs[run].state == state for run in set(ids)) for state in STATES}
            for name, ids in methods.items()
        ],
        "each": [asdict(run) for run in runs.values()],
    }


def _asked(grid: Grid) -> Plan:
    """All runs of a grid; where seeds are added at looks, those that the next one needs."""
    if not grid.looks:
        return expand(grid)
    from bench import published
    from bench.workflow.looks import survey

    return survey(grid, expand(grid), published.load()).now


def render(found: dict[str, Any], console: Console) -> None:
    """Print the values for people."""
    console.print(Text(found["title"] or found["grid"], "bold"))
    console.print()
    console.print(_methods(found["methods"]))
    for state, line in (("running", _running), ("failed", lambda each: each["reason"])):
        each = [run for run in found["each"] if run["state"] == state]
        if each:
            console.print()
            console.print(Text(state.capitalize(), f"bold {STYLES[state]}"))
        for run in each[:MOST]:
            console.print(Text.assemble(f"  {run['label']}  ", (line(run), "dim")))
        if len(each) > MOST:
            console.print(Text(f"  and {len(each) - MOST} more; --json lists all", "dim"))
    console.print()
    counted, *others = summary(found)
    console.print(Text(counted, "bold"))
    for sentence in others:
        console.print(Text(sentence, "dim"))


def summary(found: dict[str, Any]) -> list[str]:
    """The sentences that sum up: counts, outcomes that are not ok, how long the rest takes and how that is known."""
    parts = [f"{found['done']} of {found['runs']} runs done"]
    parts += [f"{found[state]} {state}" for state in ("running", "failed") if found[state]]
    parts += [f"{found['to_do']} to do"] if found["to_do"] else []
    lines = [", ".join(parts)]
    others = [f"{count} {outcome}" for outcome, count in found["outcomes"].items() if outcome != "ok"]
    lines += [f"of those done: {', '.join(others)}"] if others else []
    begun = sum(run["state"] == "to do" and run["stage"] is not None for run in found["each"])
    lines += [f"of those to do, {begun} begun and will go on from where they stopped"] if begun else []
    left = found["left"]
    if left["seconds"] is None:
        return [*lines, f"time left: unknown ({left['how']})"]
    if not left["seconds"]:
        return lines
    return [*lines, f"about {duration(left['seconds'])} left: {left['how']}"]


def _methods(methods: list[dict[str, Any]]) -> Table:
    table = numbers_table("Method", ("Runs", "", "Done", "Running", "Failed", "To do"))
    for each in methods:
        counts = [each[state.replace(" ", "_")] for state in STATES]
        shown = [
            Text(str(count), STYLES[state]) if count else Text("–", "dim")
            for state, count in zip(STATES, counts, strict=True)
        ]
        table.add_row(Text(each["method"]), str(each["runs"]), _bar(counts, each["runs"]), *shown)
    return table


def _bar(counts: list[int], runs: int) -> Text:
    """Marks in the order of `STATES`; what is there at all has at least one of them."""
    bar = Text()
    for (state, mark), count in zip(MARKS.items(), counts, strict=False):
        bar.append(mark * max(round(BAR * count / runs), count > 0), STYLES[state])
    bar.truncate(BAR)
    return bar.append("·" * (BAR - len(bar)), "dim")


def _running(run: dict[str, Any]) -> str:
    at = f"{run['stage']}, epoch {run['epoch']:g} of {run['epochs']:g}" if run["epoch"] is not None else "starting"
    return f"{at}{run['where'] and '  ' + run['where']}"
