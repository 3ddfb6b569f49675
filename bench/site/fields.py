"""Pages of the files that people and programs read and write: every field with its type, default and meaning."""

from __future__ import annotations

import json
from typing import Any, get_args

from pydantic import BaseModel

from bench.plan.grid import Grid
from bench.recipe import Recipe
from bench.results.record import Record
from bench.site.markdown import described, prose, table

Schema = dict[str, Any]

TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "object": "fields",
    "array": "list",
}


def grid() -> str:
    """The fields of a grid."""
    return _page(
        Grid,
        "A grid",
        "A YAML file in `configs/`: which runs there are. Every field can be changed for one call, "
        "`snakemake --cores all --config budget=0.1 seeds='[0]'`.",
        but=(Recipe,),
    )


def recipe() -> str:
    """The fields of a recipe."""
    return _page(
        Recipe, "A recipe", "A training protocol, a YAML file in `configs/recipes/` ([all of them](recipes.md))."
    )


def record() -> str:
    """The fields of a record."""
    return _page(
        Record,
        "A record",
        "The JSON that a run leaves in `results/runs/<run>/record.json`, whatever its outcome. Its `spec` holds the "
        "[recipe](recipe.md), resolved.",
        but=(Recipe,),
    )


def models(top: type[BaseModel], but: tuple[type[BaseModel], ...] = ()) -> list[type[BaseModel]]:
    """A model and those its fields are made of, each once, in the order of their mention."""
    found = [top]
    for model in found:
        for info in model.model_fields.values():
            found += [each for each in _inside(info.annotation) if each not in found and each not in but]
    return found


def _inside(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _inside(part)]


def _page(top: type[BaseModel], title: str, introduction: str, but: tuple[type[BaseModel], ...] = ()) -> str:
    shown = models(top, but)
    names = {model.__name__ for model in shown}
    parts = [f"# {title}\n\n{introduction}\n\n{_table(top, names)}"]
    parts += [f"## {model.__name__}\n\n{prose(model)}\n\n{_table(model, names)}" for model in shown[1:]]
    return "\n".join(parts)


def _table(model: type[BaseModel], linked: set[str]) -> str:
    schema = model.model_json_schema(mode="validation")
    about, required = described(model), schema.get("required", [])
    rows = [
        (f"`{name}`", _type(field, linked), "required" if name in required else _default(field), about.get(name, ""))
        for name, field in schema["properties"].items()
    ]
    return table(("Field", "Type", "Default", "Meaning"), rows)


def _type(field: Schema, linked: set[str]) -> str:
    """A JSON schema in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if name in linked else ("[Recipe](recipe.md)" if name == "Recipe" else name)
    if "anyOf" in field:
        return " or ".join(_type(each, linked) for each in field["anyOf"])
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array" and "prefixItems" in field:
        return f"list of {len(field['prefixItems'])}: {_type(field['prefixItems'][0], linked)}"
    if field.get("type") == "array" and "items" in field:
        return f"list of {_type(field['items'], linked)}"
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"name: {_type(field['additionalProperties'], linked)}"
    return TYPES.get(field.get("type", ""), "any value") + _bounds(field)


def _bounds(field: Schema) -> str:
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {field[key]:g}" for key, sign in limits.items() if key in field and abs(field[key]) < 2**53]
    return f" {', '.join(found)}" if found else ""


def _default(field: Schema) -> str:
    if "default" not in field:  # made by a factory: an empty list or map
        return "empty"
    value = field["default"]
    if isinstance(value, dict):
        return "its defaults"
    return "empty" if value in ("", []) else f"`{json.dumps(value, ensure_ascii=False)}`"
