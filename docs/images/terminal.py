"""Draws docs/images/terminal.svg: what real commands really print, in their colours.

``python docs/images/terminal.py`` from the checkout's folder, with the environment active. A pseudo-terminal makes the
commands print as they do for people; rich draws what they printed.
"""

from __future__ import annotations

import io
import os
import pty
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 108
ROOT = Path(__file__).parents[2]
PICTURE = Path(__file__).with_suffix(".svg")

SCENES = (
    ("reprune methods 'gr*'", 23),
    ("reprune report reports/reproductions/digits -o {folder}", 13),
)
"""Commands, and how many lines of their output are drawn; an ellipsis stands for the others."""

FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
 font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""rich's own, without the fonts that it would fetch."""


def printed(command: str) -> str:
    """What a command prints to a terminal of `WIDTH` columns, colours included."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": str(WIDTH), "LINES": "50", "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, shell=True, cwd=ROOT, env=environment, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        found = b""
        while piece := _read(ours):
            found += piece
    os.close(ours)
    assert process.returncode == 0, found.decode()
    return found.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux' way to say that the other side is closed
        return b""


def draw() -> str:
    """The picture, as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    with tempfile.TemporaryDirectory() as folder:
        for number, (command, lines) in enumerate(SCENES):
            text = Text.from_ansi(printed(command.format(folder=folder)).rstrip())
            shown = text.split("\n")
            console.print(Text("\n" * (number > 0)), end="")
            console.print(Text.assemble(("$ ", "bold green"), (command.format(folder="reports/digits"), "bold")))
            for line in shown[:lines]:
                line.rstrip()
                console.print(line, no_wrap=True, crop=True)
            if len(shown) > lines:
                console.print(Text("…", "dim"))
    return console.export_svg(title="reprune", code_format=FORMAT, unique_id="reprune")


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")
