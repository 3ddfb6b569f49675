"""The picture of the house in docs/layout.md: rooms from the roof down, as the contract in pyproject.toml orders them.

``python -m bench.site.house`` writes ``docs/house.svg``.
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "house.svg"

WIDTH, LINE, GAP, PADDING = 860, 18, 8, 10
COLUMNS = 7.3
"""Pixels of a character of the text, about."""

STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2933}.name{font-weight:600}"
    ".room{fill:#f4f7fa;stroke:#9fb3c8}.words{fill:#fdf6e3;stroke:#c8b27a}"
    "@media(prefers-color-scheme:dark){text{fill:#e4e7eb}.room{fill:#243b53;stroke:#627d98}"
    ".words{fill:#4a4028;stroke:#a08c50}}"
)


@dataclass(frozen=True)
class Box:
    """A room, or the files of `bench/` itself that lie on one floor.

    Attributes:
        name: of the folder, or of the files.
        purpose: the first sentence of the folder's docstring; of files none.
    """

    name: str
    purpose: str = ""


def floors() -> list[list[Box]]:
    """The boxes of every floor, the roof first."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return [_floor(layer) for layer in contract["contracts"][0]["layers"]]


def _floor(layer: str) -> list[Box]:
    names = layer.replace("|", " ").replace(":", " ").split()
    rooms = [name for name in names if (ROOT / "bench" / name).is_dir()]
    files = [name for name in names if name not in rooms]
    boxes = [Box(name, purpose(name)) for name in rooms]
    return [*boxes, Box(", ".join(files))] if files else boxes


def purpose(room: str) -> str:
    """The first sentence of a room's docstring."""
    text = ast.get_docstring(ast.parse((ROOT / "bench" / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].replace("`", "").split())


def draw() -> str:
    """The picture as SVG, which follows the reader's light or dark theme."""
    parts, top = [], GAP
    for floor in floors():
        width = (WIDTH - GAP * (len(floor) + 1)) / len(floor)
        texts = [_lines(box, width) for box in floor]
        height = max(map(len, texts)) * LINE + PADDING
        for index, (box, lines) in enumerate(zip(floor, texts, strict=True)):
            left = GAP + index * (width + GAP)
            kind = "room" if box.purpose else "words"
            size = f'width="{width:.0f}" height="{height}"'
            parts.append(f'<rect class="{kind}" x="{left:.0f}" y="{top}" {size} rx="4"/>')
            for number, (style, line) in enumerate(lines, 1):
                x, y = left + PADDING, top + number * LINE
                parts.append(f'<text class="{style}" x="{x:.0f}" y="{y}">{escape(line)}</text>')
        top += height + GAP
    size = f'viewBox="0 0 {WIDTH} {top}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="The rooms of bench/">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>\n"])


def _lines(box: Box, width: float) -> list[tuple[str, str]]:
    """(style, text) of the lines in a box."""
    columns = int((width - 2 * PADDING) / COLUMNS)
    if not box.purpose:
        return [("name", line) for line in textwrap.wrap(box.name, columns)]
    return [("name", f"{box.name}/"), *(("", line) for line in textwrap.wrap(box.purpose, columns))]


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
