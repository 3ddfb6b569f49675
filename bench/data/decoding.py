"""A process that decodes images for a job, and the job's end of it.

A worker is a program of its own (``python -m bench.data.decoding``), not a fork: it inherits no lock of the job's, so
a GPU's slot is free as soon as the job is dead. Tasks come as lines of JSON on its standard input; when that ends,
because the job has ended, however it did, the worker ends too. It ignores the signals that ask the job to stop, since
the job finishes its step first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.photographs import Pipeline
from bench.errors import UserError
from bench.recipe import Data

CHUNK = 32
"""Images of a task at most: what a worker may still be busy with when its job is gone."""


@dataclass(frozen=True)
class Picture:
    """One image that is wanted: its file, the size in bytes it must have, and the seed of its augmentation, if any."""

    path: str
    size: int
    seed: int | None


class Decoder:
    """Decodes images in `workers` processes, started when the first image is wanted; with 0 in this one.

    Which process decodes an image, and when, has no influence on what comes out.

    Attributes:
        close: ends the processes; whatever they were at is dropped.
    """

    def __init__(self, pipeline: Pipeline, workers: int) -> None:
        self.pipeline, self.workers = pipeline, workers
        self.close: Callable[[], object] = lambda: None
        self._pool: ThreadPoolExecutor | None = None
        self._own = threading.local()
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, pictures: Sequence[Picture]) -> Callable[[], np.ndarray]:
        """Begin to decode; the result is a function that waits for the images, uint8 (n, 3, side, side).

        That raises `UserError` for a file that cannot be used, and MemoryError or OSError if a worker is gone.
        """
        if not self.workers:
            return lambda: _decoded(self.pipeline, pictures)
        step = max(1, min(CHUNK, -(-len(pictures) // self.workers)))
        parts = [pictures[start : start + step] for start in range(0, len(pictures), step)]
        futures = [self._threads().submit(self._ask, part) for part in parts]
        return lambda: np.concatenate([future.result() for future in futures])

    def _threads(self) -> ThreadPoolExecutor:
        """One thread for each worker, which does nothing but wait for it."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.workers)
            self.close = weakref.finalize(self, _end, self._pool, self._processes)
        return self._pool

    def _ask(self, pictures: Sequence[Picture]) -> np.ndarray:
        worker = self._worker()
        side = self.pipeline.side
        images = np.empty((len(pictures), 3, side, side), np.uint8)
        try:
            _tell(worker, [vars(picture) for picture in pictures])
            assert worker.stdout is not None
            status = worker.stdout.read(1)
            if status == b"!":
                raise UserError(json.loads(worker.stdout.readline()))
            if status != b"." or not _filled(worker.stdout, images):
                raise _failure(worker)
        except BrokenPipeError:
            raise _failure(worker) from None
        return images

    def _worker(self) -> subprocess.Popen[bytes]:
        """The process of this thread."""
        if not hasattr(self._own, "worker"):
            command = [sys.executable, "-m", "bench.data.decoding"]
            root = str(Path(__file__).parents[2])
            own = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": _joined(root, os.environ.get("PYTHONPATH"))}
            worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=own)
            self._processes.append(worker)
            pipeline = self.pipeline
            _tell(worker, {"data": pipeline.data.model_dump(), "side": pipeline.side, "fill": pipeline.fill})
            self._own.worker = worker
        found: subprocess.Popen[bytes] = self._own.worker
        return found


def _end(pool: ThreadPoolExecutor, processes: list[subprocess.Popen[bytes]]) -> None:
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
        process.wait()


def _failure(worker: subprocess.Popen[bytes]) -> Exception:
    status = worker.wait()
    said = f"a process that decodes images is gone, exit status {status}"
    return MemoryError(f"{said}, as when memory runs out") if status == -signal.SIGKILL else OSError(said)


def _joined(*paths: str | None) -> str:
    return os.pathsep.join(path for path in paths if path)


def _filled(stream: Any, images: np.ndarray) -> bool:
    """Whether there was as much to read as the images take."""
    return bool(stream.readinto(images.reshape(-1).data) == images.nbytes)


def _tell(worker: subprocess.Popen[bytes], what: Any) -> None:
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(what).encode() + b"\n")
    worker.stdin.flush()


def _decoded(pipeline: Pipeline, pictures: Sequence[Picture]) -> np.ndarray:
    return np.stack([pipeline.image(Path(one.path), one.size, one.seed) for one in pictures])


def main() -> None:
    """The worker: answers each line of tasks with ``.`` and the pixels, or with ``!`` and a sentence as JSON."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the pixels
    import torch

    torch.set_num_threads(1)
    settings = json.loads(sys.stdin.buffer.readline())
    pipeline = Pipeline(Data.model_validate(settings["data"]), settings["side"], tuple(settings["fill"]))
    for line in sys.stdin.buffer:
        try:
            pixels = _decoded(pipeline, [Picture(**picture) for picture in json.loads(line)])
            answer = [b".", pixels.tobytes()]
        except UserError as error:
            answer = [b"!", json.dumps(str(error)).encode(), b"\n"]
        try:
            answers.writelines(answer)
            answers.flush()
        except BrokenPipeError:
            os._exit(0)  # the job is gone, and with it whoever would read a complaint


if __name__ == "__main__":
    main()
