"""Results of several machines in one folder: records are the truth, conflicts are named, nothing is overwritten.

A run is what its id says, so the same run may have been carried out twice. With the same numbers and the same weights
it is one run. Other hardware gives other bits, and so other numbers, to the same run: the one that was there first
stays. Where hardware does not explain it, other numbers are a conflict, and which of the two shall count is not for a
program to say; the first stays here, too. A run that ended in an error, or whose record cannot be read, gives way to
one that ended otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.base import disk
from bench.base.atomic import sweep
from bench.base.locks import held
from bench.commands.merging import copying
from bench.commands.merging.machines import Conflict, conflict
from bench.errors import UserError
from bench.plan.lineage import is_outdated
from bench.report.kept import GRID
from bench.results import find


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


def merge(sources: Iterable[Path], to: Path, *, dry: bool = False, stages: bool = False) -> Merged:
    """Bring the runs of `sources`, folders of results or kept folders, into the results in `to`.

    It may be cut off at any time and called again. With `dry`, nothing is written. Trainings that runs share come along
    only if `stages` says so: later runs start from them, and whether they hold what they are named after, nothing
    tells. Raises `UserError` if a source is neither, or is `to` itself, before anything is done.
    """
    folders = list(sources)
    for source in folders:
        if not (source / "runs").is_dir() and not (source / GRID).is_file():
            raise UserError(f"{source} is no folder of results (no runs/ in it) and no kept one (no {GRID}).")
        if source.resolve() == to.resolve():
            raise UserError(f"{source} is the folder that the results go to; name another one with --to.")
    if not dry:
        disk.check(to)
    merging = _Merging(to, dry, stages)
    for source in folders:
        merging.bring(source)
    return merging.done


class _Merging:
    """One merge at work."""

    def __init__(self, to: Path, dry: bool, stages: bool) -> None:
        self.to, self.dry, self.stages, self.done = to, dry, stages, Merged()
        self._taken: dict[str, Path] = {}
        """By run id, the record that a dry merge would have copied."""

    def bring(self, source: Path) -> None:
        """Everything of one source."""
        disputed: set[str] = set()
        for run, path in find.all_in(source).items():
            self._alone(run, self.to / "runs" / run, partial(self._run, run, path, source, disputed))
        for stage in copying.stages_in(source):
            target = self.to / "stages" / stage.name
            if stage.name in disputed or stage.name in self.done.stages or (target / copying.FINISHED).exists():
                continue
            if self.stages:
                self._alone(f"stages/{stage.name}", target, partial(self._stage, stage, target, source))
            else:
                self.done.left += 1

    def _run(self, run: str, path: Path, source: Path, disputed: set[str]) -> None:
        """Take a run of a source if it brings something. If what is here differs from it, and stays, stages do, too."""
        there = copying.read(path, run, source)
        mine = self._taken.get(run, self.to / "runs" / run / "record.json")
        existed, here = mine.exists(), None
        with suppress(copying.Damaged):
            here = copying.read(mine, run) if existed else None
        if here is None or (here.outcome == "error" and there.outcome != "error"):
            files = [*copying.of_run(there, path), copying.File(path, "record.json")]
            copying.copy(files, mine.parent, source, dry=self.dry)
            (self.done.replaced if existed else self.done.copied).append(run)
            self.done.outdated += [run] if is_outdated(there.spec) else []
            self._taken |= {run: path} if self.dry else {}
        elif there.outcome != "error" and (differing := conflict(here, mine, there, path, source)) is not None:
            (self.done.elsewhere if differing.by_hardware else self.done.conflicts).append(differing)
            disputed |= copying.stages_of(there)
        else:
            self.done.same.append(run)
            files = copying.of_run(here, path) if there.outcome == here.outcome else []
            lacking = [each for each in files if not (mine.parent / each.name).exists()]
            copying.copy(lacking, mine.parent, source, dry=self.dry)
            self.done.completed += [run] if lacking else []

    def _stage(self, stage: Path, target: Path, source: Path) -> None:
        copying.copy(copying.of_stage(stage), target, source, dry=self.dry)
        self.done.stages.append(stage.name)

    def _alone(self, name: str, folder: Path, work: Callable[[], None]) -> None:
        """Take a run or a stage, unless it is damaged, while nobody else writes into its folder."""
        try:
            with nullcontext() if self.dry else held(folder / "lock", _busy):
                if not self.dry:
                    sweep(folder)
                work()
        except copying.Damaged as error:
            self.done.refused[name] = str(error)
        except BlockingIOError:
            self.done.busy.append(name)


def _busy() -> None:
    """Another process has the lock of a run or a stage."""
    raise BlockingIOError
