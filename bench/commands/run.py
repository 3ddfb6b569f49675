"""`reprune run`."""

from __future__ import annotations

import typer


def run(context: typer.Context) -> None:
    """Carry out one run and write its record (`reprune run --help` lists the options).

    Examples:
        reprune run --dataset digits --architecture convnet_small --method dense --recipe digits --budget 0.1
    """
    from bench.run import main as carry_out

    raise typer.Exit(carry_out(context.args))


SETTINGS = {
    "add_help_option": False,
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
}
"""The job's own parser (`bench.options`) reads the options."""
