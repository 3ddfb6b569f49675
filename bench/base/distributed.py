"""One run on several GPUs: what its processes (ranks) have to agree on.

Every rank holds the whole network and takes its share of each batch. What follows from seeds, weights and masks each
computes for itself, to the same bits; what follows from images is joined here, so that gradients, scores and losses
are those of the joined batch. Batch normalisation alone sees a rank's images only, and its running statistics are
rank 0's everywhere. Rank 0 evaluates and writes; the others wait for it where they next have something to join.

In a job of one process, which is the rule, all of this does nothing.

Torch's `DistributedDataParallel` joins gradients of a module's own parameters, when its own `forward` was called. Here
forward passes run with weights that a method computed (`functional_call`), thresholds and predictors are no part of
the network, and a batch may be shared out unevenly. Therefore one sum over all gradients of a step, after the backward
pass and before any hook sees them; it does not overlap with the backward pass.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from bench.tensors import to_bytes

Result = TypeVar("Result")

PATIENCE = timedelta(days=14)
"""How long a rank waits for another: as long as rank 0 waits for a stage that another job trains. Ranks that die are
noticed by the job, which then ends the others."""

ALIKE = timedelta(seconds=60)
"""How long a rank that failed waits for the others to fail in the same way."""

_store: list[Store] = []


@contextmanager
def group(device: str) -> Iterator[None]:
    """Join the processes that `bench.base.launch` started; a rank of CUDA sees to the GPU of its own number.

    Ranks leave after rank 0: the job ends when one does with an exit status other than 0. One that fails alone leaves
    at once, with its exception.
    """
    store, rank, ranks = next(rendezvous("env://"))
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    dist.init_process_group(backend, store=PrefixStore("group", store), rank=rank, world_size=ranks, timeout=PATIENCE)
    _store[:] = [PrefixStore("run", store)]
    yield
    if rank == 0:
        _store[0].set("left", "")
    else:
        _store[0].wait(["left"], PATIENCE)
    dist.destroy_process_group()


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def ranks() -> int:
    """How many processes carry out this run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share() -> slice:
    """Which images of a batch are this rank's: every so-manieth, so that batches in an order are shared out fairly."""
    return slice(rank(), None, ranks())


def apart() -> tuple[int, ...]:
    """The keys of draws that are this rank's own (dropout, say); none on rank 0, which draws what one process would."""
    return (rank(),) if rank() else ()


# -- joining --------------------------------------------------------------------------------------------------------


def total(images: int) -> int:
    """How many images a batch has of which this rank has so many."""
    if ranks() == 1:
        return images
    found = torch.tensor(images)
    dist.all_reduce(found)
    return int(found)


def joined(means: Sequence[torch.Tensor], images: int) -> tuple[list[torch.Tensor], int]:
    """Means over this rank's share of a batch as means over the batch, and how many images that has.

    The tensors may have any shapes; every rank gives the same ones. What does not depend on images stays as it is.
    """
    if ranks() == 1:
        return list(means), images
    count = total(images)
    flat = torch.cat([mean.reshape(-1) for mean in means]).mul_(images / count)
    dist.all_reduce(flat)
    parts = torch.split(flat, [mean.numel() for mean in means])
    return [part.view(mean.shape) for part, mean in zip(parts, means, strict=True)], count


def join_gradients(optimizer: torch.optim.Optimizer, loss: torch.Tensor, images: int) -> tuple[torch.Tensor, int]:
    """Put the joined batch's gradients in the place of this rank's; returns that batch's loss and number of images.

    Args:
        optimizer: of all parameters that are trained.
        loss: mean over this rank's images, 0-d, detached; a penalty on weights, equal on all ranks, counts once.
        images: of this rank.
    """
    if ranks() == 1:
        return loss, images
    parameters = (parameter for part in optimizer.param_groups for parameter in part["params"])
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    (loss, *means), images = joined([loss, *gradients], images)
    torch._foreach_copy_(gradients, means)
    return loss, images


def share_buffers(*modules: nn.Module) -> None:
    """Overwrite floating-point buffers (running statistics) by rank 0's."""
    buffers = [buffer for module in modules for buffer in module.buffers() if buffer.is_floating_point()]
    if ranks() == 1 or not buffers:
        return
    flat = torch.cat([buffer.reshape(-1) for buffer in buffers])
    dist.broadcast(flat, 0)
    parts = torch.split(flat, [buffer.numel() for buffer in buffers])
    torch._foreach_copy_(buffers, [part.view(buffer.shape) for part, buffer in zip(parts, buffers, strict=True)])


# -- agreeing -------------------------------------------------------------------------------------------------------


def anyone(flag: bool) -> bool:
    """Whether it is so on any rank; every rank gets the same answer."""
    if ranks() == 1:
        return flag
    flags = torch.tensor(int(flag))
    dist.all_reduce(flags)
    return bool(flags)


def wait() -> None:
    """Go on when every rank is here."""
    anyone(False)


def same(what: str, value: str | Iterable[torch.Tensor]) -> None:
    """Raise RuntimeError on all ranks, naming those that differ from rank 0, unless all have the same bits."""
    if ranks() == 1:
        return
    sha = hashlib.sha256()
    for part in [value] if isinstance(value, str) else value:
        sha.update(part.encode() if isinstance(part, str) else to_bytes(part))
    own = torch.tensor(list(sha.digest()), dtype=torch.uint8)
    found = [torch.empty_like(own) for _ in range(ranks())]
    dist.all_gather(found, own)
    if others := [str(number) for number, other in enumerate(found) if not torch.equal(other, found[0])]:
        raise RuntimeError(f"{what} of rank {', '.join(others)} differ from those of rank 0, and must be the same.")


def alone(work: Callable[[], Result]) -> Result | None:
    """What `work` returns on rank 0, None on the others, which wait. If it fails there, all fail."""
    found, failure = None, None
    if rank() == 0:
        try:
            found = work()
        except Exception as error:
            failure = error
    if anyone(failure is not None):
        raise failure or RuntimeError("rank 0 failed")
    return found


def all_failed() -> bool:
    """Whether all ranks have failed, as they do when it is the run's fault, and not that of one process.

    To be asked by a rank that failed. The others, if they did not, wait for it where they join something: it has to
    end, and they with it.
    """
    if ranks() == 1:
        return True
    store = _store[0]
    store.set(f"failed/{rank()}", "")
    try:
        store.wait([f"failed/{number}" for number in range(ranks())], ALIKE)
    except RuntimeError:  # which torch's DistStoreError is
        store.set("alone", "")
    return not store.check(["alone"])
