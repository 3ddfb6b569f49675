"""What a class says of its diagnostics: ``reports = {"steps": {"title": "Steps", "better": "lower", "meaning": "…"}}``.

A literal, which digests of methods leave out (`bench.identity.STATEMENTS`): stating one or mending a title trains
nothing again.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bench.base.schema import Strict, shown
from bench.errors import UserError


class Diagnostic(Strict):
    """How tables show a number of `Method.diagnostics`.

    Attributes:
        title: the head of its column.
        unit: what stands behind the number, ``%`` say.
        better: which way is better, if one is.
        meaning: a sentence without its full stop, for a note below the table.
    """

    title: str = Field(min_length=1)
    unit: str = ""
    better: Literal["", "lower", "higher"] = ""
    meaning: str = ""

    @property
    def note(self) -> str:
        """What there is to say of it as a sentence, empty if nothing."""
        said = "; ".join(filter(None, (self.meaning, self.better and f"{self.better} is better")))
        return f"{self.title}: {said}." if said else ""


def stated(cls: type) -> dict[str, Diagnostic]:
    """The diagnostics of a class by name, its parents' first.

    Raises `UserError` if what is stated is something else.
    """
    found: dict[str, Diagnostic] = {}
    for base in reversed(cls.__mro__):
        statement, where = vars(base).get("reports", {}), f"{base.__name__}.reports"
        if not isinstance(statement, dict):
            raise UserError(f"{where} has to map names to what they mean, as in {{'steps': {{'title': 'Steps'}}}}.")
        found |= {str(name): Diagnostic.read(values, f"{where}, {shown(name)}") for name, values in statement.items()}
    return found
