"""Runs whose jobs failed take no others along: those go on, and the report is written without them and says why."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.workflow.flow import Flow
    from bench.workflow.progress import Progress


def contained() -> None:
    """Let a job fail by itself, and only if it has failed: to be called in every process of Snakemake.

    * Snakemake makes a job's folders before it starts it, and in the end deletes those that are empty. What the system
      has against one of them would end the whole workflow with a traceback.
    * Where the clock was put back, or is another one on another machine, a job's output looks older than its input.
      Snakemake would call that an error of the job and delete the output: the record of a run that was trained.
    """
    from snakemake.dag import DAG
    from snakemake.exceptions import WorkflowError
    from snakemake.executors.local import Executor

    start, clean = Executor.run_single_job, DAG.cleanup_workdir

    @wraps(start)
    def started(executor: Any, job: Any) -> Any:
        try:
            return start(executor, job)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            problem = WorkflowError(f"it cannot be started ({where}{error.strerror or error})")
            return executor.pool.submit(_fail, problem)

    @wraps(clean)
    def cleaned(dag: Any) -> None:
        with suppress(OSError):
            clean(dag)

    async def unasked(*_: Any) -> None:
        """The file that was made last counts as the newest, whatever the clocks say."""

    Executor.run_single_job, DAG.cleanup_workdir = started, cleaned
    DAG.check_output_mtime = unasked


def _fail(problem: Exception) -> None:
    raise problem


def tell(workflow: Any, flow: Flow, progress: Progress, log: Any = None) -> None:
    """Make the report that the call was to end with, where Snakemake stops because some runs left no record.

    Nothing is done for a call that was stopped, that asked for no report, or that has no record at all to show.

    Args:
        workflow: Snakemake's.
        flow: of the call.
        progress: knows which runs failed.
        log: Snakemake's own; it gives it to whatever it calls at the end.
    """
    asked = any(job.rule.name == "report" for job in workflow.dag.jobs)
    if progress.stopped or not progress.failed or not asked or not any(Path(path).exists() for path in flow.records):
        return
    said = Path(flow.logs) / f"{flow.name}-report.log"
    said.parent.mkdir(parents=True, exist_ok=True)
    with said.open("w") as file:
        made = subprocess.run([sys.executable, "-m", "bench.report", flow.resolved], stdout=file, stderr=file)
    if made.returncode:
        print(f"The report failed, too (log: {said}).")
        return
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "bench.workflow.final_rule", flow.resolved])
