"""How fast training is on a GPU, as one table: ``python benchmarks/gpu.py --json gpu.json``.

Nothing has to be downloaded: images are noise. It takes some five minutes. ``--small`` is for a rehearsal anywhere: a
small network, on the CPU where there is no GPU. Needs neither Snakemake nor MLflow.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from bench.base import determinism
from bench.context import Run
from bench.counting.macs import TrainingMacs
from bench.data import DATASETS, DataInfo
from bench.initialise import build
from bench.names import parse
from bench.plan.lineage import identify, method_of
from bench.recipe import load
from bench.recipe.prunable import prunable
from bench.selection import largest
from bench.spec import RunSpec
from bench.training.train import Trainer
from bench.workflow import probe
from benchmarks.packing import rates, throughput

PHOTOS = DataInfo("photos", 1000, 3, 224, 224, 16_384, 1_000, (0.5,) * 3, (0.25,) * 3, "noise")
"""Noise of ImageNet's shape."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, in which unit, and what it should be."""

    what: str
    value: float
    unit: str
    target: str = ""
    held: bool | None = None


def spec_of(dataset: str, architecture: str, method: str, recipe: str, point: float | None = None) -> RunSpec:
    """An identified run."""
    name, fields = parse(method)
    points = () if point is None else (point,)
    return identify(
        RunSpec(
            dataset=dataset,
            architecture=architecture,
            method=name,
            hyperparameters=fields,
            points=points,
            seed=0,
            recipe=load(recipe),
            recipe_text=recipe,
        )
    )


def trainer_of(spec: RunSpec, device: str) -> Trainer:
    """A trainer of the run's last stage from fresh weights, on noise, past its first step."""
    determinism.configure(spec.recipe, 1)
    like, method = probe.trainer(spec, device, spec.recipe.batch_size).run, method_of(spec)
    stage = method.stages(spec.points)[-1]
    run = Run(method, like.model, prunable(like.model, spec.prunable), like.recipe, like.batches, stage, 0)
    method.build(run)
    run.extras.to(device)
    trainer = Trainer(run, TrainingMacs({}, {}, method.zeros), checkpoint_seconds=float("inf"))
    run.at(0)
    trainer._update(method.on_train_start)
    trainer._step(0)
    return trainer


def rate(spec: RunSpec, device: str, seconds: float) -> float:
    """Images per second of training, after the steps that a recording waits for."""
    trainer = trainer_of(spec, device)
    throughput(trainer, 0.0)
    return throughput(trainer, seconds)


def epochs(dataset: str, architecture: str, recipe: str, device: str, seconds: float) -> Iterator[Row]:
    """An epoch of dense training in both modes; methods against it."""
    images = DATASETS[dataset].train_images
    dense = {
        mode: rate(spec_of(dataset, architecture, "dense", f"{recipe}[mode={mode}]"), device, seconds)
        for mode in ("fast", "deterministic")
    }
    alone = images / dense["fast"]
    yield Row(f"{architecture}, an epoch of {dataset}, fast", alone, "s", "≤ 0.6 s on one H200", alone <= 0.6)
    yield Row("the same, deterministic", images / dense["deterministic"], "s")
    yield Row("price of deterministic mode", dense["fast"] / dense["deterministic"], "×")
    for method, target in (("dpf[schedule.until=1.0]", 1.1), ("rigl", 0.0), ("snip", 0.0), ("str", 0.0)):
        found = rate(spec_of(dataset, architecture, method, f"{recipe}[mode=fast]", 0.9), device, seconds)
        ratio = dense["fast"] / found
        held = ratio <= target if target else None
        yield Row(
            f"a step of {method} at 90 %, mask updates included", ratio, "× dense", "≤ 1.1" if target else "", held
        )


def packed(dataset: str, architecture: str, recipe: str, seconds: float, most: int) -> Iterator[Row]:
    """Several runs on one card."""
    found = rates((dataset, architecture, f"{recipe}[mode=fast]"), seconds, most)
    for copies, images in found.items():
        ratio = images / found[1]
        last = copies == max(found) and copies > 1
        held = max(found.values()) >= 2 * found[1] if last else None
        target = "≥ 2, the best of these" if last else ""
        yield Row(f"{copies} runs on one card{mps()}", ratio, "× the images/s of one", target, held)


def mps() -> str:
    """A remark if a daemon of NVIDIA's Multi-Process Service is at work."""
    program = shutil.which("nvidia-cuda-mps-control")
    if program is None:
        return ""
    asked = subprocess.run([program], input="get_server_list\n", capture_output=True, text=True, check=False)
    return ", MPS" if asked.returncode == 0 else ""


def photographs(architecture: str, batch: int, device: str, seconds: float, script: Path | None) -> Iterator[Row]:
    """A large network in bfloat16 in our engine, in the barest loop, and in timm's own script if it is there."""
    DATASETS["photos"] = PHOTOS
    recipe = f"rigl_cifar10[mode=fast,precision=bf16,batch_size={batch},data.crop_padding=0,data.flip=false]"
    ours = rate(spec_of("photos", architecture, "dense", recipe), device, seconds)
    yield Row(f"{architecture} at 224, bfloat16, batch {batch}", ours, "images/s")
    bare = bare_rate(architecture, batch, device, seconds)
    yield Row("the same in the barest loop", ours / bare, "× its images/s", "≥ 0.9", ours >= 0.9 * bare)
    if script is not None:
        theirs = timm_rate(script, architecture, batch)
        yield Row("the same in timm's benchmark script", ours / theirs, "× its images/s", "≥ 0.9", ours >= 0.9 * theirs)


def bare_rate(architecture: str, batch: int, device: str, seconds: float) -> float:
    """Images per second of forward, backward and SGD on one batch, over and over."""
    import timm

    model = timm.create_model(architecture, num_classes=1000).to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9, weight_decay=1e-4, fused=True)
    images = torch.randn(batch, 3, 224, 224, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(1000, (batch,), device=device)

    def steps(seconds: float) -> float:
        done, begin = 0, time.perf_counter()
        while done < 5 or time.perf_counter() - begin < seconds:
            with torch.autocast(device, dtype=torch.bfloat16):
                loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            done += 1
        synchronize(device)
        return done * batch / (time.perf_counter() - begin)

    steps(0.0)
    return steps(seconds)


def timm_rate(script: Path, architecture: str, batch: int) -> float:
    """Images per second that timm's ``benchmark.py`` finds for training."""
    words = ["--bench", "train", "--model", architecture, "-b", str(batch), "--amp", "--amp-dtype", "bfloat16"]
    command = ["python", str(script), *words, "--channels-last", "--opt", "sgd"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = json.loads(printed[printed.index("--result") + len("--result") :])
    return float((found[0] if isinstance(found, list) else found)["train_samples_per_sec"])


def updates(device: str, architecture: str) -> Iterator[Row]:
    """Choosing which weights of a whole network stay, on the device."""
    model = build(architecture, 1000, 3, (224, 224), load("rigl_cifar10"), 0).to(device)
    scores = torch.cat([weight.detach().abs().flatten() for weight in prunable(model, "all").values()])
    ours = median(lambda: largest(scores, len(scores) // 10), device)
    theirs = median(lambda: torch.sort(scores), device)
    name = f"exact selection among {len(scores) / 1e6:.1f} M weights"
    yield Row(name, 1000 * ours, "ms", "≤ 10 ms", ours <= 0.01)
    yield Row("the same", ours / theirs, "× torch.sort")


def median(work: object, device: str, times: int = 15) -> float:
    """Seconds that a call takes."""
    taken = []
    for _ in range(times):
        synchronize(device)
        begin = time.perf_counter()
        work()  # type: ignore[operator]
        synchronize(device)
        taken.append(time.perf_counter() - begin)
    return sorted(taken)[times // 2]


def synchronize(device: str) -> None:
    """Wait until the device has done what it was asked for."""
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Measure, print the table, and write it as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a rehearsal on a small network, wherever it runs")
    parser.add_argument("--seconds", type=float, default=5.0, help="of training per measurement")
    parser.add_argument("--timm-benchmark", type=Path, help="the file benchmark.py of a checkout of timm")
    parser.add_argument("--json", type=Path, help="where to write the values")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not options.small:
        parser.error("there is no GPU that torch can use; --small rehearses on the CPU")
    rows = list(measure(device, options.small, options.seconds, options.timm_benchmark))
    if options.small:  # targets are for the real sizes
        rows = [replace(row, target="", held=None) for row in rows]
    machine = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    title = f"{machine} · torch {torch.__version__} · CUDA {torch.version.cuda} · {os.cpu_count()} cores"
    table = Table("", "measured", "target", "", title=title)
    for row in rows:
        held = {None: "", True: "✓", False: "✗"}[row.held]
        table.add_row(row.what, f"{row.value:.3g} {row.unit}", row.target, held)
    Console(width=120).print(table)
    if options.json:
        values = {"machine": title, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def measure(device: str, small: bool, seconds: float, script: Path | None) -> Iterator[Row]:
    """All rows."""
    dataset, architecture, recipe = (
        ("digits", "convnet_small", "digits") if small else ("cifar10", "resnet20_cifar", "resnet_cifar10")
    )
    yield from epochs(dataset, architecture, recipe, device, seconds)
    yield from updates(device, architecture if small else "resnet50")
    yield from packed(dataset, architecture, recipe, seconds, 2 if small else 8)
    if not small:
        yield from photographs("resnet50", 256, device, seconds, script)


if __name__ == "__main__":
    main()
