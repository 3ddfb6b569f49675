"""``reprune verify``: whether what lies in a folder is what was recorded there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bench.base.grouping import grouped
from bench.base.printing import emit
from bench.commands.runs import (
    check_files,
    check_kept,
    check_networks,
    check_predictions,
    check_run,
    check_states,
    check_store,
    check_tables,
)
from bench.commands.runs.finding import Finding
from bench.errors import UserError, printable
from bench.plan.grid import expand
from bench.plan.resolved import changes, opened
from bench.results import find
from bench.results.manifest import NAME as MANIFEST

THREADS = 4
"""That read and hash at the same time; both leave Python's lock alone."""

Task = tuple[str, Callable[[], list[Finding]]]
"""What is looked at, and the look."""

TRAINING = (
    "curves, best epochs, costs and diagnostics: only training once more gives them (`reprune rerun RUN --check`)"
)
NETWORKS = "whether the weights give these logits, live paths and held-out accuracies: `--evaluate` runs the networks"
ABSENT = (
    "accuracy, loss and weights of a kept folder: it has neither predictions nor weights, only what counts follow from"
)
STORE = "a tracking store elsewhere: only mlflow.db in the results is compared"
PAGE = "report.html, provenance.md and checklist.md, but for their checksums: they tell of the code at hand, too"
NUMBERS = "the numbers themselves, which networks or traces gave: `reprune recompute` measures them again"


@dataclass
class Verification:
    """What was looked at, and what was found.

    Attributes:
        counted: how many of each kind were looked at.
        problems: what is wrong; `notes`: what is not wrong, but limits what the check says.
        unchecked: what was not looked at, and why.
    """

    counted: dict[str, int] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        """Take over what a look gave."""
        for finding in findings:
            (self.notes if finding.harmless else self.problems).append(finding)


def verify_all(places: Sequence[Path], fields: Sequence[str], *, as_json: bool = False, evaluate: bool = False) -> int:
    """`verify` of several places, and of every kept folder in a folder of them; 1 if anything is wrong anywhere."""
    found = [each for place in places for each in _inside(place)]
    if as_json:
        every = [values(place, examine(place, fields, evaluate=evaluate)) for place in found]
        emit(every[0] if len(every) == 1 else every)
        return int(not all(each["ok"] for each in every))
    status = 0
    for place in found:
        if len(found) > 1:
            print(f"{printable(str(place))}:")
        status |= verify(place, fields, evaluate=evaluate)
    return status


def _inside(place: Path) -> list[Path]:
    """The place itself, or the folders in it that hold what can be looked at."""
    if not place.is_dir() or _is_ours(place):
        return [place]
    inside = [each for path in sorted(place.iterdir()) if path.is_dir() for each in _inside(path) if _is_ours(each)]
    return inside or [place]


def _is_ours(folder: Path) -> bool:
    results = (folder / "runs").is_dir() or (folder / "records").is_dir()
    return results or check_kept.is_recomputed(folder) or check_kept.is_counts(folder)


def verify(place: Path, fields: Sequence[str] = (), *, evaluate: bool = False) -> int:
    """Print what is wrong in a folder of results, a kept folder or a grid (with fields changed); 1 if anything is.

    With `evaluate`, stored networks classify the test images once more.
    """
    found = examine(place, fields, evaluate=evaluate)
    for finding in found.problems:
        print(printable(f"{finding.path}: {finding.said}"))
    for said, paths in grouped((note.said, note.path) for note in found.notes).items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        print(printable(f"note: {paths[0]}{more}: {said}"))
    for said in found.unchecked:
        print(f"not checked: {said}")
    print(summary(found))
    return int(bool(found.problems))


def examine(place: Path, fields: Sequence[str] = (), *, evaluate: bool = False) -> Verification:
    """Look at everything. Raises `UserError` if there is nothing of ours at that place."""
    looked = _looked_at(place, fields)
    tasks = looked.tasks()
    if not tasks:
        raise UserError(f"{place} holds no runs; name a folder of results, a kept folder or a grid.")
    found = Verification(unchecked=looked.unchecked(evaluate=evaluate))
    found.add(looked.of_manifests())
    with _progress() as progress, ThreadPoolExecutor(THREADS) as pool:
        shown = progress.add_task("checking", total=len(tasks))
        for (kind, _), findings in zip(tasks, pool.map(lambda task: task[1](), tasks), strict=True):
            found.counted[kind] = found.counted.get(kind, 0) + 1
            found.add(findings)
            progress.advance(shown)
        for path in looked.records if evaluate else ():  # one after the other: each has torch's threads for itself
            found.counted["evaluated run"] = found.counted.get("evaluated run", 0) + 1
            found.add(check_networks.run(path, looked.root))
    said = {finding.path for finding in found.problems if MANIFEST not in finding.said}
    found.problems = [each for each in found.problems if MANIFEST not in each.said or each.path not in said]
    return found


@dataclass
class _Looked:
    """What there is to look at in a place.

    Attributes:
        root: the folder of results, or the kept folder.
        kept: whether it is one, without weights and predictions.
        folders: further folders with a manifest, the reports of a grid.
        own: what a folder is looked at for that has no runs.
    """

    root: Path
    kept: bool = False
    records: list[Path] = field(default_factory=list)
    stages: list[Path] = field(default_factory=list)
    tables: list[Callable[[], list[Finding]]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    own: list[Task] = field(default_factory=list)

    def tasks(self) -> list[Task]:
        """In the order in which it is told."""
        labels = check_predictions.Labels(self.root / "data")
        states = check_states.States(self.root / "stages", self.records)
        found: list[Task] = list(self.own)
        found += [("record", partial(check_run.run, path, self.root, labels, states)) for path in self.records]
        found += [("stage", partial(check_run.stage, path, self.root)) for path in self.stages]
        found += [("set of tables", table) for table in self.tables]
        if not found:
            return []
        if not self.kept and not self.own:
            found += [("data set", partial(check_files.dataset, path, self.root)) for path in self._shared("data")]
            found += [("network", partial(check_files.network, path, self.root)) for path in self._shared("archs")]
            if os.path.lexists(self.root / check_store.NAME):
                found.append(("tracking store", partial(check_store.findings, self.root)))
        return found + [("file", look) for looks, _ in self._manifests() for look in looks]

    def of_manifests(self) -> list[Finding]:
        """What is wrong with the manifests themselves."""
        return [finding for _, findings in self._manifests() for finding in findings]

    def _manifests(self) -> list[tuple[list[check_files.Look], list[Finding]]]:
        folders = [folder for folder in [self.root, *self.folders] if not self.own]
        return [check_files.listed(folder, self.kept) for folder in folders]

    def _shared(self, name: str) -> list[Path]:
        return sorted((self.root / name).glob("*.safetensors" if name == "data" else "*.json"))

    def unchecked(self, *, evaluate: bool) -> list[str]:
        """What is not looked at, and why."""
        if self.own:
            return [NUMBERS]
        if self.kept:
            return [ABSENT, TRAINING, PAGE]
        return [TRAINING, *([] if evaluate else [NETWORKS]), STORE, *([PAGE] if self.tables else [])]


def _looked_at(place: Path, fields: Sequence[str]) -> _Looked:
    """What is to be looked at: a grid's runs, or everything in a folder."""
    if fields and place.is_dir():
        raise UserError(f"'{fields[0]}' is for grids; {place} is looked at as it is.")
    if place.is_dir() and check_kept.is_counts(place):
        return _Looked(place, own=[("set of tables", partial(check_kept.counts, place))])
    if place.is_dir() and check_kept.is_recomputed(place):
        return _Looked(place, own=[("set of tables", partial(check_kept.recomputed, place))])
    if place.is_file() or fields:
        return _of_grid(place, fields)
    kept = os.path.lexists(place / "grid.yaml")
    stages = sorted(path for path in (place / "stages").glob("*") if path.is_dir())
    tables = [partial(check_tables.of_kept, place)] if kept else []
    return _Looked(place, kept or not (place / "runs").is_dir(), list(find.all_in(place).values()), stages, [*tables])


def _of_grid(file: Path, fields: Sequence[str]) -> _Looked:
    grid = opened(file, changes(list(fields)))
    plan, results, reports = expand(grid), Path(grid.results), grid.report_folder
    records = [path for spec in plan.runs if (path := results / "runs" / spec.id / "record.json").exists()]
    tables = [partial(check_tables.of_grid, grid, plan)] if reports.is_dir() else []
    folders = [reports] if os.path.lexists(reports / MANIFEST) else []
    return _Looked(results, False, records, sorted(check_run.stages_of(plan, results)), [*tables], folders)


def values(place: Path, found: Verification) -> dict[str, Any]:
    """All findings as JSON-like values."""

    def listed(findings: Iterable[Finding]) -> list[dict[str, str]]:
        return [{"path": str(each.path), "said": each.said} for each in findings]

    return {
        "place": str(place),
        "ok": not found.problems,
        "checked": found.counted,
        "problems": listed(found.problems),
        "notes": listed(found.notes),
        "not_checked": found.unchecked,
    }


def summary(found: Verification) -> str:
    """One sentence: what was looked at, and how many problems there are."""
    counted = ", ".join(_counted(count, kind) for kind, count in found.counted.items())
    return f"{counted} checked: {_counted(len(found.problems), 'problem') if found.problems else 'all is well'}."


def _counted(count: int, noun: str) -> str:
    plural = "sets of tables" if noun == "set of tables" else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _progress() -> Progress:
    """On standard error, and only on a terminal; it is gone afterwards."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
