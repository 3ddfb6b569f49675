"""Several runs on one card: copies of one network, trained on noise side by side (a part of `gpu.py`)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count

import torch

from bench import recipe
from bench.base import determinism
from bench.base.devices import device_slot
from bench.spec import RunSpec
from bench.training.train import Trainer
from bench.workflow import probe


def rates(network: Sequence[str], seconds: float, most: int) -> dict[int, float]:
    """Images per second of 1, 2, 4, … copies together, no more than `most` and no more than fit on one free card.

    Args:
        network: data set, architecture and recipe.
        seconds: of training.
        most: copies.
    """
    found: dict[int, float] = {}
    with device_slot(1) as device:
        copies = 1
        while copies <= most:
            with _copies([device, str(seconds), *network], copies) as running:
                if not all(_line(process) == "ready" for process in running):
                    break  # one did not fit
                for process in running:
                    _go(process)
                found[copies] = sum(float(_line(process) or 0) for process in running)
            copies *= 2
    return found


def throughput(trainer: Trainer, seconds: float) -> float:
    """Images per second of training for so many seconds, at least nine steps; nothing is evaluated meanwhile."""
    _synchronize(trainer)
    begin, first = time.perf_counter(), trainer.progress.trained_images
    for number in count():
        trainer._step(1 + number % probe.LONGEST)  # step 0 may be one of its own: pruning at initialisation
        if number >= 8 and time.perf_counter() - begin >= seconds:
            break
    _synchronize(trainer)
    return (trainer.progress.trained_images - first) / (time.perf_counter() - begin)


def _synchronize(trainer: Trainer) -> None:
    if trainer.run.device.type == "cuda":
        torch.cuda.synchronize()


@contextmanager
def _copies(words: Sequence[str], copies: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of `main`, killed at the end."""
    command = [sys.executable, "-m", "benchmarks.packing", *words]
    with ExitStack() as stack:
        running = []
        for _ in range(copies):
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            running.append(stack.enter_context(process))
            stack.callback(process.kill)
        yield running


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def main(device: str, seconds: str, dataset: str, architecture: str, text: str) -> None:
    """One copy: get ready, say so, wait for the word, train, and print images per second."""
    fields = {"dataset": dataset, "architecture": architecture, "method": "dense", "seed": 0}
    spec = RunSpec(**fields, recipe=recipe.load(text), recipe_text=text)
    determinism.configure(spec.recipe, 1)
    trainer = probe.trainer(spec, device, spec.recipe.batch_size)
    throughput(trainer, 0.0)
    print("ready", flush=True)
    sys.stdin.readline()
    print(throughput(trainer, float(seconds)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
