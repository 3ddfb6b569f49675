"""How many runs a GPU carries out at once best: measured, for ``slots_per_gpu: auto``.

A small network leaves most of a card idle, and several runs share it: 1, 2, 4, … copies of a network are trained on
noise side by side, as long as the images per second of all together grow and the memory suffices. What came out is
kept in ``results/packing/``, so a grid's later calls measure nothing. Other work on the card counts against it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.base import devices
from bench.base.atomic import write_atomic
from bench.errors import UserError
from bench.identity import digest
from bench.plan.grid import Grid, Plan
from bench.spec import RunSpec
from bench.workflow import workload

MOST = 8
"""Runs on one card at most."""
GAIN = 1.1
"""Twice as many runs have to train so many times as many images per second, or they are not worth it."""
FILLED = 0.9
"""The share of the card's memory that may be taken."""
SECONDS = 3.0


@dataclass(frozen=True)
class Packing:
    """What a measurement of one network gave.

    Attributes:
        rates: images per second of all copies together, by their number; a number that did not fit is missing.
        memory: the share of the card's memory that one copy takes; 0 where it is not known.
    """

    rates: dict[int, float]
    memory: float = 0.0

    @property
    def slots(self) -> int:
        """The number of copies to run at once."""
        best = 1
        while best * 2 in self.rates and self.rates[best * 2] >= GAIN * self.rates[best] and self.fits(best * 2):
            best *= 2
        return best

    def fits(self, copies: int) -> bool:
        """Whether so many copies leave some of the memory free."""
        return copies * self.memory <= FILLED


def slots_per_gpu(grid: Grid, plan: Plan, measure: bool = True) -> int:
    """The grid's number, or for ``auto`` the smallest of what is best for each of its networks on this machine.

    Without a GPU, and where nothing has been measured and nothing is to be, it is 1.
    """
    if grid.slots_per_gpu != "auto":
        return grid.slots_per_gpu
    if not devices.gpus():
        return 1
    specs = {workload.network(spec): spec for spec in plan.runs}
    card = devices.nvidia_smi("--query-gpu=name", "--format=csv,noheader").strip()
    found = [_known(Path(grid.results) / "packing", card, spec, grid.threads, measure) for spec in specs.values()]
    return min(packing.slots for packing in found)


def _known(folder: Path, card: str, spec: RunSpec, threads: int, measure: bool) -> Packing:
    path = folder / f"{digest([card, threads, *workload.network(spec)])[:16]}.json"
    if path.exists():
        try:
            stored = json.loads(path.read_bytes())
            return Packing({int(copies): float(rate) for copies, rate in stored["rates"].items()}, stored["memory"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise UserError(f"{path} is damaged; delete it, and it is measured again.") from None
    if not measure:
        return Packing({})
    print(f"slots_per_gpu: auto: measuring {spec.architecture} on {spec.dataset}", file=sys.stderr, flush=True)
    packing = measured(spec, threads)
    if packing.rates:
        note = {"architecture": spec.architecture, "dataset": spec.dataset, "recipe": spec.recipe_text, "card": card}
        write_atomic(path, (json.dumps(note | asdict(packing), indent=1) + "\n").encode())
    return packing


def measured(
    spec: RunSpec, threads: int = 1, seconds: float = SECONDS, most: int = MOST, worthwhile: bool = True
) -> Packing:
    """Train 1, 2, 4, … copies of a run's dense network at once on one free card.

    No more than `most`, no more than fit, and unless `worthwhile` is false no more once doubling gains nothing.
    """
    packing = Packing({})
    with devices.device_slot(1) as device:
        before, total = _memory()
        copies = 1
        while copies <= most and packing.fits(copies) and (packing.slots * 2 >= copies or not worthwhile):
            with _copies(spec, device, threads, seconds, copies) as running:
                if not all(_line(process) == "ready" for process in running):
                    break  # one did not fit
                taken = (_memory()[0] - before) / total if copies == 1 and total else packing.memory
                for process in running:
                    _say(process, "go")
                packing = Packing(packing.rates | {copies: sum(float(_line(p) or 0) for p in running)}, taken)
            copies *= 2
    return packing


@contextmanager
def _copies(
    spec: RunSpec, device: str, threads: int, seconds: float, copies: int
) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of `main`, killed at the end."""
    command = [sys.executable, "-m", "bench.workflow.packing", device, str(threads), str(seconds), *spec.arguments()]
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


def _say(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def _memory() -> tuple[float, float]:
    """MiB in use and in all, of the card that jobs see now; zeros where nvidia-smi does not tell."""
    card = devices.gpus()[:1]
    query = ["--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits", "-i", *card]
    words = devices.nvidia_smi(*query).split(",") if card else []
    return (float(words[0]), float(words[1])) if len(words) == 2 else (0.0, 0.0)


def main(words: list[str]) -> None:
    """One copy: get ready, say so, wait for the word, train, and print images per second."""
    from bench.base import determinism
    from bench.plan.options import parser, spec_from
    from bench.workflow import probe

    device, threads, seconds, *arguments = words
    spec = spec_from(parser().parse_args(arguments))
    determinism.configure(spec.recipe, int(threads))
    trainer = probe.trainer(spec, device)
    probe.throughput(trainer, 0.0)
    print("ready", flush=True)
    sys.stdin.readline()
    print(probe.throughput(trainer, float(seconds)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
