"""Which methods and recipes were used, where the numbers come from, and how to get them again."""

from __future__ import annotations

import re
import shlex
from typing import Any

from bench import catalog
from bench.base.nesting import flat
from bench.errors import UserError
from bench.recipe import Recipe
from bench.report.layout import Block, Text
from bench.report.page.material import Material


def methods(material: Material) -> Block:
    """Each method as it was run: the first line of its card, and its hyper-parameters from a record."""
    found: dict[str, tuple[Text, ...]] = {}
    for cell in material.plan.cells:
        sources = [material.records[run] for _, run in cell.runs if run in material.records]
        if cell.method not in found or (sources and not found[cell.method][2].text):
            values = sources[0].record.hyperparameters if sources else {}
            shown = "; ".join(f"{name} = {_short(value)}" for name, value in values.items())
            name = cell.method_name
            found[cell.method] = (Text(cell.method, method=name), Text(_card(name)), Text(shown))
    return Block("Methods", ("Method", "What it is", "Hyper-parameters"), tuple(found.values()), numbers=False)


def _card(method: str) -> str:
    try:
        return (catalog.method_class(method).__doc__ or "").strip().partition("\n")[0].replace("`", "")
    except UserError:  # a record may be of a method that is not here
        return "not among the methods here"


def _short(value: Any) -> str:
    """A hyper-parameter with the numbers in it rounded to six digits."""
    return re.sub(r"\d+\.\d{7,}", lambda found: f"{float(found[0]):.6g}", str(value))


def recipes(material: Material) -> Block:
    """The recipes side by side, field by field, as they were resolved; fields without a value are left out."""
    used = {spec.recipe_text: _texts(spec.recipe) for spec in material.plan.runs}
    names = dict.fromkeys(name for values in used.values() for name in values)
    rows = [(Text(name), *(Text(values.get(name, "–")) for values in used.values())) for name in names]
    return Block("Recipes", ("Field", *used), tuple(rows), numbers=False)


def _texts(recipe: Recipe) -> dict[str, str]:
    given = {name: value for name, value in flat(recipe.model_dump(mode="json")).items() if value not in (None, [])}
    return {name: ", ".join(map(str, each)) if isinstance(each, list) else str(each) for name, each in given.items()}


def commands(material: Material) -> list[tuple[str, str]]:
    """What to type to have it all again, from the grid's text saved as a file."""
    file = shlex.quote(f"{material.grid.name or 'grid'}.yaml")
    return [
        ("Count the runs, and how long they would take", f"reprune plan {file}"),
        ("Run everything again, and write this report", f"snakemake --cores all --configfile {file}"),
    ]


def runs(material: Material) -> list[dict[str, str]]:
    """Every run with its record and the command that repeats it."""
    found = []
    for spec in material.plan.runs:
        source = material.records.get(spec.id)
        record = source.record if source else None
        found.append(
            {
                "id": spec.id,
                "link": material.link(spec.id),
                "outcome": record.outcome if record else "no record",
                "seconds": f"{record.cost.seconds:.1f}" if record else "",
                "method": spec.method,
                "command": spec.command,
            }
        )
    return found
