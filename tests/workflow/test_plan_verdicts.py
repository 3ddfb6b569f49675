"""What `reprune plan` says of verdicts before anybody pays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.plan import grid
from bench.workflow import plan, verdicts

PAPERS = Path(__file__).parents[2] / "configs" / "papers"


def values(name: str, **changes: Any) -> dict[str, Any]:
    chosen = grid.load(PAPERS / f"{name}.yaml", changes)
    found = verdicts.values(chosen, grid.expand(chosen))
    assert found is not None
    return found


@pytest.mark.parametrize(("name", "why"), [("dpf", "unverified"), ("force", "recipe"), ("elsa", "recipe")])
def test_grids_that_can_give_no_verdict_say_why(name: str, why: str) -> None:
    found = values(name, seeds=[0])
    assert found["says"].startswith("This grid can give no verdict: none of its ")
    assert why in found["says"] and why in found["obstacles"]
    assert found["comparable"] == found["decidable"] == found["affordable"] == 0
    assert found["seeds"] is None


def test_seeds_that_are_too_few_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    # RigL prints no spread: three seeds decide nothing, five do.
    few = values("rigl", seeds=[0, 1, 2])
    assert (few["numbers"], few["comparable"], few["decidable"], few["affordable"], few["seeds"]) == (21, 17, 17, 0, 5)
    said = few["says"]
    assert said.startswith("17 of 21 published numbers can be compared (protocol 4), 17 decided with at most 20 seeds")
    assert said.endswith("0 of these with the grid's number of seeds, 3; 5 seeds decide all of them.")
    own = values("rigl")
    assert own["affordable"] == own["decidable"] == 17
    methods = {each["method"]: each for each in own["methods"]}
    assert methods["gmp"]["numbers"] == 4 and methods["gmp"]["comparable"] == 0
    assert sum(each["numbers"] for each in own["methods"]) == 21
    estimate = {
        **{"title": "RigL", "grid": "rigl", "budget": 1, "networks": [], "methods": [], "unit": "hours", "skipped": []},
        **{"rests_on": [], "runs": 1, "done": 0, "cells": 1, "hours": dict.fromkeys(("all", "left", "clock"))},
        **{"disk": dict.fromkeys(("all", "left", "checkpoints"), 0.0), "published": own},
    }
    plan.render(estimate, Console(width=200))
    printed = capsys.readouterr().out
    assert own["says"] in printed
    heads = ["Published numbers of", "Numbers", "Comparable", "Decidable", "Affordable", "Seeds"]
    assert any(all(head in line for head in heads) for line in printed.splitlines())


def test_a_grid_that_asks_about_no_paper_says_nothing() -> None:
    chosen = grid.load(PAPERS.parent / "quick.yaml")
    assert verdicts.values(chosen, grid.expand(chosen)) is None
    asked = grid.load(PAPERS.parent / "quick.yaml", {"paper": "Mocanu"})
    found = verdicts.values(asked, grid.expand(asked))
    assert found is not None
    assert found["says"] == "This grid can give no verdict: no published number is about a cell of it."
