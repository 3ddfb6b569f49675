"""Results of several machines in one folder: records are the truth, conflicts are named, nothing is overwritten.

A run is what its id says, so the same run may have been carried out twice. With the same numbers and the same weights
it is one run. Other hardware gives other bits, and so other numbers, to the same run: the one that was there first
stays. Where hardware does not explain it, other numbers are a conflict, and which of the two shall count is not for a
program to say; the first stays here, too. A run that ended in an error, or whose record cannot be read, gives way to
one that ended otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.base import disk
from bench.base.atomic import sweep
from bench.base.locks import held
from bench.commands.merging import copying
from bench.commands.merging.copying import Damaged
from bench.commands.merging.machines import Conflict, conflict
from bench.errors import UserError
from bench.plan.lineage import is_outdated
from bench.report.kept import GRID
from bench.results import find
from bench.results.record import Record


@dataclass
class Merged:
    """What a merge did, or would do, by run id.

    Attributes:
        copied: runs that were not there.
        replaced: runs that were there as an error, or with a record that cannot be read.
        same: runs that were there already, with the same numbers and weights, or with the same lack of them.
        completed: those of `same` that got files which they lacked.
        elsewhere: runs that are there with numbers or weights that other hardware gave them; they stay as they are.
        conflicts: runs that are there with other numbers or weights; they stay as they are.
        refused: why a source's run was not taken.
        busy: runs that are being carried out where they should go.
        outdated: copied runs which today's code and recipes would give another identity, so no grid asks for them.
        stages: identities of trainings that were copied, for runs that will start from them.
        left: how many trainings were not, since nobody asked for them.
    """

    copied: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)
    elsewhere: list[Conflict] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    left: int = 0

    @property
    def complete(self) -> bool:
        """Whether everything that the sources have is there now."""
        return not (self.conflicts or self.refused or self.busy)


class _Busy(Exception):
    """Another process has the lock of a run or a stage."""


def merge(sources: Iterable[Path], to: Path, *, dry: bool = False, stages: bool = False) -> Merged:
    """Bring the runs of `sources`, folders of results or kept folders, into the results in `to`.

    It may be cut off at any time and called again. With `dry`, nothing is written. Trainings that runs share come along
    only if `stages` says so: later runs start from them, and whether they hold what they are named after, nothing
    tells. Raises `UserError` if a source is neither, or is `to` itself, before anything is done.
    """
    folders = list(sources)
    for folder in folders:
        _check(folder, to)
    if not dry:
        disk.check(to)
    merging = _Merging(to, dry, stages)
    for folder in folders:
        merging.bring(folder)
    return merging.done


def _check(source: Path, to: Path) -> None:
    if not (source / "runs").is_dir() and not (source / GRID).is_file():
        raise UserError(f"{source} is no folder of results (no runs/ in it) and no kept one (no {GRID}).")
    if source.resolve() == to.resolve():
        raise UserError(f"{source} is the folder that the results go to; name another one with --to.")


class _Merging:
    """One merge at work."""

    def __init__(self, to: Path, dry: bool, stages: bool) -> None:
        self.to, self.dry, self.stages, self.done = to, dry, stages, Merged()
        self._taken: dict[str, Path] = {}
        """By run id, the record that a dry merge would have copied."""

    def bring(self, source: Path) -> None:
        """Everything of one source."""
        disputed: set[str] = set()
        for path in find.all_in(source):
            run = path.parent.name if path.name == "record.json" else path.stem
            try:
                there = copying.read(path, run, source)
                with self._alone(self.to / "runs" / run):
                    if self._decide(there, path, source):
                        disputed |= copying.stages_of(there)
            except Damaged as error:
                self.done.refused[run] = str(error)
            except _Busy:
                self.done.busy.append(run)
        for stage in copying.stages_in(source):
            if stage.name not in disputed and not self._has_stage(stage):
                self._bring_stage(stage, source)

    def _decide(self, there: Record, path: Path, source: Path) -> bool:
        """Take a run of a source if it brings something; returns whether what is here differs from it, and stays."""
        run, mine = there.id, self._taken.get(there.id, self.to / "runs" / there.id / "record.json")
        here = _readable(mine, run)
        if here is None or (here.outcome == "error" and there.outcome != "error"):
            existed = mine.exists()
            copying.take(there, path, mine.parent, source, dry=self.dry)
            (self.done.replaced if existed else self.done.copied).append(run)
            self.done.outdated += [run] if is_outdated(there.spec) else []
            self._taken |= {run: path} if self.dry else {}
            return False
        found = None if there.outcome == "error" else conflict(here, mine, there, path, source)
        if found is not None:
            (self.done.elsewhere if found.by_hardware else self.done.conflicts).append(found)
            return True
        self.done.same.append(run)
        if there.outcome == here.outcome and copying.complete(here, path, mine, source, dry=self.dry):
            self.done.completed.append(run)
        return False

    def _has_stage(self, stage: Path) -> bool:
        return (self.to / "stages" / stage.name / copying.FINISHED).exists() or stage.name in self.done.stages

    def _bring_stage(self, stage: Path, source: Path) -> None:
        if not self.stages:
            self.done.left += 1
            return
        target = self.to / "stages" / stage.name
        try:
            with self._alone(target):
                copying.take_stage(stage, target, source, dry=self.dry)
                self.done.stages.append(stage.name)
        except Damaged as error:
            self.done.refused[f"stages/{stage.name}"] = str(error)
        except _Busy:
            self.done.busy.append(f"stages/{stage.name}")

    @contextmanager
    def _alone(self, folder: Path) -> Iterator[None]:
        """Nobody else writes into the folder of a run or a stage meanwhile; raises `_Busy` if somebody does."""
        if self.dry:
            yield
            return
        with held(folder / "lock", _busy):
            sweep(folder)
            yield


def _busy() -> None:
    raise _Busy


def _readable(path: Path, run: str) -> Record | None:
    try:
        return copying.read(path, run) if path.exists() else None
    except Damaged:
        return None
