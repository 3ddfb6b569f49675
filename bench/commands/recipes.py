"""`reprune recipes`."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE",
            help="One recipe, perhaps with fields changed, or a pattern such as 'r*'.",
            autocompletion=completion.recipes,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the training protocols, or show one: every field, whose protocol it is, and where it is known to differ.

    Examples:
        reprune recipes
        reprune recipes rigl_cifar10
        reprune recipes 'rigl_cifar10[train.steps=1000,train.milestones=[500]]' --json
    """
    from bench.commands.listing.recipes import show

    show(name, as_json)
