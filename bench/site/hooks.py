"""The page of what a method file is made of: the base class with its hooks, what hooks see, and the choices."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

from bench import allocation, context, masks, method, schedule, structure, tensors, zeros
from bench.commands.listing.methods import brief
from bench.site.markdown import described, linked, prose, split, table

CHOICES = {
    "Schedules": (schedule, schedule.Schedule),
    "Ramps inside hooks": (schedule, schedule.Ramp),
    "Fractions that fall": (schedule, schedule.Cosine),
    "Allocations": (allocation, allocation.Allocation),
    "Structures": (structure, structure.Weights),
    "What pruned weights do": (zeros, zeros.Zeros),
}
"""By heading, where the classes stand and what they derive from."""


def page() -> str:
    """The interface of a method, from the docstrings."""
    hooks = [name for name in vars(method.Method) if not name.startswith("_")]
    run = [name for name in vars(context.Run) if not name.startswith("_")]
    changes = [name for name in vars(masks.Masks) if not name.startswith("_")]
    return "\n\n".join(
        (
            "# The interface of a method",
            "What a file in `methods/` states and may call. How it fits together is told in "
            "[How a method is put together](../methods.md).",
            f"## Method\n\n{prose(method.Method)}",
            _attributes(method.Method),
            *_members(method.Method, hooks),
            f"## Stage\n\n{prose(method.Stage)}\n\n{_attributes(method.Stage)}",
            f"## Run\n\n{prose(context.Run)}\n\n{_attributes(context.Run)}",
            *_members(context.Run, run),
            f"## Masks\n\n{prose(masks.Masks)}",
            *_members(masks.Masks, changes),
            f"## NamedTensors\n\n{prose(tensors.NamedTensors)}",
            "## Choices\n\nA grid writes them in lower case, as in `gmp[allocation=global, schedule.every=50]`.",
            *(f"### {title}\n\n{_choices(*where)}" for title, where in CHOICES.items()),
        )
    )


def _attributes(thing: type) -> str:
    """Fields in a table, with defaults where they are dataclass fields."""
    fields = {each.name: each.default for each in dataclasses.fields(thing)} if dataclasses.is_dataclass(thing) else {}
    rows = [
        (f"`{name}`", _value(fields.get(name, dataclasses.MISSING)), text) for name, text in described(thing).items()
    ]
    return (
        table(("Field", "Default", "Meaning"), rows) if fields else table(("Field", "Meaning"), (r[::2] for r in rows))
    )


def _value(default: Any) -> str:
    return "" if default is dataclasses.MISSING else f"`{brief(default)}`"


def _members(owner: type, names: list[str]) -> Iterator[str]:
    """A section for each method and property that has a docstring."""
    for name in names:
        member = inspect.getattr_static(owner, name)
        function = member.fget if isinstance(member, property) else member
        if not inspect.isfunction(function) or not function.__doc__:
            continue
        text, sections = split(inspect.cleandoc(function.__doc__))
        arguments = [f"* `{argument}`: {meaning}" for argument, meaning in sections.get("Args", {}).items()]
        signature = "" if isinstance(member, property) else _signature(function)
        yield "\n\n".join(
            (f"### {owner.__name__}.{name}", f"```python\n{name}{signature}\n```", linked(text), "\n".join(arguments))
        )


def _signature(function: Any) -> str:
    """A method's arguments and result, with annotations as they are written."""
    text = re.sub(r"'([^']+)'", r"\1", str(inspect.signature(function)))
    return text.replace("(self, ", "(").replace("(self)", "()")


def _choices(module: Any, base: Any) -> str:
    classes = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, base) and each.__module__ == module.__name__
    ]
    rows = []
    for each in classes:
        about = described(each)
        fields = [
            f"`{field.name}={brief(field.default)}` {about.get(field.name, '')}" for field in dataclasses.fields(each)
        ]
        rows.append((f"`{each.__name__}`", prose(each), "<br>".join(fields)))
    return table(("Class", "What", "Fields"), rows)
