"""What a grid could say of published numbers: which can be compared, which can be decided, and with how many seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.published import Published, Row
from bench.published.comparison import matched
from bench.published.obstacles import Obstacle
from bench.published.power import Prospect, prospect

if TYPE_CHECKING:
    from bench.plan.grid import Plan


@dataclass(frozen=True)
class Asked:
    """The anchor of a cell.

    Attributes:
        method: as the table's row is called.
        prospect: None where the numbers cannot be compared.
    """

    method: str
    row: Row
    obstacles: tuple[Obstacle, ...]
    prospect: Prospect | None


def outlook(plan: Plan, published: Published) -> list[Asked]:
    """The anchors of a plan's cells, in its order."""
    found = []
    for cell, row, blocked, anchor in matched(plan, published):
        if anchor:
            could = None if blocked else prospect(published, row)
            found.append(Asked(cell.method, row, tuple(blocked), could))
    return found
