"""``reprune verify``: whether what lies in a folder is what was recorded there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bench.errors import UserError, printable
from bench.grid import expand
from bench.runs import check_run, check_states, check_tables, find
from bench.runs.check_run import Finding
from bench.workflow.resolved import changes, opened

THREADS = 4
"""That read and hash at the same time; both leave Python's lock alone."""

Task = tuple[str, Callable[[], list[Finding]]]
"""What is looked at, and the look."""


@dataclass
class Verified:
    """What was looked at, and what was found.

    Attributes:
        counted: how many of each kind were looked at.
        problems: what is wrong; `notes`: what is not wrong, but limits what the check says.
    """

    counted: dict[str, int] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)


def verify(place: Path, fields: Sequence[str] | None = None, *, as_json: bool = False) -> int:
    """Print what is wrong in a folder of results, a kept folder or a grid (with fields changed); 1 if anything is."""
    found = examine(place, fields)
    if as_json:
        print(json.dumps(values(place, found), indent=1, ensure_ascii=False))
        return int(bool(found.problems))
    for finding in found.problems:
        print(printable(f"{finding.path}: {finding.said}"))
    for said, paths in _grouped(found.notes).items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        print(printable(f"note: {paths[0]}{more}: {said}"))
    print(summary(found))
    return int(bool(found.problems))


def examine(place: Path, fields: Sequence[str] | None = None) -> Verified:
    """Look at everything. Raises `UserError` if there is nothing of ours at that place."""
    tasks = _tasks(place, fields or [])
    if not tasks:
        raise UserError(f"{place} holds no runs; name a folder of results, a kept folder or a grid.")
    found = Verified()
    with _progress() as progress, ThreadPoolExecutor(THREADS) as pool:
        shown = progress.add_task("checking", total=len(tasks))
        for (kind, _), findings in zip(tasks, pool.map(lambda task: task[1](), tasks), strict=True):
            found.counted[kind] = found.counted.get(kind, 0) + 1
            for finding in findings:
                (found.notes if finding.harmless else found.problems).append(finding)
            progress.advance(shown)
    return found


def _tasks(place: Path, fields: Sequence[str]) -> list[Task]:
    """What is to be looked at, in the order in which it is told."""
    if fields and place.is_dir():
        raise UserError(f"'{fields[0]}' is for grids; {place} is looked at as it is.")
    if place.is_file() or fields:
        grid = opened(place, changes(list(fields)))
        plan, results = expand(grid), Path(grid.results)
        records = [path for spec in plan.runs if (path := results / "runs" / spec.id / "record.json").exists()]
        stages = sorted(check_run.stages_of(plan, results))
        tables = [partial(check_tables.of_grid, grid, plan)] if grid.report_folder.is_dir() else []
    else:
        results, records = place, list(find.all_in(place))
        stages = sorted(path for path in (place / "stages").glob("*") if path.is_dir())
        tables = [partial(check_tables.of_kept, place)] if (place / "grid.yaml").is_file() else []
    labels = check_run.Labels(results / "data")
    states = check_states.States(results / "stages", records)
    found: list[Task] = [("record", partial(check_run.run, path, labels, states)) for path in records]
    found += [("stage", partial(check_run.stage, path)) for path in stages]
    return found + [("set of tables", table) for table in tables]


def values(place: Path, found: Verified) -> dict[str, Any]:
    """All findings as JSON-like values."""

    def listed(findings: Iterable[Finding]) -> list[dict[str, str]]:
        return [{"path": str(each.path), "said": each.said} for each in findings]

    return {
        "place": str(place),
        "ok": not found.problems,
        "checked": found.counted,
        "problems": listed(found.problems),
        "notes": listed(found.notes),
    }


def summary(found: Verified) -> str:
    """One sentence: what was looked at, and how many problems there are."""
    counted = ", ".join(_counted(count, kind) for kind, count in found.counted.items())
    return f"{counted} checked: {_counted(len(found.problems), 'problem') if found.problems else 'all is well'}."


def _counted(count: int, noun: str) -> str:
    plural = "sets of tables" if noun == "set of tables" else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _grouped(notes: Iterable[Finding]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for note in notes:
        found.setdefault(note.said, []).append(note.path)
    return found


def _progress() -> Progress:
    """On standard error, and only on a terminal; it is gone afterwards."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
