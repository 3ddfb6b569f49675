"""`reprune extract`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.arguments import Results, Run


def extract(
    run: Run,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The file to write, .safetensors.")],
    sparsity: Annotated[
        float | None, typer.Option(metavar="FRACTION", help="Which of the run's networks, as 0.9.")
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Write a network of a finished run as a plain checkpoint, which timm or PyTorch loads.

    Examples:
        reprune extract digits-resnet8_cifar-gmp-0.9-s0 -o resnet8.safetensors
        reprune extract cifar10-resnet20_cifar-lth --sparsity 0.9 -o model.safetensors
    """
    from bench.sharing.extract import extract as write

    print(write(run, results, output, sparsity))
