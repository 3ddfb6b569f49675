"""What a few minutes on a GPU are best used for, piece by piece: ``python benchmarks/gpu_day.py --out day``.

The most valuable piece comes first, and each leaves its result before the next begins: the same call, on this machine
or on another one that has the folder, goes on with what is missing. ``--piece 5`` gives no piece more than five
minutes; the next call tries one again that was cut off, and a run then goes on from its checkpoint. ``--rehearse`` does
all of it on the CPU with tiny substitutes. Nothing here needs Snakemake or MLflow.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Piece:
    """One command, and the name of the file that holds what came of it."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """A cell of a published table, and the seeds that it takes."""

    dataset: str
    architecture: str
    method: str
    recipe: str
    sparsity: float | None
    seeds: int

    @property
    def words(self) -> list[str]:
        """Of `reprune run`, without seed and folder."""
        network = ["--dataset", self.dataset, "--arch", self.architecture, "--recipe", self.recipe]
        return [self.method, *network, *([] if self.sparsity is None else ["--sparsity", f"{self.sparsity:g}"])]

    @property
    def name(self) -> str:
        """For a file."""
        point = "" if self.sparsity is None else f"-{self.sparsity:g}"
        return f"{self.dataset}-{self.architecture}-{self.method}{point}".replace("/", "_")


SET, LENET = ("fashion_mnist_2000", "mlp_1000_1000_1000_set"), ("mnist", "lenet5_caffe")

NUMBERS = (
    Cell(*SET, "dense", "set_tutorial[train.lr=0.04,optimizer.bias_rate=0.025]", None, 8),
    Cell(*LENET, "drawn_apart[weights=normal]", "snip_mnist_adam", 0.9, 3),
    Cell(*LENET, "drawn_apart[weights=truncated_normal]", "snip_mnist_adam", 0.9, 3),
    Cell(*LENET, "drawn_apart[weights=kaiming_normal]", "snip_mnist_adam", 0.9, 3),
    Cell(*LENET, "drawn_apart", "snip_mnist_adam", 0.9, 4),
    Cell(*SET, "random[allocation=erdraws]", "set_tutorial", 0.970833, 8),
)
"""The cheapest that `reprune published --missing` calls decidable, named before any of them ran on a GPU.

The seeds are the fewest that decide, or those that a grid has fixed already (`configs/papers/set_tutorial.yaml`).
Precision and mode are the recipes' own: float32, deterministic.
"""

TINY = (Cell("digits", "convnet_small", "gmp", "digits[train.epochs=3,train.milestones=[1,2]]", 0.9, 2),)
"""Stands for `NUMBERS` in a rehearsal."""


def pieces(folder: Path, rehearse: bool) -> Iterable[Piece]:
    """What is to be done, in order."""
    python = sys.executable
    tests = ("--collect-only",) if rehearse else ()
    yield Piece("tests", (python, "-m", "pytest", "-n0", "-q", *tests, "tests/gpu"))
    table = ("--small", "--seconds", "0.01") if rehearse else ()
    yield Piece("table", (python, "benchmarks/gpu.py", *table, "--json", str(folder / "gpu.json")))
    for cell in TINY if rehearse else NUMBERS:
        for seed in range(cell.seeds):
            words = ("run", *cell.words, "--seed", str(seed), "--results", str(folder / "results"))
            yield Piece(f"run-{cell.name}-{seed}", (python, "-m", "bench.commands.cli", *words))


def carry_out(piece: Piece, folder: Path, seconds: float | None) -> str:
    """Do a piece unless it is done; returns what to say of it. A failure is a result, too; being cut off is none."""
    path = folder / f"{piece.name}.json"
    if path.exists():
        return "is done"
    begin = time.monotonic()
    with (folder / f"{piece.name}.log").open("a", encoding="utf-8") as log:
        try:
            status = subprocess.run(
                piece.words, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, timeout=seconds, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return "was cut off; the next call goes on"
    taken = time.monotonic() - begin
    result = {"words": piece.words[1:], "status": status, "seconds": round(taken, 1)}
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return f"took {taken:.0f} s, exit status {status}"


def main() -> None:
    """Carry out piece after piece."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu-day"), help="where results go, and come from")
    parser.add_argument("--piece", type=float, metavar="MINUTES", help="at most for one piece")
    parser.add_argument("--rehearse", action="store_true", help="tiny substitutes, on the CPU where there is no GPU")
    options = parser.parse_args()
    if not options.rehearse and not torch.cuda.is_available():
        parser.error("there is no GPU that torch can use; --rehearse goes through all of it on the CPU")
    options.out.mkdir(parents=True, exist_ok=True)
    folder = options.out.resolve()
    for piece in pieces(folder, options.rehearse):
        said = carry_out(piece, folder, options.piece and 60 * options.piece)
        print(f"{piece.name} {said}", flush=True)


if __name__ == "__main__":
    main()
