"""Starting the processes of a run on several GPUs, and ending them together.

The job becomes the agent of torch's elastic launch, which is what `torchrun` is: it starts its own command once per
GPU and watches over them. When one ends badly, so do the others and the job, which can then be started again: it goes
on from the checkpoint. A signal to the job is passed on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import uuid

INTERRUPTED = 143
"""Exit status after SIGTERM or SIGINT; the checkpoint is written, and the same command goes on from it."""


def launch(job: str, ranks: int) -> int:
    """Start ``python -m bench.training.run`` with a job as JSON once per rank; returns the exit status."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=ranks,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "bench.training.run", job)
    except SignalException:
        return INTERRUPTED
    except ChildFailedError as error:
        number, failure = error.get_first_failure()
        if failure.exitcode not in (2, INTERRUPTED):  # of these two the rank itself said all there is to say
            print(
                f"reprune: process {number} of {ranks} ended with status {failure.exitcode}, and the run with it; "
                "the same command goes on from its checkpoint.",
                file=sys.stderr,
            )
        return failure.exitcode if failure.exitcode > 0 else 1
    return 0


def end_with_parent() -> None:
    """Let the system kill this process when the job that started it is killed: no rank keeps a GPU of its own."""
    if sys.platform == "linux":
        death_of_parent = 1  # PR_SET_PDEATHSIG in linux/prctl.h
        ctypes.CDLL(None).prctl(death_of_parent, signal.SIGKILL)
    if os.getppid() == 1:  # it was killed just before
        os.kill(os.getpid(), signal.SIGKILL)
