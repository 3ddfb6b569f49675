"""One job: carry out one run and leave a record, whatever happens."""

from __future__ import annotations

import logging
import math
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bench import catalog
from bench.base import disk, locks
from bench.base.atomic import sweep
from bench.base.devices import device_slot, require
from bench.base.heartbeat import Pulse
from bench.base.launch import INTERRUPTED, end_with_parent, launch
from bench.base.malloc import keep_freed_memory
from bench.base.runlog import log_to
from bench.data import initial_file
from bench.errors import Collapsed, DeviceError, DiskError, Diverged, Interrupted, UserError
from bench.plan import job as jobs
from bench.plan.job import Job
from bench.plan.lineage import method_of, skipped
from bench.results import record
from bench.results.record import Cost, Counts, Outcome, Record
from bench.spec import RunSpec
from bench.training.facts import origins, peak_memory

if TYPE_CHECKING:
    from bench.training.stages import Workshop
    from bench.training.train import Trainer

Watch = Callable[["Trainer"], None]

log = logging.getLogger(__name__)

FAILED = 1
"""Exit status when the machine failed the run: there is no record, and the same command tries again."""

LONGEST_REASON = 1000
"""Characters kept of an exception's message, which stands in a table."""


def execute(
    spec: RunSpec,
    results: Path,
    device: str = "cpu",
    threads: int = 1,
    checkpoint_seconds: float = 30.0,
    workers: int = 0,
    watch: Watch | None = None,
    looks: bool = False,
) -> Record:
    """Carry out a run and write its record; a finished run is only read.

    `watch` is the one of `bench.training.stages.Workshop`, `looks` that of `bench.plan.job.Job`.

    Raises `Interrupted` if the job was asked to stop, `UserError` if data or network are not there, `DiskError`,
    `DeviceError`, OSError and MemoryError if the machine failed the job. Everything else becomes an outcome of the
    record, also what a method raises of these (but for MemoryError and `DeviceError`, which are the machine's failure
    wherever they show); unless it befell only one of several processes (`bench.base.distributed`), of which rank 0
    writes the record.
    """
    path = results / "runs" / spec.id / "record.json"
    finished = finished_record(path, spec)
    if finished is not None:
        return finished
    initial_file.locate(spec.recipe.initialisation)  # before torch is imported, which takes seconds
    from bench.base import determinism, distributed
    from bench.results import provenance

    keep_freed_memory()
    _check_ranks(spec.recipe.gpus, distributed.ranks())
    flags = determinism.configure(spec.recipe, threads)
    facts = origins(provenance.collect, spec, threads, device) | {"determinism": flags}
    facts |= {"looks": True} if looks else {}
    found = Record(
        id=spec.id, spec=spec, hyperparameters=method_of(spec).hyperparameters, outcome="ok", provenance=facts
    )
    if reason := skipped(spec):
        found.outcome, found.reason = "skipped", reason
        if distributed.rank() == 0:
            record.write(found, path)
        return found
    if distributed.rank() == 0:
        Pulse(path.parent).beat()
    import torch

    from bench.training import device_errors
    from bench.training.stages import Workshop

    require(device)
    workshop = Workshop(spec, results, torch.device(device), checkpoint_seconds, workers, watch)
    found.provenance["data_sha256"] = workshop.data_sha256
    try:
        _carry_out(found, workshop, path.parent)
    except (Interrupted, DiskError, MemoryError) as ended:
        if isinstance(ended, Interrupted) and distributed.rank() == 0:
            workshop.pulse.stop()
        raise
    except (Exception, SystemExit) as error:  # a method's mistake is a result too, also if it tries to leave
        if device_errors.is_one(error):
            raise DeviceError(str(error)) from error
        if (isinstance(error, OSError) and not catalog.raised(error)) or not distributed.all_failed():
            raise
        found.outcome, found.reason = _outcome(error)
        log.error("%s", traceback.format_exc())
    finally:
        workshop.batches.close()
    _complete(found, workshop)
    if distributed.rank() == 0:
        record.write(found, path)
        workshop.pulse.end()
    return found


def _check_ranks(wanted: int, found: int) -> None:
    if wanted != found:
        raise UserError(f"the recipe's field 'gpus' is {wanted}, and here are {found} processes; use `reprune run`.")


def finished_record(path: Path, spec: RunSpec) -> Record | None:
    """The record of a run that ended, but in an error; one that is damaged or another run's is passed over."""
    if not path.exists():
        return None
    try:
        found = record.read(path)
    except ValidationError:
        log.warning("%s cannot be read as a record; the run is carried out again", path)
        return None
    if found.spec.identity != spec.identity:
        log.warning("%s is the record of another run; this one is carried out again", path)
        return None
    return found if found.outcome != "error" else None


def _carry_out(found: Record, workshop: Workshop, folder: Path) -> None:
    from bench.base.distributed import alone
    from bench.training.measure import measure

    workshop.check()
    for stage in workshop.stages:
        run = workshop.finish(stage)
        for point in stage.yields:
            result = alone(partial(measure, workshop, stage, run, point, folder))
            if result is None:
                continue
            found.results.append(result)
            at = "" if point is None else f"at {found.spec.spelling.number(point)} "
            if result.empty_layers:
                found.warnings.append(f"{at}nothing is left of {', '.join(result.empty_layers)}")
            if run.method.meaning == "exact":
                _check_sparsity(found, run.masks.deviation(run.target), at)
            if not math.isfinite(result.loss):
                found.outcome, found.reason = (
                    "diverged",
                    f"the test loss is {result.loss} though all weights are finite",
                )
            if _nothing_left(result.counts):
                found.outcome, found.reason = "collapsed", "no path from the input to the output is left"


def _nothing_left(counts: Counts) -> bool:
    """Whether the network is cut through; where dead paths are undefined, whether all prunable weights are 0."""
    return (counts.prunable_sparsity if counts.effective_sparsity is None else counts.effective_sparsity) == 1.0


def _check_sparsity(found: Record, deviation: tuple[int, str], at: str) -> None:
    units, group = deviation
    if units > 1:
        found.outcome = "wrong_sparsity"
        found.reason = f"{at}the mask misses its target by {units} units in {group}"


def _outcome(error: BaseException) -> tuple[Outcome, str]:
    if isinstance(error, Diverged):
        return "diverged", str(error)
    if isinstance(error, Collapsed):
        return "collapsed", str(error)
    text = " ".join(str(error).split())[:LONGEST_REASON]
    return "error", text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"


def _complete(found: Record, workshop: Workshop) -> None:
    """Curves, ancestry, cost and warnings of all stages that ran, finished or not."""
    from bench.training.stages import is_shared

    spe, train_size = workshop.batches.steps_per_epoch, workshop.batches.train_size
    found.curves, found.ancestry = list(workshop.curves.values()), list(workshop.ancestry.values())
    epochs = {
        stage.name: workshop.progress[stage.name].trained_images / train_size
        for stage in workshop.stages
        if stage.name in workshop.progress
    }
    shared = [stage.name for stage in workshop.stages if is_shared(stage) and stage.name in epochs]
    progress = workshop.progress.values()
    own = [item for name, item in workshop.progress.items() if name not in shared]
    dense_training = 3 * sum(workshop.dense_macs.values()) * train_size
    dense_epochs = workshop.spec.recipe.train.total_steps(spe) / spe
    macs = sum(item.training_macs for item in progress)
    seconds = sum(item.seconds for item in own)
    found.cost = Cost(
        epochs=sum(epochs.values()),
        own_epochs=sum(value for name, value in epochs.items() if name not in shared),
        training_macs=macs,
        training_macs_relative=macs / (dense_training * dense_epochs),
        mask_updates=sum(item.mask_updates for item in own),
        seconds=seconds,
        images_per_second=sum(item.trained_images for item in own) / seconds if seconds else 0.0,
        peak_memory=peak_memory(workshop.device.type),
        parents=shared,
    )
    if workshop.method.lives_on_updates and found.cost.mask_updates < 10:
        found.warnings.append(f"only {found.cost.mask_updates} mask updates, which this method lives on")


def main(words: list[str] | None = None) -> int:
    """Carry out the job that the command line has as JSON; returns the exit status."""
    words = sys.argv[1:] if words is None else words
    try:
        job = jobs.read(words[0] if words else "")
        spec = job.spec()
        if job.rank_on:
            return _rank(spec, job)
        disk.check(job.results)
        log_to(job.results / "runs" / spec.id / "log.txt")
        return status_of(lambda: exclusively(spec, job))
    except UserError as error:
        print(f"reprune: {error}", file=sys.stderr)
        return 2


def exclusively(spec: RunSpec, job: Job, watch: Watch | None = None) -> int:
    """The job while no double is at work; on several GPUs it only watches over the processes that are."""
    folder = job.results / "runs" / spec.id
    # The lock before the slot, which a job that only waits for its double should not take from others.
    with locks.held(folder / "lock", _waiting), device_slot(job.slots_per_gpu, count=spec.recipe.gpus) as device:
        sweep(folder)
        if spec.recipe.gpus > 1:
            return launch(job.model_copy(update={"rank_on": device}).text, spec.recipe.gpus)
        return _carried_out(spec, job, device, watch)


def _waiting() -> None:
    """The double may be one that outlived its workflow, or belong to another one that shares the results."""
    log.info("this run is being carried out by another job; waiting for it")


def _carried_out(spec: RunSpec, job: Job, device: str, watch: Watch | None = None) -> int:
    found = execute(spec, job.results, device, job.threads, job.checkpoint_seconds, job.workers, watch, job.looks)
    log.info("%s %s", found.outcome, found.reason)
    return 0


def status_of(job: Callable[[], int]) -> int:
    """The exit status of a job that may be stopped, or failed by the machine."""
    try:
        return job()
    except (Interrupted, KeyboardInterrupt):
        log.info("stopped on request; the same command goes on from the checkpoint")
        return INTERRUPTED
    except (OSError, MemoryError, DeviceError) as error:
        log.error("%s", traceback.format_exc())
        reason = " ".join(str(error).split()) or "there is not enough memory"
        print(f"reprune: the machine failed this run ({reason}); start the same call again.", file=sys.stderr)
        return FAILED


def _rank(spec: RunSpec, job: Job) -> int:
    """The job of one of several processes; of what is wrong for all of them, rank 0 tells."""
    end_with_parent()
    from bench.base import distributed

    with distributed.group(job.rank_on):
        try:
            log_to(job.results / "runs" / spec.id / "log.txt", distributed.rank())
            status = status_of(lambda: _carried_out(spec, job, job.rank_on))
        except UserError as error:
            if distributed.rank() == 0 or not distributed.all_failed():
                print(f"reprune: {error}", file=sys.stderr)
            status = 2
        if status in (FAILED, 2):
            raise SystemExit(status)  # leaves the group at once, without waiting for the others
        return status


if __name__ == "__main__":
    sys.exit(main())
