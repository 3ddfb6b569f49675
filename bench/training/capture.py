"""Training steps replayed from a recording: one launch instead of hundreds, where launching is what takes the time.

A CUDA graph repeats the kernels of one step on the same addresses, without Python. So all that changes from step to
step has to lie in tensors that stay where they are: the batch is copied into place, the learning rate, the progress and
the masks are filled in place. Whatever moves (a method that puts a new tensor into ``run.state``) is noticed, and the
step is recorded anew. A step that cannot be recorded is carried out as usual, which gives the same numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from bench.context import Run

Work = Callable[[], None]
Region = Callable[[torch.Tensor, torch.Tensor], None]
"""What a step does with a batch: tensor operations only, nothing that Python decides on a value or on the step."""

log = logging.getLogger(__name__)

SETTLED = 3
"""Steps carried out as usual before one is recorded: optimizers allocate in the first, cuDNN chooses algorithms."""


def wanted(run: Run) -> bool:
    """Whether a run's steps are recorded: on a GPU of its own, under a recipe in ``fast`` mode.

    Of several GPUs the hosts have to agree in each step (`bench.base.distributed`), which no recording can do.
    """
    return run.device.type == "cuda" and run.recipe.mode == "fast" and run.recipe.gpus == 1


def cuda_graph(work: Work) -> Work:
    """Record what `work` launches, without carrying it out; what is returned carries it out."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    replay: Work = graph.replay
    return replay


class Capture:
    """Carries out a region of the training step, from a recording as soon as nothing moves any more.

    Args:
        run: the stage whose step it is.
        region: what is to be carried out for a batch.
        record: makes the recording, see `cuda_graph`.

    Attributes:
        recordings, replays: how many were made, and how many steps came from one.
        failed: whether no recording could be made; all steps are then carried out as usual.
    """

    def __init__(self, run: Run, region: Region, record: Callable[[Work], Work] = cuda_graph) -> None:
        self.run, self.region, self.record = run, region, record
        self.recordings = self.replays = 0
        self.failed = False
        self._replay: Work | None = None
        self._places: tuple[int, ...] = ()
        self._settled = 0
        self._left: dict[str, torch.Tensor] = {}

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Carry out the region for a batch: images (n, channels, height, width), labels (n,)."""
        if self.failed or images.shape[0] != self.run.recipe.batch_size:  # the last of an epoch has another shape
            self.region(images, labels)
            return
        places = self._where()
        if places != self._places:
            self._replay, self._places, self._settled = None, places, 0
        if self._replay is None and self._settled < SETTLED:
            self._settled += 1
            self.region(images, labels)
            return
        if self._replay is None:
            self._replay = self._recorded(images, labels)
        else:
            self._images.copy_(images)
            self._labels.copy_(labels)
        if self._replay is None:
            self.region(images, labels)
            return
        self._replay()
        self.run.state.update(self._left)
        self.replays += 1

    def _recorded(self, images: torch.Tensor, labels: torch.Tensor) -> Work | None:
        self._images, self._labels = images.clone(), labels.clone()
        before, run = dict(self.run.state), self.run
        try:
            with torch.random.fork_rng([run.device] if run.device.type == "cuda" else []):
                replay = self.record(lambda: self.region(self._images, self._labels))
        except Exception as error:  # of the driver, or of a method whose step looks at a value: said, and done without
            log.warning("steps cannot be recorded, and are carried out as usual (%s)", " ".join(str(error).split()))
            run.state.clear()
            run.state.update(before)
            assert run.optimizer is not None
            run.optimizer.zero_grad()  # its gradients lie in the recording's memory
            self.failed = True
            return None
        self._left = {name: value for name, value in run.state.items() if before.get(name) is not value}
        self.recordings += 1
        return replay

    def _where(self) -> tuple[int, ...]:
        """The addresses of all that a recording reads or writes; a new tensor at an old address serves as well."""
        run = self.run
        optimizer = run.optimizer.state.values() if run.optimizer else ()
        moments = [value for state in optimizer for value in state.values() if isinstance(value, torch.Tensor)]
        tensors = [
            *run.model.parameters(),
            *run.masks.values(),
            *run.extras.parameters(),
            *run.state.values(),
            *moments,
        ]
        return tuple(tensor.data_ptr() for tensor in tensors)
