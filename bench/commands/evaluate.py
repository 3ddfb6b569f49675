"""`reprune evaluate`."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson, DataDir, Results
from bench.errors import UserError


def evaluate(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="A file: safetensors or a PyTorch state dict.")],
    arch: Annotated[
        str, typer.Option(metavar="ARCH", help="The architecture they belong to.", autocompletion=completion.archs)
    ],
    dataset: Annotated[
        str,
        typer.Option(
            metavar="DATASET", help="The data set whose test images are classified.", autocompletion=completion.datasets
        ),
    ],
    mean: Annotated[
        str, typer.Option(metavar="NUMBERS", help="Per channel in units of \\[0, 1], separated by commas.")
    ] = "",
    std: Annotated[str, typer.Option(metavar="NUMBERS", help="Likewise.")] = "",
    crop_fraction: Annotated[
        float,
        typer.Option(
            "--crop-pct", "--crop-fraction", metavar="FRACTION", help="Of an image folder's photographs, as in timm."
        ),
    ] = 0.875,
    interpolation: Annotated[Literal["bilinear", "bicubic"], typer.Option(help="Likewise.")] = "bilinear",
    results: Results = Path("results"),
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure the test accuracy of a file of weights, yours or anybody's.

    Examples:
        reprune evaluate resnet20.safetensors --arch resnet20_cifar --dataset cifar10
        reprune evaluate w.pt --arch resnet20a_cifar --dataset cifar10 --mean 0.5,0.5,0.5 --std 0.25,0.25,0.25
    """
    import torch

    from bench.pretrained import evaluate_weights
    from bench.recipe import Photographs

    found = evaluate_weights(
        weights,
        arch,
        dataset,
        data_folder=results / "data",
        data_dir=data_dir,
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
        photographs=Photographs.read({"crop_fraction": crop_fraction, "interpolation": interpolation}, "evaluate"),
        workers=os.cpu_count() or 1,
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    if as_json:
        print(json.dumps({"accuracy": found.accuracy, "loss": found.loss, "images": found.images}))
    else:
        print(f"{found.accuracy:.2f} % of {found.images} test images")


def _numbers(option: str, text: str) -> tuple[float, ...] | None:
    try:
        found = tuple(float(part) for part in text.split(",")) if text else None
    except ValueError:
        found = (math.nan,)
    if found is not None and not all(map(math.isfinite, found)):
        raise UserError(f"{option} {text[:100]!r} is not a list of numbers separated by commas.")
    return found
