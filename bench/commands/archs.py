"""`reprune archs`."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson


def archs(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="ARCH", help="One architecture, or a pattern such as 'resnet*'.", autocompletion=completion.archs
        ),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option(
            metavar="DATASET",
            help="Whose images and classes to count for; cifar10, or imagenet for timm's.",
            autocompletion=completion.datasets,
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List the architectures, or show one: its size, multiply-adds and prunable layers, and where papers use it.

    Every name that timm knows may be used; a pattern searches them too.

    Examples:
        reprune archs
        reprune archs 'wrn*'
        reprune archs resnet20_cifar
        reprune archs resnet50 --dataset imagenet --json
    """
    from bench.commands.listing.archs import show

    show(name, dataset, as_json)
