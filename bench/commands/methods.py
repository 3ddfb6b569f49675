"""`reprune methods`."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.arguments import AsJson


def methods(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="METHOD",
            help="One method, with its card; or a pattern such as 's*'.",
            autocompletion=completion.methods,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the methods with their hyper-parameters, and method files that are broken.

    Examples:
        reprune methods
        reprune methods gmp
        reprune methods 'grasp*'
        reprune methods rigl --json
    """
    from bench.commands.listing.methods import show

    show(name, as_json)
