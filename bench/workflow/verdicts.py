"""What verdicts a grid can give, for `reprune plan`: said before anybody pays for its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench.plan.grid import Grid, Plan
from bench.published import load
from bench.published.obstacles import counted
from bench.published.outlook import Asked, outlook
from bench.published.power import MOST_SEEDS, fewest


def values(grid: Grid, plan: Plan) -> dict[str, Any] | None:
    """How many numbers can be compared and decided, in all and by method, as JSON-like values.

    ``affordable`` are those that the grid's own seeds decide, ``seeds`` the fewest that decide all ``decidable`` ones.
    None where no paper is asked about and no number is known.
    """
    asked = outlook(plan, load())
    if not asked and not grid.paper:
        return None
    methods = dict.fromkeys(each.method for each in asked)
    return {
        **_counts(asked, len(grid.seeds)),
        "obstacles": dict(Counter(obstacle.kind for each in asked for obstacle in each.obstacles)),
        "scatter": sorted({each.prospect.scatter.basis for each in asked if each.prospect}),
        "methods": [
            {"method": method} | _counts([each for each in asked if each.method == method], len(grid.seeds))
            for method in methods
        ],
        "says": _sentence(asked, len(grid.seeds)),
    }


def basis(found: dict[str, Any]) -> str:
    """What the counts mean and rest on."""
    scatter = f" and our seeds scatter by {'; '.join(found['scatter'])}" if found["scatter"] else ""
    return (
        "Published numbers of cells. Comparable: nothing stands between the two. Decidable: with at most "
        f"{MOST_SEEDS} seeds a verdict of 'reproduced' is more probable than not if the paper is exactly right"
        f"{scatter}. Affordable: the grid's own seeds are enough. Seeds: the fewest "
        "that decide all that can be decided."
    )


def _counts(asked: Sequence[Asked], own: int) -> dict[str, Any]:
    prospects = [each.prospect for each in asked if each.prospect]
    return {
        "numbers": len(asked),
        "comparable": len(prospects),
        "decidable": sum(each.decided(MOST_SEEDS) for each in prospects),
        "affordable": sum(each.decided(own) for each in prospects),
        "seeds": fewest(prospects),
    }


def _sentence(asked: Sequence[Asked], own: int) -> str:
    """What is to be expected of the grid, and why no more."""
    counts = _counts(asked, own)
    blocked = [each.obstacles for each in asked if each.obstacles]
    why = f" ({counted(blocked)})" if blocked else ""
    if not asked:
        return "This grid can give no verdict: no published number is about a cell of it."
    if not counts["comparable"]:
        return f"This grid can give no verdict: none of its {len(asked)} published numbers can be compared{why}."
    able = f"{counts['comparable']} of {len(asked)} published numbers can be compared{why}"
    if not counts["decidable"]:
        return (
            f"This grid can hardly give a verdict: {able}, but none of them decided with {MOST_SEEDS} seeds or fewer."
        )
    enough = f"{counts['affordable']} of these with the grid's number of seeds, {own}"
    more = f"; {counts['seeds']} seeds decide all of them" if counts["affordable"] < counts["decidable"] else ""
    return f"{able}, {counts['decidable']} decided with at most {MOST_SEEDS} seeds, {enough}{more}."
