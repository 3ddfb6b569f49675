"""What the Snakefile needs to know: which runs there are, where their files lie, and what each needs first."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

from bench import data
from bench.base import devices, disk, stores
from bench.base.checkout import require_checkout
from bench.base.paths import ODD
from bench.base.schema import shown
from bench.data.prepare import VARIABLE
from bench.errors import UserError
from bench.plan import resolved, variants
from bench.plan.grid import Grid, Plan
from bench.plan.job import Job
from bench.plan.resolved import Resolved
from bench.published import PUBLISHED
from bench.spec import RunSpec
from bench.workflow import failures, single_instance
from bench.workflow.progress import Progress, attach, label, relative


@dataclass(frozen=True)
class Flow:
    """A grid as files and commands. Paths are texts relative to the checkout, as Snakemake wants them.

    Attributes:
        source: the grid's file.
        gpu_slots: how many runs this machine's GPUs take at once; 0 without a GPU.
        resolved: the file in which the call's grid is written down for all of its jobs (`bench.plan.resolved`).
        parts: rules that make the report or a part of it, with the option that says so.
    """

    grid: Grid
    plan: Plan
    source: str
    gpu_slots: int
    resolved: str = ""
    parts: ClassVar = {"report": "", "collect": "--only collect", "table": "--only table"}

    @property
    def logs(self) -> str:
        """The folder of the jobs' logs."""
        return f"{self.grid.results}/logs"

    @property
    def benchmarks(self) -> str:
        """The folder of the jobs' times and memory."""
        return f"{self.grid.results}/benchmarks"

    @cached_property
    def runs(self) -> dict[str, RunSpec]:
        """The runs by id."""
        return {spec.id: spec for spec in self.plan.runs}

    @cached_property
    def networks(self) -> dict[str, tuple[str, str]]:
        """(architecture, data set) by the name of the file that `bench.counting.flops.count` writes."""
        return {
            Path(self.network(architecture, dataset)).stem: (architecture, dataset)
            for architecture in self.grid.architectures
            for dataset in self.grid.datasets
        }

    @property
    def records(self) -> list[str]:
        """The records of all runs."""
        return [self.record(run) for run in self.runs]

    @property
    def report(self) -> str:
        """The folder of the grid's reports."""
        return str(self.grid.report_folder)

    @property
    def name(self) -> str:
        """What the grid's own logs and times are called."""
        return self.grid.report_name

    @property
    def written(self) -> list[str]:
        """Those of the reports that the workflow waits for."""
        return [f"{self.report}/table.md", f"{self.report}/table.txt"]

    @property
    def sources(self) -> list[str]:
        """What the report is made of besides the records: when one changes, the report is written again.

        What the folder says of its grid changes with the grid; until it says something (a dry run), the grid's file.
        """
        mark = self.grid.report_folder / variants.MARK
        grid = str(mark) if mark.exists() else self.source
        return [grid, *sorted(relative(path) for path in PUBLISHED.iterdir() if path.is_file())]

    def record(self, run: str) -> str:
        """A run's record."""
        return f"{self.grid.results}/runs/{run}/record.json"

    def prepared(self, dataset: str) -> str:
        """A data set's decoded arrays."""
        return f"{self.grid.results}/data/{dataset}.safetensors"

    def network(self, architecture: str, dataset: str) -> str:
        """The multiply-adds of an architecture for a data set's images."""
        info = data.info(dataset)
        shape = f"{info.classes}x{info.channels}x{info.height}x{info.width}"
        return f"{self.grid.results}/archs/{architecture.replace('/', '_')}-{shape}.json"

    def needs(self, run: str) -> list[str]:
        """What has to be there before a run starts; with a dense parent, that is trained first, once for all."""
        spec = self.runs[run]
        parent = self.plan.parent.get(run)
        files = [self.prepared(spec.dataset), self.network(spec.architecture, spec.dataset)]
        return [*files, self.record(parent)] if parent else files

    def job(self, run: str) -> str:
        """The job of a run, ready for the shell; the run's identity is a part of it."""
        how = {name: getattr(self.grid, name) for name in ("results", "threads", "workers", "slots_per_gpu", "looks")}
        return shlex.quote(Job.of(self.runs[run], **how, resolved=self.resolved or None).text)

    def gpus(self, run: str) -> int:
        """How many GPUs a run asks for; 0 where this machine has none."""
        return self.runs[run].recipe.gpus if self.gpu_slots else 0

    def slots(self, run: str) -> int:
        """How many of `gpu_slots` a run takes: one, or all of the GPUs that are its own."""
        gpus = self.gpus(run)
        return gpus * self.grid.slots_per_gpu if gpus > 1 else gpus

    def threads(self, run: str) -> int:
        """How many CPU cores a run keeps busy: threads of all its processes, and those that decode an image folder."""
        each = self.grid.threads + (self.grid.workers if data.info(self.runs[run].dataset).folder else 0)
        return each * self.runs[run].recipe.gpus

    def preparation(self, dataset: str) -> str:
        """The arguments of ``reprune prepare`` for a data set."""
        words = [dataset, "--results", self.grid.results]
        words += ["--data-dir", self.grid.data_dir] if self.grid.data_dir else []
        return shlex.join([*words, "--download"] if self.grid.download else words)

    def counting(self, network: str) -> str:
        """The arguments of ``reprune count`` for a file of `networks`."""
        return shlex.join([*self.networks[network], "--results", self.grid.results])


def plan(workflow: Any, config: Mapping[str, Any]) -> Flow:
    """Open the grid that a call of Snakemake names, and prepare Snakemake for it.

    Args:
        workflow: Snakemake's object of that name.
        config: its merged configuration; ``--config budget=0.1`` is already in it.

    A grid that is wrong ends the call with one sentence and exit status 2.
    """
    try:
        require_checkout()
        first = _first_process(workflow) and not workflow.output_settings.dryrun
        stores.check(config.get(stores.FIELD), asked=stores.FIELD in workflow.config_settings.config)
        call = _open(relative(workflow.configfiles[-1]), dict(config))
        flow = _flow(call)
        if first:
            for folder in (flow.grid.results, flow.grid.reports):
                disk.check(Path(folder))
    except UserError as error:
        print(f"reprune: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    # Rules say `python`: it has to be the one that runs Snakemake, in an activated environment or not.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if flow.grid.data_dir:  # jobs read trained weights from there, too
        os.environ[VARIABLE] = flow.grid.data_dir
    # Without a limit Snakemake would start a job on every core at once; one given by --resources is left alone.
    if flow.gpu_slots and "gpu_slots" not in workflow.global_resources:
        workflow.register_resource("gpu_slots", flow.gpu_slots)
    if first:
        single_instance.guard(workflow, partial(_begin, workflow, call))
    _show_progress(workflow, flow)
    return flow


def _open(source: str, config: dict[str, Any]) -> Resolved:
    for where in (source, str(Path.cwd())):
        if set(where) & ODD:
            raise UserError(f"{shown(where)}: a path with any of {{}}?# cannot be used here; call it otherwise.")
    return resolved.resolve(Path(source), config)


def _flow(call: Resolved) -> Flow:
    slots = devices.slots(call.grid.slots_per_gpu)
    return Flow(call.grid, call.plan, call.source, slots, str(call.path))


def _begin(workflow: Any, call: Resolved) -> None:
    """Write down what this call is about; its jobs on other machines, which read the Snakefile anew, are told where."""
    call.write()
    variants.mark(call.grid, Path(call.source))
    workflow.config_settings.configfiles = [call.path.absolute()]
    workflow.config_settings.config_args = []


def _show_progress(workflow: Any, flow: Flow) -> None:
    """Replace Snakemake's chatter by our lines."""
    from snakemake.logging import logger

    if not _first_process(workflow):
        return
    labels = {run: label(spec, flow.plan.spelling) for run, spec in flow.runs.items()}
    progress = Progress(labels, Path(flow.grid.results) / "runs", dry=workflow.output_settings.dryrun)
    attach(logger, progress, verbose=workflow.output_settings.verbose)
    workflow.onerror(partial(failures.tell, workflow, flow, progress))


def _first_process(workflow: Any) -> bool:
    """Whether this is the process that the user started, not one of a job on a cluster."""
    from snakemake.settings.types import ExecMode

    return bool(workflow.exec_mode == ExecMode.DEFAULT)
