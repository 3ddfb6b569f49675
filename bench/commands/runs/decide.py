"""Carrying out a grid whose seeds are added at looks, and what can be said of it beforehand."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bench import published
from bench.base.checkout import CHECKOUT
from bench.base.printing import emit, numbers_table, terminal
from bench.errors import UserError
from bench.plan import resolved, variants
from bench.plan.files import locate
from bench.plan.resolved import Resolved
from bench.published.comparison import matched
from bench.published.looks import LAST, RULE, SEEDS
from bench.published.rule import LOOKS
from bench.workflow import estimate, final_rule
from bench.workflow.looks import State, Survey, survey
from bench.workflow.plan import totals

if TYPE_CHECKING:
    from types import FrameType

BASIS = (
    "Likely is the look at which a number is called 'reproduced' more probably than not, if the paper is exactly right "
    "and our seeds scatter as is guessed; the last one if none does. Other cells get the seeds of the first look."
)


def opened(config: Path, fields: Sequence[str]) -> Resolved:
    """The grid of a call. Raises `UserError` if its rule is another one, or was not fixed before its first run."""
    call = resolved.resolve(locate(config), resolved.changes(list(fields)))
    grid, source = call.grid, call.source
    if changed := sorted(set(call.changes) - variants.MACHINE - variants.PACE):
        raise UserError(f"'{changed[0]}' cannot be changed for a call; what is decided is the grid as it is committed.")
    if not grid.looks:
        raise UserError(f"{source}: {_fixed(call)}")
    if len(grid.seeds) not in LOOKS:
        raise UserError(
            f"{source}: the field 'seeds' lists {len(grid.seeds)}; looks are at {SEEDS} seeds, so list {LAST}, or as "
            "many as the look where to stop."
        )
    _check_runs(call)
    return call


def _fixed(call: Resolved) -> str:
    """Why a grid without looks is refused."""
    runs = call.plan.runs
    ended = sum((Path(call.grid.results) / "runs" / spec.id / "record.json").exists() for spec in runs)
    if not ended:
        return f"its seeds are fixed; write `looks: true` and {LAST} seeds into it, and commit it before its first run."
    return (
        f"its seeds were fixed beforehand, and {ended} of its {len(runs)} runs have ended; who may have seen them "
        "cannot choose another rule any more."
    )


def _check_runs(call: Resolved) -> None:
    from bench.results import measurements

    numbers = matched(call.plan, published.load())
    judged = {run for cell, _, blocked, anchor in numbers if anchor and not blocked for _, run in cell.runs}
    if not judged:
        raise UserError(f"{call.source}: none of its published numbers can be compared, so there is nothing to decide.")
    records, _ = measurements.read_records(call.plan, Path(call.grid.results))
    if before := [run for run in sorted(judged & set(records)) if not records[run].record.looks]:
        raise UserError(
            f"{call.source}: {len(before)} of its runs were made under fixed seeds, first {before[0]}; who may have "
            "seen them cannot choose another rule for these seeds any more, so list other ones."
        )


def _uncommitted(path: Path) -> bool:
    """Whether a file in a Git repository is not there as it is committed."""
    command = ["git", "-C", str(path.parent), "status", "--porcelain", "--ignored", "--", path.name]
    try:
        return bool(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    except (OSError, subprocess.SubprocessError):
        return False


def _survey(call: Resolved) -> Survey:
    return survey(call.grid, call.plan, published.load())


def decide(call: Resolved, cores: str, profile: Path | None, *, as_json: bool = False) -> int:
    """Run look after look until no verdict is open, and write the reports; returns the exit status.

    Raises `UserError` if the grid is not committed as it is.
    """
    from bench import report

    if _uncommitted(Path(call.source)):
        raise UserError(f"{call.source}: commit it as it is; the rule has to be fixed before the first run.")
    grid, results, status = call.grid, Path(call.grid.results), 0
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        call.write()
        found = _survey(call)
        while not status and (to_run := found.to_run):
            print(f"{len(to_run)} runs to the next look", flush=True)
            records = [f"{grid.results}/runs/{spec.id}/record.json" for spec in to_run]
            status = workflow(["--configfile", str(call.path), *_options(cores, profile), *records], quiet=as_json)
            found = _survey(call)
        variants.mark(grid, Path(call.source))
        final_rule.note_files(found.now, results)
        report.build(grid, call.plan)
        if not as_json:
            _show(found)
        told = final_rule.tell_errors(grid, found.now, call.words), final_rule.tell_missing(grid, found.now)
    if as_json:
        emit(_values(found))
    return max(*told, bool(status))


def _options(cores: str, profile: Path | None) -> list[str]:
    # Last an option that takes one value: Snakemake takes the words after it for its targets.
    return [*(["--workflow-profile", str(profile)] if profile else []), "--cores", cores]


def workflow(words: Sequence[str], *, quiet: bool) -> int:
    """A call of Snakemake, whose output goes to standard error if it shall be `quiet`; returns its exit status.

    Ctrl-C reaches all processes of a terminal and is left to it, which stops its runs at their checkpoints. SIGTERM is
    passed on; Snakemake then starts no other run. This process goes on to say what is there.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(CHECKOUT / "Snakefile"), *words]
    with subprocess.Popen(command, stdout=sys.stderr if quiet else None) as process:

        def passed_on(number: int, frame: FrameType | None) -> None:
            process.send_signal(number)

        interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
        ended = signal.signal(signal.SIGTERM, passed_on)
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, interrupted)
            signal.signal(signal.SIGTERM, ended)


def foretell(call: Resolved, *, probe: bool, as_json: bool) -> None:
    """Print how many seeds each cell will probably need, and what they cost."""
    found = _survey(call)
    if probe:
        print("measuring each network for some seconds; --no-probe leaves it out", file=sys.stderr, flush=True)
    likely = estimate.of(call.grid, found.likely, probe).values()
    if as_json:
        emit(_values(found) | {"estimate": likely})
        return
    _show(found)
    console = terminal()
    for sentence in (f"Seeds are {RULE}. {BASIS}", *likely["rests_on"]):
        console.print(Text(sentence, "dim"))
    console.print()
    runs = f"To the next look: {len(found.to_run)} runs; at most {len(found.at_most.runs)} in all. Likely:"
    for line in (runs, *totals(likely)):
        console.print(Text(line, "bold"))


def _values(found: Survey) -> dict[str, Any]:
    cells = [state.values() for state in found.states if state.cell.runs]
    return {"looks": list(LOOKS), "cells": cells, "to_run": [spec.id for spec in found.to_run]}


def _show(found: Survey) -> None:
    """A line for each cell: its seeds, those that are likely, and its verdict with the look that it rests on."""
    table = numbers_table("Cell", ("Seeds", "Likely", f"Chance at {SEEDS}", "Look", "Verdict"))
    for state in found.states:
        if state.cell.runs:
            cell = Text(f"{state.cell.method}{found.plan.spelling.at(state.cell.point)}")
            table.add_row(cell, *_columns(state))
    console = terminal()
    console.print()
    console.print(table)
    console.print()


def _columns(state: State) -> tuple[str, ...]:
    if state.verdict is None:
        return str(state.ended), str(state.likely), "", "", "no number to compare with"
    chances = ", ".join(f"{100 * chance:.0f}" for chance in state.chances.values())
    look = state.verdict.verdict.look
    return str(state.ended), str(state.likely), f"{chances} %", str(look or "–"), str(state.verdict.outcome)
