"""The page of the commands: what somebody wrote, then every command's help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text
from typer.main import get_command

from bench.commands import cli
from bench.site.markdown import table


def page(text: str) -> str:
    """The page that `text` begins, with all commands beneath it under the headings of ``reprune --help``."""
    root: Any = get_command(cli.app)
    parts = [text.strip()]
    for panel, names in cli.COMMANDS.items():
        parts.append(f"## {panel}")
        for name in names:
            word = name.replace("_", "-")
            parts += _described(root.commands[word], f"reprune {word}")
    return "\n\n".join(parts) + "\n"


def _described(command: Any, call: str) -> Iterator[str]:
    """A command's heading, help, usage, what it takes and examples, and those of the commands below it."""
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name != "argument" and each.name != "help"]
    usage = " ".join([call, *(str(each.metavar) for each in arguments), *(["[OPTIONS]"] if options else [])])
    yield f"### {call}"
    yield _plain(command.help)
    yield f"```text\n{usage}\n```"
    rows = [(f"`{each.metavar}`", _plain(each.help), _default(each)) for each in arguments]
    rows += [(_spelled(each), _plain(each.help), _default(each)) for each in options]
    if rows:
        yield table(("", "", "Default"), rows).rstrip()
    _, *examples = _plain(command.epilog).splitlines()
    yield "\n".join(["```bash", *(line.strip() for line in examples), "```"])
    for name, below in getattr(command, "commands", {}).items():
        yield from _described(below, f"{call} {name}")


def _spelled(option: Any) -> str:
    """``-o``, ``--output FOLDER``; what follows an option is its metavar, or the choices there are."""
    choices = option.type_descriptor.choices
    after = "" if option.is_flag else f" {'|'.join(map(str, choices)) if choices else option.metavar or option.name}"
    names = ", ".join([*option.opts, *option.secondary_opts])
    return f"`{names}{after.upper() if not choices else after}`"


def _default(option: Any) -> str:
    if option.required:
        return "**required**"
    if option.default in (None, "", False):
        return ""
    return f"`{'on' if option.default is True else option.default}`"


def _plain(text: str | None) -> str:
    return Text.from_markup(text or "").plain.strip()
