"""`reprune latency`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.commands.arguments import AsJson, Results, Run


def latency(
    run: Run,
    batch_size: Annotated[
        list[int] | None,
        typer.Option(
            "-b", "--batch-size", "--batch", metavar="N", help="Images per batch, repeatable; 1 and 64 by default."
        ),
    ] = None,
    threads: Annotated[int, typer.Option(metavar="N", help="CPU threads.")] = 1,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Where to measure.")] = "cpu",
    dtype: Annotated[Literal["float32", "float16", "bfloat16"], typer.Option(help="In which precision.")] = "float32",
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Measure how fast a finished run's networks really are: dense, CSR, 2:4, thinned, ONNX Runtime.

    Examples:
        reprune latency digits-resnet8_cifar-gmp-0.9-s0
        reprune latency digits-resnet8_cifar-gmp-0.9-s0 -b 1 -b 256 --threads 4 --json
    """
    from bench.latency.subject import subject

    subject(run, results)  # what is missing is said before torch is imported, which takes seconds
    from bench.latency.backends import Setting
    from bench.latency.show import timed

    timed(run, results, tuple(batch_size or (1, 64)), Setting(device, dtype, threads), as_json)
