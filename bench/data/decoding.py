"""A process that decodes images for a job, and the job's end of it.

A worker is a program of its own (``python -m bench.data.decoding``), not a fork: it inherits no lock of the job's, so
a GPU's slot is free as soon as the job is dead. Tasks come as pickles on its standard input; when that ends, because
the job has ended, however it did, the worker ends too. It ignores the signals that ask the job to stop, since the job
finishes its step first.
"""

from __future__ import annotations

import os
import pickle
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
        try:
            _send(worker.stdin, pictures)
            answer = pickle.load(worker.stdout)  # type: ignore[arg-type]
        except (BrokenPipeError, EOFError, pickle.UnpicklingError):
            raise _failure(worker) from None
        if isinstance(answer, UserError):
            raise answer
        images: np.ndarray = answer
        return images

    def _worker(self) -> subprocess.Popen[bytes]:
        """The process of this thread."""
        if not hasattr(self._own, "worker"):
            command = [sys.executable, "-m", "bench.data.decoding"]
            root = str(Path(__file__).parents[2])
            own = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": _joined(root, os.environ.get("PYTHONPATH"))}
            worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=own)
            self._processes.append(worker)
            _send(worker.stdin, self.pipeline)
            self._own.worker = worker
        own_worker: subprocess.Popen[bytes] = self._own.worker
        return own_worker


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


def _send(stream: Any, what: Any) -> None:
    pickle.dump(what, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()


def _decoded(pipeline: Pipeline, pictures: Sequence[Picture]) -> np.ndarray:
    return np.stack([pipeline.image(Path(one.path), one.size, one.seed) for one in pictures])


def main() -> None:
    """The worker: answers each task with the pixels, or with the error that a user should read."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the pixels
    import torch

    torch.set_num_threads(1)
    try:
        pipeline = pickle.load(sys.stdin.buffer)
        while True:
            pictures = pickle.load(sys.stdin.buffer)
            try:
                answer: np.ndarray | UserError = _decoded(pipeline, pictures)
            except UserError as error:
                answer = error
            _send(answers, answer)
    except (BrokenPipeError, EOFError, pickle.UnpicklingError):
        os._exit(0)  # the job is gone, and with it whoever would read a complaint


if __name__ == "__main__":
    main()
