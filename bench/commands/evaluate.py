"""`reprune evaluate`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson, DataDir, Results, numbers
from bench.errors import UserError

if TYPE_CHECKING:
    from bench.training.pretrained import Assumed


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
    key: Annotated[
        str, typer.Option(metavar="NAME", help="Where in a training checkpoint the weights stand, as state_dict_ema.")
    ] = "",
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
    """Measure the test accuracy of a file of weights, yours or anybody's, and say what was assumed.

    Examples:
        reprune evaluate resnet20.safetensors --arch resnet20_cifar --dataset cifar10
        reprune evaluate w.pt --arch resnet20a_cifar --dataset cifar10 --mean 0.5,0.5,0.5 --std 0.25,0.25,0.25
        reprune evaluate checkpoint.pth.tar --key state_dict_ema --arch resnet50 --dataset imagenet
    """
    from bench import archs, data
    from bench.foreign.kinds import recognise
    from bench.recipe import Photographs

    archs.check(arch)
    channels = data.info(dataset).channels
    chosen = {"mean": _per_channel("--mean", mean, channels), "std": _per_channel("--std", std, channels)}
    if not all(value > 0 for value in chosen["std"] or ()):
        raise UserError(f"--std {std[:100]!r} is not a list of positive numbers, by which images can be divided.")
    photographs = Photographs.read({"crop_fraction": crop_fraction, "interpolation": interpolation}, "evaluate")
    recognise(weights)  # what can be said at once is said before torch is imported, which takes seconds
    import torch

    from bench.training.pretrained import evaluate_weights

    found = evaluate_weights(
        weights,
        arch,
        dataset,
        data_folder=results / "data",
        data_dir=data_dir,
        key=key,
        **chosen,
        photographs=photographs,
        workers=os.cpu_count() or 1,
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    if as_json:
        measured = {"accuracy": found.accuracy, "loss": found.loss, "images": found.images}
        print(json.dumps(measured | {"assumed": _values(found.assumed)}))
    else:
        print(f"{found.accuracy:.2f} % of {found.images} test images")
        print(_images(found.assumed, own=not mean and not std))
        print(_weights(found.assumed))


def _per_channel(option: str, text: str, channels: int) -> tuple[float, ...] | None:
    listed = numbers(option, text)
    if text and len(listed) != channels:
        raise UserError(f"{option} {text[:100]!r} has {len(listed)} numbers for images of {channels} channels.")
    return listed or None


def _images(assumed: Assumed, own: bool) -> str:
    """What was done to the images, in a line."""
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (assumed.mean, assumed.std))
    whose = ", the data set's own" if own else ""
    cut = assumed.photographs
    centre = f", of the photographs' centres (--crop-pct {cut.crop_fraction:g}, {cut.interpolation})" if cut else ""
    size = "x".join(map(str, assumed.size))
    return f"images: {size}{centre}; normalised by mean {mean} and std {std}{whose}"


def _weights(assumed: Assumed) -> str:
    """What was done to the weights, in a line."""
    said = [f"those under '{assumed.key}'" if assumed.key else "all there are in the file"]
    if assumed.other_keys:
        listed = ", ".join(f"'{name}'" for name in assumed.other_keys[:5])
        said[0] += f" (there are others under {listed}; --key chooses)"
    said += [f"'{assumed.prefix}' taken off every name"] if assumed.prefix else []
    said += [f"{assumed.masked} of them multiplied by the masks beside them"] if assumed.masked else []
    return f"weights: {'; '.join(said)}"


def _values(assumed: Assumed) -> dict[str, Any]:
    found = asdict(assumed)
    cut = assumed.photographs
    return found | {"photographs": cut and {"crop_fraction": cut.crop_fraction, "interpolation": cut.interpolation}}
