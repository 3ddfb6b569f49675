"""``reprune published --missing``: rows worth running next, the cheapest that decide first, and the call for each."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bench import data
from bench.base.printing import emit, plain_table
from bench.counting.listed import macs
from bench.errors import NotFound
from bench.published import Published, Row
from bench.published.power import MOST_SEEDS
from bench.published.search import short
from bench.workflow.missing import Missing, find

KEPT = Path(__file__).parents[3] / "reports" / "reproductions"
HEADS = ("Method", "On", "Points", "Recipe", "Comparable", "Decidable", "Seeds", "Runs", "PMACs", "Paper")
LEAST = (12, 12, 8, 12, 10, 9, 5, 4, 7, 6)
"""Columns of each at least."""

LONGEST = 34
"""Columns of a name; ``--json`` has all of it."""

COMMANDS = 3
"""How many calls are printed; ``--json`` has all."""

BASIS = (
    "Every line is a grid: one method on one network under the paper's protocol, with its dense baseline and {seeds}. "
    "Decidable are rows that these seeds call 'reproduced' more often than not if the paper is exactly right "
    f"(docs/comparing.md); where none is, no number of seeds up to {MOST_SEEDS} is enough, and such grids come last. "
    "What is affordable is for you to say. Cost: multiply-adds of all training (three times a forward pass) and "
    "evaluation that is still to be done, as if networks were dense; a PMAC is 10^15 of them. What a method does "
    "beyond training is not in it. `reprune plan configs/quick.yaml` with what stands after `--config` measures how "
    "long it takes on this machine."
)


def show(published: Published, rows: Iterable[Row], seeds: int | None, results: Path, as_json: bool) -> None:
    """Print what `find` finds, sorted by whether it decides and by cost."""
    found = find(published, rows, seeds, results, sorted(KEPT.iterdir()) if KEPT.is_dir() else [])
    listed = sorted((describe(each, results) for each in found), key=_order)
    if as_json or listed:
        emit(listed if as_json else page(listed, seeds))
    if not listed:
        raise NotFound("no published row is like that, comparable, and without a run of ours.")
    for each in [] if as_json else listed[:COMMANDS]:
        print(f"\n{each['grid']['title']}:\n{each['command']}")  # not broken into lines


def _order(line: dict[str, Any]) -> tuple[bool, float, str]:
    """The cheapest first, but what decides nothing last."""
    return not line["decidable"], line["macs"], line["name"]


def describe(found: Missing, results: Path) -> dict[str, Any]:
    """A line as JSON-like values; ``grid`` are the fields of its grid, ``command`` runs it, ``plan`` estimates it."""
    dataset, architecture = found.grid["datasets"][0], found.grid["architectures"][0]
    words = [shlex.quote(f"{field}={_flow(value)}") for field, value in found.grid.items()]
    return {
        "name": found.grid["name"],
        "rows": [row.id for row in found.rows],
        "decidable": [row.id for row in found.decidable],
        "papers": sorted({row.paper for row in found.rows}),
        "dataset": dataset,
        "architecture": architecture,
        "method": found.grid["methods"][0],
        "points": sorted({row.point or 0.0 for row in found.rows}),
        "recipe": found.grid["recipe"],
        "runs": len(found.plan.runs),
        "macs": found.cost(macs(architecture, data.info(dataset), results)),
        "grid": found.grid,
        "plan": " ".join(["reprune plan configs/quick.yaml", *words]),
        "command": " ".join(["snakemake --cores all --config", *words]),
    }


def page(listed: list[dict[str, Any]], seeds: int | None) -> RenderableType:
    """The lines for people, with the calls of the first few."""
    table = plain_table(*HEADS, numbers=("Comparable", "Decidable", "Seeds", "Runs", "PMACs"))
    for column, least in zip(table.columns, LEAST, strict=True):  # a narrow terminal cuts names, never numbers
        column.no_wrap, column.overflow, column.min_width, column.max_width = True, "ellipsis", least, LONGEST
    for each in listed:
        table.add_row(
            Text(each["method"]),
            Text(f"{each['architecture']}, {each['dataset']}"),
            _points(each["points"]),
            Text(each["recipe"]),
            str(len(each["rows"])),
            str(len(each["decidable"])),
            str(len(each["grid"]["seeds"])),
            str(each["runs"]),
            f"{each['macs'] / 1e15:,.1f}",
            Text(", ".join(sorted(map(short, each["papers"])))),
        )
    here = [each for each in listed if data.info(each["dataset"]).sha256]
    apart = [each for each in listed if each not in here]
    unseen = ", ".join(sorted({each["dataset"] for each in apart}))
    more = f" Counted apart, on images that nobody has registered here ({unseen}): {_sums(apart)}." if apart else ""
    return Group(table, Text(f"\n{_sums(here)}.{more} {BASIS.format(seeds=_seeds(seeds))}", "dim"))


def _sums(listed: list[dict[str, Any]]) -> str:
    rows, decided = (sum(len(each[what]) for each in listed) for what in ("rows", "decidable"))
    return f"{rows} rows in {len(listed)} grids, {decided} of them decidable"


def _seeds(number: int | None) -> str:
    return "the fewest seeds that decide all that can be decided" if number is None else f"{number} seeds"


def _points(points: list[float]) -> str:
    if points == [0.0]:
        return "dense"
    if len(points) > 3:
        return f"{100 * points[0]:.4g} … {100 * points[-1]:.4g} % ({len(points)})"
    return f"{', '.join(f'{100 * point:.4g}' for point in points)} %"


def _flow(value: Any) -> str:
    """A field's value as YAML on one line; JSON is YAML, and its quotes get along with the shell's."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
