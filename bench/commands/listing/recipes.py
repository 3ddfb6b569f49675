"""``reprune recipes``: the training protocols there are, and one of them with all its fields."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench import data, published, recipe
from bench.base.grouping import tallied
from bench.base.nesting import flat
from bench.base.printing import emit, fitting, is_pattern, looked_up, plain_table
from bench.names import parse
from bench.plan.files import configured
from bench.published.search import short
from bench.recipe import RECIPES, Recipe, differences
from bench.recipe.phase import Phase


def show(text: str | None, as_json: bool) -> None:
    """Print all recipes, those that fit a pattern, or one, perhaps with fields changed.

    Raises `UserError` if there is no such recipe, or a field cannot be what it should.
    """
    if text is not None and not is_pattern(text.partition("[")[0]):
        looked_up(recipe.file_of, parse(text)[0])
        emit(describe(text) if as_json else page(describe(text)))
        return
    names = fitting(text, sorted(file.stem for file in RECIPES.glob("*.yaml")), "recipe")
    emit([summary(name) for name in names] if as_json else overview(names))


def summary(name: str) -> dict[str, Any]:
    """A recipe in a line: what papers it is of, by their number of published rows, on which data sets, how long."""
    found = recipe.load(name)
    return {
        "name": name,
        "papers": dict(_papers().get(name, Counter()).most_common()),
        "arxiv": list(dict.fromkeys(re.findall(r"arXiv:(\d{4}\.\d{4,5})", found.source))),
        "datasets": _datasets(name),
        "train": _length(found.train, found, name),
        "finetune": _length(found.finetune, found, name) if found.finetune else "",
        "batch_size": found.batch_size,
        "optimizer": _optimizer(found),
        "lr": found.train.lr,
        "schedule": found.train.schedule,
    }


def overview(names: list[str]) -> Group:
    """A line per recipe."""
    table = plain_table("Recipe", "Data sets", "Training", "Batch", "Optimizer", "Rate", PAPER, numbers=("Batch",))
    for found in map(summary, names):
        length = found["train"] + (f"\nthen {found['finetune']}" if found["finetune"] else "")
        rate = f"{found['lr']:g}, {found['schedule']}"
        sets = "\n".join(found["datasets"]) or "–"
        table.add_row(found["name"], sets, length, str(found["batch_size"]), found["optimizer"], rate, _origin(found))
    return Group(table, Text("\n`reprune recipes NAME` shows all fields of a recipe, and whose protocol it is.", "dim"))


PAPER = "Paper (numbers)"


def _origin(found: dict[str, Any]) -> Text:
    papers = [f"{short(paper)} ({count})" for paper, count in found["papers"].items()]
    listed = ", ".join(papers[:2]) + (f" and {len(papers) - 2} more" if len(papers) > 2 else "")
    return Text(listed or ", ".join(f"arXiv:{number}" for number in found["arxiv"]) or "–")


def describe(text: str) -> dict[str, Any]:
    """A recipe as JSON-like values: every field resolved, and the published protocols of the same name.

    ``changed`` are the fields that differ from the defaults of `bench.recipe.Recipe`. Each protocol has its
    ``differences`` from this recipe; without any, runs under it are compared with the protocol's numbers.
    """
    found = recipe.load(text)
    fields = flat(found.model_dump(mode="json", exclude={"name", "source"}))
    default = flat(Recipe(batch_size=1, train=Phase(epochs=1, lr=1)).model_dump(mode="json"))
    return {
        "name": found.name,
        "text": text,
        "source": found.source.strip(),
        "datasets": _datasets(found.name),
        "recipe": found.model_dump(mode="json", exclude={"name", "source"}),
        "changed": [
            field
            for field, value in fields.items()
            if field not in default or value != default[field] or field in GIVEN
        ],
        "protocols": _protocols(found),
    }


GIVEN = ("batch_size", "train.epochs", "train.steps", "train.lr")
"""Fields that have no default."""


def page(found: dict[str, Any]) -> Group:
    """What `describe` found, for people; fields at their defaults are dim."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("Field", "Value"):
        table.add_column(head, overflow="fold")
    for field, value in flat(found["recipe"]).items():
        table.add_row(Text(field), Text(_yaml(value)), style="" if field in found["changed"] else "dim")
    parts: list[RenderableType] = [
        Text(found["text"], "bold cyan"),
        Text(f"\n{found['source']}\n"),
        table,
        Text("\nDim fields are at their default. Published protocols under this recipe:", "bold"),
    ]
    parts += [_protocol(each) for each in found["protocols"]] or [Text("\nnone; it is the suite's own.")]
    return Group(*parts)


def _protocol(found: dict[str, Any]) -> Text:
    rows = f"{found['rows']} published numbers of {', '.join(found['papers'])}" if found["rows"] else "no numbers yet"
    text = Text.assemble((f"\n{found['name']}", "cyan"), f": {rows}; reports the {found['report']} epoch")
    text.append(f"\n  prunable: {found['prunable']}\n  source: {found['source']}")
    if found["differences"]:
        text.append(f"\n  not this recipe: {'; '.join(found['differences'])}", "yellow")
    for deviation in found["deviations"]:
        text.append(f"\n  known deviation: {deviation}")
    return text


@cache
def _published() -> published.Published:
    return published.load()


def _protocols(ours: Recipe) -> list[dict[str, Any]]:
    known = _published()
    found = []
    for name, protocol in known.protocols.items():
        if protocol.recipe is None or parse(protocol.recipe)[0] != ours.name:
            continue
        rows = [row for row in known.rows if row.protocol == name and not row.duplicate_of]
        found.append(
            {
                "name": name,
                "recipe": protocol.recipe,
                "differences": list(map(str, differences(ours, recipe.load(protocol.recipe)))),
                "rows": len(rows),
                "papers": sorted({short(row.paper) for row in rows}),
                **protocol.model_dump(include={"report", "prunable", "source"}),
                "deviations": list(protocol.deviations),
            }
        )
    return found


@cache
def _papers() -> dict[str, Counter[str]]:
    """The papers whose protocols a recipe states, perhaps with fields changed, by the recipe's name."""
    known = _published()
    rows = ((row, known.protocols[row.protocol].recipe) for row in known.rows if not row.duplicate_of)
    return tallied((parse(text)[0], row.paper) for row, text in rows if text)


@cache
def _datasets(name: str) -> list[str]:
    """What grids and published rows use it for, in the order in which data sets are listed."""
    known = _published()
    used = {row.dataset for row in known.rows if _base(known.protocols[row.protocol].recipe) == name}
    for grid in configured().values():
        texts = [grid.recipe, *(each.recipe for each in grid.overrides), *(each.recipe for each in grid.trainings)]
        used |= set(grid.datasets) if name in map(_base, texts) else set()
    return [each for each in data.names() if each in used]


def _base(text: str | None) -> str:
    return parse(text)[0] if text else ""


def _length(phase: Phase, found: Recipe, name: str) -> str:
    """``160 epochs``; steps also in epochs of the first data set it is used for."""
    if phase.epochs is not None:
        return f"{phase.epochs:g} epoch{'s' * (phase.epochs != 1)}"
    used = _datasets(name)
    images = data.info(used[0]).train_images - found.data.validation if used else 0
    epochs = f" ({(phase.steps or 0) * found.batch_size / images:.0f} epochs)" if images else ""
    return f"{phase.steps:,} steps{epochs}"


def _optimizer(found: Recipe) -> str:
    chosen = found.optimizer
    momentum = f" {'Nesterov ' if chosen.nesterov else ''}{chosen.momentum:g}" if chosen.name == "sgd" else ""
    return f"{chosen.name}{momentum}, decay {chosen.weight_decay:g}"


def _yaml(value: Any) -> str:
    """As a recipe's file would say it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, float) and value.is_integer():
        return f"{value:g}" if value < 1e6 else str(int(value))
    return str(value).lower() if isinstance(value, bool) else "–" if value is None else str(value)
