"""Runs whose jobs failed do not keep the others from the report: it is written without them, and says why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.workflow.flow import Flow
    from bench.workflow.progress import Progress


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
    subprocess.run([sys.executable, "-m", "bench.report.closing", flow.resolved])
