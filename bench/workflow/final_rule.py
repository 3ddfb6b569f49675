"""The last step of a call: print the table and where the reports lie; fail if any run left no number and no reason.

The default grid's has a second table: published counts, which can be judged without data.

``python -m bench.workflow.final_rule results/grids/quick-….resolved.json`` (or a grid's file) exits with status 1 when
a run of the grid has no record, or one whose outcome is ``error``. It reads files that are there and needs neither
torch nor pandas.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from bench.base import stores
from bench.base.defaults import QUICK
from bench.base.locks import held
from bench.base.printing import emit
from bench.base.visible import on_terminal
from bench.errors import UserError
from bench.plan import resolved
from bench.plan.grid import Grid, Plan
from bench.plan.lineage import identities
from bench.results import manifest
from bench.results.last_words import unrecorded
from bench.results.record import glance
from bench.workflow.progress import label

FINISHED = ("record.json", "*.safetensors", "predictions*.npz", "final.pt", "snapshot-*.pt")
"""Files of a run or a stage that stay as they are from its end on; logs and measurements of speed do not."""

SHARED = {"data": "*.safetensors", "archs": "*.json"}


def close(grid: Grid, plan: Plan, source: str) -> int:
    """Print what came out of a grid whose reports are written; returns the exit status."""
    print()
    print((grid.report_folder / "table.txt").read_text(encoding="utf-8").rstrip())
    print(f"Every curve and record: {stores.view(stores.named(grid) or f'sqlite:///{grid.results}/mlflow.db')}")
    if Path(shlex.split(source)[0]) == QUICK:
        _count()
    return tell_errors(grid, plan, source)


def tell_errors(grid: Grid, plan: Plan, source: str) -> int:
    """Print which runs ended in an error, and how to have them run again; returns the exit status."""
    failed = errors(grid, plan)
    status = _tell(failed, f"{len(failed)} of {len(plan.runs)} runs ended in an error:")
    if failed:
        print(f"When the cause is mended, `reprune retry {source}` clears them and the next call runs them again.")
    return status


def tell_missing(grid: Grid, plan: Plan) -> int:
    """Print which runs left no record, and why if that is known; returns the exit status."""
    absent = missing(grid, plan)
    return _tell(absent, f"{len(absent)} of {len(plan.runs)} runs left no record; the same call starts them again:")


def _tell(reasons: dict[str, str], head: str) -> int:
    """Print the reasons below a head, if there are any; returns the exit status."""
    if not reasons:
        return 0
    print(f"\n{head}")
    for run, reason in reasons.items():
        print(f"  {run}: {reason}")
    return 1


def note_files(plan: Plan, results: Path) -> None:
    """Put the checksums of what a call has left into the results' manifest, which `reprune verify` compares."""
    folders = [results / "runs" / spec.id for spec in plan.runs]
    folders += {results / "stages" / each[:32] for spec in plan.runs for each in identities(spec).values()}
    paths = [path for folder in folders for pattern in FINISHED for path in folder.glob(pattern)]
    shared = [path for folder, pattern in SHARED.items() for path in (results / folder).glob(pattern)]
    with held(results / "manifest.lock", lambda: None):
        manifest.add(results, [*paths, *shared])


def _count() -> None:
    """Print what `reprune counts` prints."""
    from bench.counts import load, show
    from bench.counts.verdict import judge

    print()
    emit(show.page(judge(load())))


def errors(grid: Grid, plan: Plan) -> dict[str, str]:
    """The reasons of the runs that ended in an error, by the runs' labels; runs without a record are passed over."""
    return {name: reason for name, _, reason in _failed(grid, plan)}


def missing(grid: Grid, plan: Plan) -> dict[str, str]:
    """What the runs without a record wrote last, by the runs' labels."""
    results = Path(grid.results)
    left = [spec for spec in plan.runs if not (results / "runs" / spec.id / "record.json").exists()]
    return {label(spec, plan.spelling): unrecorded(results, spec.id) for spec in left}


def clear_errors(grid: Grid, plan: Plan) -> list[str]:
    """Delete the records of runs that ended in an error, and nothing else; returns the runs' labels."""
    found = _failed(grid, plan)
    for _, record, _ in found:
        record.unlink()
    return [name for name, _, _ in found]


def _failed(grid: Grid, plan: Plan) -> list[tuple[str, Path, str]]:
    """(label, record, reason) of each run that ended in an error, or whose record cannot be read."""
    results = Path(grid.results)
    paths = [(label(spec, plan.spelling), results / "runs" / spec.id / "record.json") for spec in plan.runs]
    found = [(name, path, *glance(path)[:2]) for name, path in paths if path.exists()]
    return [(name, path, reason) for name, path, outcome, reason in found if outcome in ("error", "broken")]


def main(words: list[str]) -> int:
    """``CONFIG [FIELD=VALUE …]``; returns the exit status."""
    source, *rest = words
    with on_terminal():
        try:
            call = resolved.resolve(Path(source), resolved.changes(rest))
            note_files(call.plan, Path(call.grid.results))
            return max(close(call.grid, call.plan, call.words), tell_missing(call.grid, call.plan))
        except UserError as error:
            print(f"reprune: {error}", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
