"""Arguments and options that several commands share, so that they are spelled alike everywhere."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import completion

if TYPE_CHECKING:
    from bench.plan.grid import Grid

GridFile = Annotated[
    Path, typer.Argument(metavar="GRID", help="A grid: configs/quick.yaml, or quick.", autocompletion=completion.grids)
]
Changes = Annotated[
    list[str] | None,
    typer.Argument(metavar="FIELD=VALUE", help="Fields of the grid to change, as seeds='\\[0, 1]'."),
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's id, a unique beginning of it, or its folder.", autocompletion=completion.runs
    ),
]
Dataset = Annotated[
    str, typer.Argument(metavar="DATASET", help="A data set, such as cifar10.", autocompletion=completion.datasets)
]
Architecture = Annotated[
    str,
    typer.Argument(metavar="ARCH", help="An architecture, such as resnet20_cifar.", autocompletion=completion.archs),
]

Results = Annotated[Path, typer.Option(metavar="FOLDER", help="The folder of results.")]
DataDir = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where the originals of data sets lie; else $REPRUNE_DATA.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def read_grid(config: Path, fields: list[str] | None = None) -> Grid:
    """The grid of a file or of that name, with fields changed. Raises `UserError`."""
    from bench.plan.files import locate
    from bench.plan.resolved import changes, opened

    return opened(locate(config), changes(fields or []))


def numbers(option: str, text: str) -> tuple[float, ...]:
    """The finite numbers that an option lists, separated by commas. Raises `UserError`."""
    from bench.errors import UserError

    try:
        listed = tuple(float(part) for part in text.split(",") if part)
    except ValueError:
        listed = (math.nan,)
    if not all(map(math.isfinite, listed)):
        raise UserError(f"{option} {text[:100]!r} is not a list of numbers separated by commas.")
    return listed
