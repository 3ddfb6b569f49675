"""The page of the recipes: what each protocol is, and the file itself."""

from __future__ import annotations

from bench.commands.listing.recipes import summary
from bench.recipe import RECIPES, Recipe, load
from bench.site.markdown import linked, table


def page() -> str:
    """All recipes: a table to choose from, then each with its source and its file."""
    names = sorted(path.stem for path in RECIPES.glob("*.yaml"))
    head = ("Recipe", "Training", "Batch", "Optimizer", "Rate", "Then fine-tuning")
    rows = [
        (
            f"[`{each['name']}`](#{each['name']})",
            each["train"],
            str(each["batch_size"]),
            each["optimizer"],
            f"{each['lr']:g}, {each['schedule']}",
            each["finetune"] or "–",
        )
        for each in map(summary, names)
    ]
    return (
        "# Recipes\n\n"
        "A recipe is a training protocol as data, a file in `configs/recipes/`. [Its fields](recipe.md) are what "
        "papers differ in, and what decides whether a published number can be compared.\n\n"
        + table(head, rows)
        + "\n"
        + "\n".join(_section(load(name)) for name in names)
    )


def _section(recipe: Recipe) -> str:
    text = (RECIPES / f"{recipe.name}.yaml").read_text(encoding="utf-8")
    source = linked(recipe.source).strip()
    return f"## {recipe.name} {{: #{recipe.name} }}\n\n{source}\n\n```yaml\n{text.strip()}\n```\n"
