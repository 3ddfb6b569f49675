"""What papers claim about the order of methods, as a grid states it; `bench.report.findings` tests it on its runs."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from bench import catalog, names
from bench.base.schema import Strict

_FORM = re.compile(r"^(?P<left>\S.*?) (?P<sign>>=|~) (?P<right>\S.*)$")


class Claim(Strict):
    """One line of a grid's field `claims`.

    Attributes:
        claim: ``force >= snip`` (at least as accurate) or ``a ~ b`` (equally accurate); both are methods of the grid.
        source: who claims it.
        points: at which points; at all that both have if not given.
        margin: what counts as equal, in points of accuracy; fixed before anything is run.
    """

    claim: str
    source: str
    points: tuple[float, ...] = ()
    margin: float = Field(default=1.0, gt=0)

    @field_validator("claim")
    @classmethod
    def _of_the_form(cls, text: str) -> str:
        if not _FORM.match(text):
            raise ValueError(f"'{text}' is not of the form 'METHOD >= METHOD' or 'METHOD ~ METHOD'")
        return text

    @property
    def methods(self) -> tuple[str, str]:
        """The two methods, as tables name them."""
        left, right = (names.show(*catalog.parse(side)) for side in self._parts.group("left", "right"))
        return left, right

    @property
    def equality(self) -> bool:
        """Whether equality is claimed."""
        return self._parts["sign"] == "~"

    @property
    def _parts(self) -> re.Match[str]:
        found = _FORM.match(self.claim)
        assert found is not None  # or it would not have been accepted
        return found
