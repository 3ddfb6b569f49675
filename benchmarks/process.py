"""A training in a process of its own, which prints what it cost as JSON: ``python -m benchmarks.process KIND …``.

``job FOLDER`` is a whole run by the engine, from reading data to its record, with CIFAR-10 prepared; ``bare`` is the
barest script for the same. ``engine`` trains for a few steps with images in memory, ``usual ROOT`` with the CIFAR-10 in
that folder, decoded and augmented by workers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
STEPS, BATCH, TRAIN, TEST = 8, 128, 50_000, 10_000


def job(folder: str) -> dict[str, Any]:
    """Peak memory of a run of a few steps; that the data are whole is checked, so all images are in memory."""
    from bench.plan.lineage import identify
    from bench.recipe import Recipe, load
    from bench.spec import RunSpec
    from bench.training.run import execute

    few = {"train": {"steps": STEPS, "lr": 0.01}, "finetune": None}
    recipe = Recipe(**(load("cifar10").model_dump() | few))
    spec = RunSpec(
        dataset="cifar10",
        architecture="resnet20_cifar",
        method="snip",
        points=(0.9,),
        seed=0,
        recipe=recipe,
        recipe_text="cifar10",
    )
    found = execute(identify(spec), Path(folder))
    assert found.outcome == "ok", found.reason
    return {}


def bare() -> dict[str, Any]:
    """Peak memory of the same steps and of an evaluation, batch by batch, written as short as can be."""
    import torch
    from torch.nn.functional import cross_entropy

    from bench.archs.resnet_cifar import CifarResNet

    torch.set_num_threads(1)
    train_x, test_x = (torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8) for n in (TRAIN, TEST))
    train_y, test_y = (torch.randint(10, (n,)) for n in (TRAIN, TEST))
    model = CifarResNet(20).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True)
    for chosen in islice(torch.randperm(TRAIN).split(BATCH), STEPS):
        images = train_x[chosen].float().div_(255).contiguous(memory_format=torch.channels_last)
        cross_entropy(model(images), train_y[chosen]).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        for chosen in torch.arange(TEST).split(BATCH):
            images = test_x[chosen].float().div_(255).contiguous(memory_format=torch.channels_last)
            (model(images).argmax(1) == test_y[chosen]).sum()
    return {}


def engine(memory: str = "kept") -> dict[str, Any]:
    """Seconds of a few dense steps in the engine, on as many threads as torch takes by itself; `cpu` of all of them.

    With another word for `memory` the C library does with freed memory what it does by default.
    """
    import torch

    from bench.base.determinism import configure
    from bench.base.malloc import keep_freed_memory
    from benchmarks.loops import recipe, steps_of, trainer

    if memory == "kept":
        keep_freed_memory()
    configure(recipe(), torch.get_num_threads())
    go = steps_of(trainer("dense"))
    go()
    begin, computed = time.perf_counter(), time.process_time()
    for _ in range(STEPS - 1):
        go()
    return {"seconds": time.perf_counter() - begin, "cpu": time.process_time() - computed}


def usual(root: str) -> dict[str, Any]:
    """The same by the loop of most scripts: torchvision's data set and transforms, two workers, torch's defaults."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader, Subset

    from bench.archs.resnet_cifar import CifarResNet  # before torchvision, whose import it mends where builds differ

    # isort: split
    from torchvision import transforms as t
    from torchvision.datasets import CIFAR10

    normalise = t.Normalize((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616))
    augment = t.Compose([t.RandomCrop(32, 4), t.RandomHorizontalFlip(), t.ToTensor(), normalise])
    part = Subset(CIFAR10(root, transform=augment), range(STEPS * BATCH))
    model = CifarResNet(20)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    begin = 0.0
    for images, labels in DataLoader(part, BATCH, shuffle=True, num_workers=2):
        loss = cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        begin = begin or time.perf_counter()  # not the first step, nor starting the workers
    return {"seconds": time.perf_counter() - begin}


def measure(kind: str, *words: str, threads: int | None = None) -> dict[str, Any]:
    """What such a process prints: `bytes` of peak memory, and what its function returns; on all cores by default."""
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    command = [sys.executable, "-m", "benchmarks.process", kind, *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    from bench.base.malloc import peak

    costs = {"job": job, "bare": bare, "engine": engine, "usual": usual}[name](*rest)
    print(json.dumps({"bytes": peak()} | costs))
