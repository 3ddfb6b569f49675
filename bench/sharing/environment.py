"""What runs had around them, and the page of a crate that says what is where and how to run it again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import bench
from bench import data
from bench.report.kept import Kept
from bench.results.provenance import ROOT

FILE = "environment.json"

FIELDS = ("git", "packages", "python", "platform", "cpu", "gpu", "device", "threads", "mode", "determinism")
"""What a record tells of its surroundings; runs that agree in all of it ran in one environment."""


def version() -> str:
    """The version of reprune."""
    return bench.__version__


def pinned(package: str) -> str:
    """The version that envs/constraints.txt asks for; empty if it asks for none."""
    text = (ROOT / "envs" / "constraints.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(package)}==(\S+)", text, re.MULTILINE)
    return found[1] if found else ""


def environments(found: Kept) -> list[dict[str, Any]]:
    """Each environment that runs had, with the ids of these runs."""
    kinds: dict[str, dict[str, Any]] = {}
    for name, source in found.records.items():
        facts = {field: source.record.provenance.get(field) for field in FIELDS}
        kinds.setdefault(json.dumps(facts, sort_keys=True), facts | {"runs": []})["runs"].append(name)
    return list(kinds.values())


def text(found: Kept) -> str:
    """`environments` as JSON."""
    return json.dumps(environments(found), indent=1, ensure_ascii=False) + "\n"


def summary(found: Kept) -> str:
    """The grid in two sentences."""
    grid, cells = found.grid, found.plan.cells
    methods = ", ".join(dict.fromkeys(cell.method for cell in cells))
    points = sorted({cell.point for cell in cells if cell.point is not None})
    networks = f"{', '.join(grid.architectures)} on {', '.join(grid.datasets)}"
    targets = f"at {', '.join(map(found.plan.spelling.percent, points))}" if points else "dense"
    length = "" if grid.budget == 1 else f" at {grid.budget:g} of its length"
    seeds = ", ".join(map(str, grid.seeds))
    return (
        f"{len(found.records)} training runs: {methods}; {networks}; {targets}; seeds {seeds}; recipe {grid.recipe}"
        f"{length}. Tables, figures and verdicts are made from the records of these runs, which say how to repeat each."
    )


def readme(found: Kept, what: dict[str, str], folder: Path) -> str:
    """The page, with a line for each file or folder of `what` that is there."""
    from bench.report.tables import template

    page = template("crate.md.j2").render(
        title=found.grid.title or found.grid.name,
        summary=summary(found),
        there={name: text for name, text in what.items() if (folder / name).exists() or name == "README.md"},
        datasets=[
            f"{each.name}: {each.train_images:,} + {each.test_images:,} images, SHA-256 {each.sha256 or 'unknown'}"
            for each in map(data.info, found.grid.datasets)
        ],
        runs=len(found.records),
        outdated=len(found.outdated),
        environments=environments(found),
        version=version(),
    )
    return page.strip() + "\n"
