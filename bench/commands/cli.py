"""The command line: which commands there are. What each of them takes and does is in `bench.commands`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

import typer

from bench import __version__
from bench.base.checkout import require_checkout
from bench.base.visible import on_terminal
from bench.errors import NotFound, UserError, printable

COMMANDS: dict[str, tuple[str, ...]] = {
    "Look around": ("doctor", "methods", "archs", "recipes", "published", "counts", "evidence"),
    "Run": ("reproduce", "plan", "prepare", "count", "run", "decide", "status", "retry", "rerun", "recompute"),
    "Results": (
        "report",
        "show",
        "ui",
        "compare",
        "verify",
        "extract",
        "latency",
        "evaluate",
        "keep",
        "merge",
        "export",
    ),
    "Develop": ("new_method",),
}
"""The files in `bench.commands` by the heading under which help shows them."""

EXAMPLES = "Examples:\n"
"""The head of a docstring's section whose lines are commands."""

app = typer.Typer(
    help="Train, compare and tabulate pruning methods; `snakemake --cores all` runs a whole grid.",
    epilog="Exit status: 0 all is well, 1 the answer is no or something failed, 2 the call was wrong.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"reprune {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """What may stand before a command."""


def main() -> None:
    """Run the command of this process' command line."""
    sys.exit(call(sys.argv[1:]))


def call(words: Sequence[str]) -> int:
    """Run a command; returns its exit status.

    What a user got wrong is said in one sentence, with status 2. So is what a search did not find, with status 1.
    """
    with on_terminal():
        try:
            if words and not {"--help", "--version"} & set(words):
                require_checkout()
            # Prints help, and not that a command is missing, if there is none; a command's status is its `Exit`'s.
            status = app(list(words) or ["--help"], prog_name="reprune", standalone_mode=False)
        except (UserError, typer.TyperException) as error:
            sentence = str(error) if isinstance(error, UserError) else _sentence(error)
            print(f"reprune: {sentence}", file=sys.stderr)
            return 1 if isinstance(error, NotFound) else 2
    return status if isinstance(status, int) else 0


def _sentence(error: typer.TyperException) -> str:
    """What is wrong with the words of a call, and where to look it up."""
    text = printable(error.format_message()).replace("Value error, ", "").rstrip(".")
    text = re.sub(r"\. Did you mean (.*)\?$", r" (did you mean \1?)", text)
    context = getattr(error, "ctx", None)
    return f"{text[:1].lower()}{text[1:]}; see `{context.command_path if context else 'reprune'} --help`."


def documented(function: Callable[..., None]) -> tuple[str, list[str]]:
    """The help of a command, and its examples: a docstring's text before ``Examples:``, and the lines after it."""
    text, _, examples = (function.__doc__ or "").partition(EXAMPLES)
    paragraphs = [" ".join(each.split()) for each in text.strip().split("\n\n")]  # lines as wide as the terminal is
    return "\n\n".join(paragraphs), [line.strip() for line in examples.splitlines() if line.strip()]


def register(module: ModuleType, panel: str) -> None:
    """Add the command of a file in `bench.commands`: the function named like it, with its docstring as help.

    The functions in its ``SUBCOMMANDS`` are added below it; its ``SETTINGS`` are typer's.
    """
    name = module.__name__.rpartition(".")[2]
    function, below = getattr(module, name), getattr(module, "SUBCOMMANDS", ())
    if not below:
        app.command(**_settings(function), rich_help_panel=panel, **getattr(module, "SETTINGS", {}))(function)
        return
    group = typer.Typer()
    group.callback(**_settings(function), invoke_without_command=True)(function)
    for each in below:
        group.command(**_settings(each))(each)
    app.add_typer(group, name=name, rich_help_panel=panel)


def _settings(function: Callable[..., None]) -> dict[str, Any]:
    text, examples = documented(function)
    shown = ["[bold]Examples[/]", *(f"  [cyan]{_escaped(line)}[/]" for line in examples)]
    return {"help": _escaped(text), "epilog": "\n".join(shown)}


def _escaped(text: str) -> str:
    """A text in which brackets are no markup."""
    return text.replace("[", "\\[")


for _panel, _names in COMMANDS.items():
    for _name in _names:
        register(import_module(f"bench.commands.{_name}"), _panel)

if __name__ == "__main__":
    main()
