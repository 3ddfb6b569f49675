"""`reprune new-method`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

NEXT = """{path} is a method that works. Change it (CONTRIBUTING.md says how); then

  reprune methods {name}
      says what the suite makes of it, or what is wrong with it,
  pytest tests/contract -k {name}
      holds it to the invariants of every method,
  snakemake --cores all --config name={name} methods='[dense, magnitude, {name}]' seeds='[0]'
      trains it beside others on the default grid, with tables in reports/{name}/."""


def new_method(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and _, as my_idea.")],
) -> None:
    """Write methods/NAME.py, a small method that works, to be changed.

    Examples:
        reprune new-method my_idea
    """
    from bench.commands.skeleton import create

    print(NEXT.format(path=os.path.relpath(create(name)), name=name))
