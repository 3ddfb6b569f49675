"""``reprune doctor``: what was found on this machine, and what to do about what is missing."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import catalog, data
from bench.base import devices, disk, stores
from bench.base.printing import emit
from bench.data.images import file_of
from bench.data.prepare import VARIABLE, data_root, originals
from bench.errors import DiskError, discreet
from bench.plan.grid import Grid

LITTLE = 10**9
"""Bytes of free disk below which even a small grid may not end."""


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, what was found, and what to do about it; without advice, all is well.

    Attributes:
        needed: whether the grid cannot run unless the advice is followed.
    """

    what: str
    found: str
    advice: str = ""
    needed: bool = True

    @property
    def mark(self) -> str:
        """``✓`` for what is well, ``!`` for what has to be mended, ``–`` for what is missing and not needed."""
        return ("[yellow]![/]" if self.needed else "–") if self.advice else "[green]✓[/]"


def examine(grid: Grid, as_json: bool = False) -> int:
    """Print all findings for a grid; the exit status is 1 if something it needs is missing."""
    findings = [*software(), *hardware(grid), folder(grid), *datasets(grid), *methods(), store(grid)]
    missing = any(finding.advice and finding.needed for finding in findings)
    if as_json:
        emit({"ok": not missing, "findings": [asdict(finding) for finding in findings]})
        return int(missing)
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        advice = f"\n→ {finding.advice}" if finding.advice else ""
        table.add_row(finding.mark, escape(finding.what), escape(finding.found + advice))
    Console().print(table)
    return int(missing)


def software() -> list[Check]:
    """Python, the required packages, torch's build and torchvision's operators."""
    import torch

    from bench.base.imports import torchvision_ops

    build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for the CPU only"
    return [
        _python(),
        _packages(),
        Check("torch", f"{torch.__version__}, built {build}"),
        Check("torchvision", torchvision_ops()),
    ]


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info < (3, 14)
    return Check("Python", f"{found} in {sys.prefix}", "" if fits else "use Python 3.11, 3.12 or 3.13")


def _packages() -> Check:
    """Whether what pyproject.toml asks for is installed, in a version that it allows."""
    try:
        wanted = [Requirement(text) for text in metadata.requires("reprune") or []]
    except metadata.PackageNotFoundError:
        return Check("packages", "reprune itself is not installed", "pip install -c envs/constraints.txt -e .")
    wanted = [requirement for requirement in wanted if requirement.marker is None]
    wrong = [text for requirement in wanted if (text := _wrong(requirement))]
    if wrong:
        return Check("packages", ", ".join(wrong), "pip install -c envs/constraints.txt -e .")
    return Check("packages", f"all {len(wanted)} as required")


def _wrong(requirement: Requirement) -> str:
    try:
        found = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    fits = requirement.specifier.contains(found, prereleases=True)
    return "" if fits else f"{requirement.name} {found} is not {requirement.specifier}"


def hardware(grid: Grid) -> list[Check]:
    """CPU cores and GPUs, and how many runs go on at once."""
    import torch

    cores = len(os.sched_getaffinity(0))
    at_once = max(1, cores // grid.threads)
    found = [Check("CPU", f"{cores} cores: {at_once} runs at once with threads: {grid.threads}")]
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        shared = grid.slots_per_gpu
        slots = f"{len(names) * shared} slots with slots_per_gpu: {shared}"
        return [*found, Check("GPU", f"{', '.join(names)}: {slots}")]
    if devices.gpus():
        return [*found, Check("GPU", "there is one, but torch cannot use it", "install a CUDA build of torch")]
    return [*found, Check("GPU", "none; runs use the CPU")]


def folder(grid: Grid) -> Check:
    """Whether results can be written, and how much room is left for them."""
    results = Path(grid.results).absolute()
    place = next(path for path in (results, *results.parents) if path.exists())  # it is made by the first call
    try:
        disk.check(place)
    except DiskError as error:
        return Check("disk", str(error), "mend that, or name another folder as results in the grid")
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:,.0f} GB free for {grid.results}/ (`reprune plan` says what a grid needs)"
    return Check("disk", found, "" if free >= LITTLE else "make room: runs stop when the disk is full")


def datasets(grid: Grid) -> list[Check]:
    """The folder of originals, and where each data set is; those that the grid names have to be somewhere."""
    return [_data_folder(grid), *(_dataset(name, grid) for name in data.names())]


def _data_folder(grid: Grid) -> Check:
    root = data_root(Path(grid.data_dir) if grid.data_dir else None)
    says = "data_dir in the grid" if grid.data_dir else f"${VARIABLE}" if os.environ.get(VARIABLE) else "the default"
    advice = "" if root.is_dir() else f"set ${VARIABLE} to the folder that has your data sets, if you have any"
    return Check("data", f"{root} ({says}){'' if root.is_dir() else ' is not there'}", advice, needed=False)


def _dataset(name: str, grid: Grid) -> Check:
    prepared = file_of(name, Path(grid.results) / "data")
    if prepared.exists():
        return Check(name, f"{'indexed' if data.info(name).folder else 'decoded'} in {prepared}")
    folder = originals(name, Path(grid.data_dir) if grid.data_dir else None)
    if folder is None:
        return Check(name, "comes with scikit-learn")
    if folder.is_dir():
        return Check(name, f"originals in {folder}")
    fetched = not data.info(name).folder
    advice = f"name its folder as data_dir in the grid or in ${VARIABLE}"
    advice += ", or allow fetching it with download: true" if fetched else ""
    return Check(name, f"not in {folder}", advice, needed=name in grid.datasets and not (fetched and grid.download))


def methods() -> list[Check]:
    """How many methods there are, and which files are broken."""
    broken = catalog.problems()
    found = Check("methods", ", ".join(name for name in catalog.names() if name not in broken))
    return [found, *(Check(name, problem, "mend the file or remove it") for name, problem in broken.items())]


def store(grid: Grid) -> Check:
    """The tracking store; it is written by the first report."""
    if named := stores.named(grid):
        return Check("tracking", discreet(named))
    path = Path(grid.results) / "mlflow.db"
    return Check("tracking", f"sqlite:///{path}" + ("" if path.exists() else ", which the first call creates"))
