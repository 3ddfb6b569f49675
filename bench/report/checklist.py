"""A reproducibility checklist that fills itself in, from a grid and the records of its runs.

What is asked follows the recommendations of Blalock et al. 2020 (arXiv:2003.03033) for papers about pruning, and what
conferences on machine learning ask of authors. What only the authors know is said to be not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.report.checklist_facts import Facts
from bench.report.checklist_results import Item, experiments, numbers
from bench.report.checklist_setting import code, cost, material, yours
from bench.report.layout import Block, Text

if TYPE_CHECKING:
    from bench.plan.grid import Grid, Plan
    from bench.results.measurements import Source


def sections(facts: Facts) -> dict[str, list[Item]]:
    """All items by the heading they stand under."""
    return {
        "What was compared": experiments(facts),
        "What the numbers are": numbers(facts),
        "Data and protocol": material(facts),
        "Code and machines": code(facts),
        "What it cost": cost(facts),
        "For you to state": yours(facts),
    }


def page(grid: Grid, plan: Plan, records: Mapping[str, Source]) -> str:
    """The checklist as Markdown, from the records of a plan by run id."""
    from bench.report.tables import template

    found = sections(Facts(grid, plan, records))
    counts = Counter(item.answer for items in found.values() for item in items)
    blocks = {heading: _block(items) for heading, items in found.items()}
    shown = ", ".join(f"{counts[answer]} {answer}" for answer in ("yes", "partly", "no", "not known") if counts[answer])
    return template("checklist.md.j2").render(title=grid.title or grid.name, counts=shown, blocks=blocks)


def _block(items: list[Item]) -> Block:
    rows = tuple((Text(item.question), Text(item.answer, best=item.answer != "yes"), Text(item.fact)) for item in items)
    return Block("", ("Item", "Answer", "Fact"), rows, numbers=False)
