"""`reprune new-method`."""

from __future__ import annotations

from typing import Annotated

import typer


def new_method(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and _, as my_idea.")],
) -> None:
    """Write methods/NAME.py, a small method that works, to be changed.

    Examples:
        reprune new-method my_idea
    """
    from bench.new_method import create

    path = create(name)
    print(f"{path} is written; `reprune methods` lists it, and a grid may name it: methods: [dense, {name}]")
