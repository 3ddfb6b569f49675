"""``reprune latency``: the networks of a finished run, dense and in every way that uses their zeros, timed in turn."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import torch
from torch import Tensor, nn

from bench import archs, data
from bench.errors import UserError
from bench.latency import FILE, Latency, Machine, Network, Refusal, Timing, write
from bench.latency.backends import Backend, Refused, Setting, sparse_backends
from bench.latency.subject import subject
from bench.results.provenance import processor
from bench.results.record import Record
from bench.training import recorded

REPETITIONS = 30

WARM_UP = 3

TOLERANCES = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}
"""By how much of the largest logit outputs may differ from those of the masked network."""


def time_networks(
    run: str, results: Path, batches: Sequence[int] = (1, 64), setting: Setting | None = None
) -> tuple[Latency, Path]:
    """Measure the networks of a run at all its points, and write ``latency.json`` beside its record.

    Args:
        run: a run's id, a unique beginning of it, or a run's folder.
        results: the folder of results.
        batches: images per batch.
        setting: where is measured; by default one thread of the CPU in float32.

    Raises:
        UserError: if the run left no network, a network is not the recorded one or needs more than its weights, or
            there is no such device.
    """
    setting = setting or Setting()
    _check(batches, setting)
    folder, record = subject(run, results)
    states = [recorded.state(folder, record, result) for result in record.results]
    networks = []
    for result, state in zip(record.results, states, strict=True):
        dense, sparse = _model(record), _model(record)
        sparse.load_state_dict(state)
        info = data.info(record.spec.dataset)
        shape = (info.channels, info.height, info.width)
        timings, refusals = compare(dense, sparse, shape, batches, setting)
        networks.append(
            Network(point=result.point, weights_sha256=result.weights_sha256, timings=timings, refusals=refusals)
        )
    latency = Latency(run=record.id, machine=machine(setting), networks=networks)
    write(latency, folder / FILE)
    return latency, folder / FILE


def compare(
    dense: nn.Module,
    sparse: nn.Module,
    shape: tuple[int, int, int],
    batches: Sequence[int],
    setting: Setting,
    repetitions: int = REPETITIONS,
) -> tuple[list[Timing], list[Refusal]]:
    """Time a dense network and a sparse one of the same architecture in every way there is, on images of noise.

    All ways run once in each round, so that a busy machine slows all of them.
    A way whose outputs differ from those of the sparse network as it is gets refused.
    """
    timings: list[Timing] = []
    refusals: list[Refusal] = []
    with torch.inference_mode(), _threads(setting.threads), _float32_is_float32():
        for model in (dense, sparse):
            model.eval().to(setting.device, getattr(torch, setting.dtype))
        for batch in batches:
            noise = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(batch))
            images = noise.to(setting.device, getattr(torch, setting.dtype))
            good, refused = _checked(sparse, images, setting)
            refusals += [Refusal(backend=each.name, batch=batch, reason=each.reason) for each in refused]
            ways = [Backend("dense", dense), *good]
            seconds = _in_turn(ways, images, setting, repetitions)
            reference = median(seconds[0])
            for way, times in zip(ways, seconds, strict=True):
                timings.append(_timing(way, batch, times, reference, good.get(way, 0.0)))
    return timings, refusals


def machine(setting: Setting) -> Machine:
    """The machine as a measurement names it."""
    return Machine(
        device=processor() if setting.device == "cpu" else torch.cuda.get_device_name(),
        threads=setting.threads,
        dtype=setting.dtype,
        torch=torch.__version__,
        clock="processor time" if setting.uses_processor_time else "wall time",
    )


def _check(batches: Sequence[int], setting: Setting) -> None:
    if min(batches) < 1:
        raise UserError(f"--batch {min(batches)} is not a number of images; the least is 1.")
    if setting.threads < 1:
        raise UserError(f"--threads {setting.threads} is not a number of threads; the least is 1.")
    if setting.dtype not in TOLERANCES:
        raise UserError(f"--dtype '{setting.dtype}' is none of {', '.join(TOLERANCES)}.")
    if setting.device not in ("cpu", "cuda"):
        raise UserError(f"--device '{setting.device}' is neither cpu nor cuda.")
    if setting.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no GPU here.")


def _model(record: Record) -> nn.Module:
    """The run's architecture, with fresh weights."""
    info = data.info(record.spec.dataset)
    torch.manual_seed(0)
    return archs.create(record.spec.architecture, info.classes, info.channels, (info.height, info.width))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _float32_is_float32() -> Iterator[None]:
    """No TF32 on a GPU: its ten bits would differ by more than `TOLERANCES` between ways that are all right."""
    matmul = torch.backends.cuda.matmul
    before, matmul.allow_tf32 = matmul.allow_tf32, False
    try:
        with torch.backends.cudnn.flags(allow_tf32=False):
            yield
    finally:
        matmul.allow_tf32 = before


def _checked(sparse: nn.Module, images: Tensor, setting: Setting) -> tuple[dict[Backend, float], list[Refused]]:
    """The ways with outputs as those of the masked network, and by how much of the largest logit they differ."""
    found = sparse_backends(sparse, images, setting)
    good, refused = {Backend("masked", sparse): 0.0}, [way for way in found if isinstance(way, Refused)]
    expected, allowed = sparse(images).float(), TOLERANCES[setting.dtype]
    for way in found:
        if isinstance(way, Backend):
            difference = float((way.call(images).float() - expected).abs().max() / expected.abs().max())
            if difference <= allowed:
                good[way] = difference
            else:
                reason = f"its outputs differ by {difference:.1e} of the largest logit, allowed is {allowed:.0e}"
                refused.append(Refused(way.name, reason))
    return good, refused


def _in_turn(ways: Sequence[Backend], images: Tensor, setting: Setting, repetitions: int) -> list[list[float]]:
    """The seconds of each way: every round in another order, for what ran before has an influence (caches)."""
    seconds: list[list[float]] = [[] for _ in ways]
    for way in ways:
        for _ in range(WARM_UP):
            way.call(images)
    numbers, shuffled = list(range(len(ways))), random.Random(0)
    for _ in range(repetitions):
        shuffled.shuffle(numbers)
        for number in numbers:
            seconds[number].append(setting.seconds(ways[number].call, images))
    return seconds


def _timing(way: Backend, batch: int, seconds: list[float], reference: float, difference: float) -> Timing:
    lower, middle, upper = (1000 * value for value in quantiles(seconds, n=4, method="inclusive"))
    return Timing(
        backend=way.name,
        batch=batch,
        repetitions=len(seconds),
        median=middle,
        lower=lower,
        upper=upper,
        speedup=1000 * reference / middle,
        difference=difference,
        detail=way.detail,
    )
