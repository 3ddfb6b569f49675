"""Pages of the methods: the card somebody wrote, and what the code states."""

from __future__ import annotations

import inspect
import re
from typing import Any

from bench import catalog
from bench.commands.listing.methods import TARGETS, brief, describe, settings
from bench.site.markdown import described, linked, prose, table


def usable() -> list[str]:
    """All methods by name, but those whose files are broken."""
    broken = catalog.problems()
    return [name for name in catalog.names() if name not in broken]


def overview() -> str:
    """The table of all methods."""
    rows = []
    for name in usable():
        about = describe(name)
        target = TARGETS[about["meaning"]] + (", all in one run" if about["joint"] else "")
        rows.append((f"[`{name}`](../methods/{name}.md)", linked(about["summary"]), target))
    introduction = (
        "Each is one file in `methods/`; `reprune methods` prints this list, `reprune methods NAME` one method. "
        "*Sparsity* says what a grid's target is for the method: met exactly, an outcome of training, or decided per "
        "input."
    )
    return f"# Methods\n\n{introduction}\n\n{table(('Method', 'What', 'Sparsity'), rows)}"


def page(name: str, card: str) -> str:
    """A method's page: its card, then its docstring and all its fields with their defaults."""
    method = catalog.method_class(name)
    rows = [
        (f"`{field}`", f"`{brief(value)}`", _type(hint), _about(method(), field))
        for field, value, hint in settings(method())
    ]
    once = (
        "One run gives the results at all sparsities." if method.joint else "One run gives the result at one sparsity."
    )
    code = inspect.getsource(inspect.getmodule(method) or method)
    return "\n\n".join(
        (
            linked(card).strip() or f"# {name}",
            f"## In the code\n\n`methods/{name}.py` states:",
            "\n".join(f"> {line}".rstrip() for line in prose(method).splitlines()),
            f"Its sparsity is {_meaning(method.meaning)}. {once} As a grid would write them, its fields are",
            table(("Field", "Default", "Type", "Meaning"), rows),
            f'??? note "methods/{name}.py"\n' + re.sub(r"^(?=.)", "    ", f"```python\n{code}```", flags=re.MULTILINE),
        )
    )


def _about(choice: Any, field: str) -> str:
    """What the docstrings say of a field, of one inside a choice (``schedule.every``) too."""
    *parents, leaf = field.split(".")
    for parent in parents:
        choice = getattr(choice, parent)
    return described(type(choice)).get(leaf, "")


def _type(hint: str) -> str:
    """``Literal['zero', 'live'] | None`` as the words `zero`, `live` or null."""
    words = re.sub(r"Literal\[(.*?)\]", lambda found: found[1].replace("'", "`"), hint)
    return words.replace(" | ", " or ").replace("None", "null")


def _meaning(meaning: str) -> str:
    return {
        "exact": "that which is asked for, exactly",
        "about": "that which is asked for, but for a little",
        "reached": "an outcome of the training",
        "dynamic": "decided per input",
        "none": "none",
    }[meaning]
