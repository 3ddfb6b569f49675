"""The checklist's answers, on records made by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import latency
from bench.latency import Latency, Machine, Network, Timing
from bench.plan.grid import Cell, Plan
from bench.recipe.initialisation import Initialisation
from bench.report import checklist
from bench.report.checklist import Checklist
from bench.results.measurements import Source
from bench.results.record import Cost, Record
from tests import factories

PACKAGES = {"reprune": "0.1.0", "torch": "2.13.0"}
PROVENANCE: dict[str, Any] = {
    "git": {"commit": "a" * 40, "dirty": False},
    "packages": PACKAGES,
    "python": "3.11.7",
    "cpu": {"model": "A processor", "cores": 8},
    "gpu": None,
    "threads": 2,
    "data_sha256": "f" * 64,
}


def facts(
    folder: Path, accuracies: factories.Accuracies, changes: dict[int, dict[str, Any]] | None = None
) -> Checklist:
    """A plan's checklist, with a record for each accuracy; `changes` to some of them, or None for no record."""
    plan, records = factories.plan(accuracies)
    found = {}
    for index, record in enumerate(records):
        change = (changes or {}).get(index, {})
        fields = {"provenance": PROVENANCE, "hyperparameters": {"a": 1}} | change
        if "nothing" not in change:
            made = record.model_copy(update=fields)
            found[record.id] = Source(made, "0" * 64, factories.write(made, folder))
    return Checklist(factories.grid(folder), plan, found)


def answers(found: Checklist) -> dict[str, tuple[str, str]]:
    """(answer, fact) by question."""
    return {item.question: (item.answer, item.fact) for item in found.items()}


def asked(found: Checklist, question: str) -> tuple[str, str]:
    """(answer, fact) of the one question that has these words."""
    (pair,) = [pair for text, pair in answers(found).items() if question in text]
    return pair


def full(methods: int = 2, points: int = 5, seeds: int = 3) -> factories.Accuracies:
    """Dense and some methods at some points."""
    names = ("random", "magnitude", "gmp")[:methods]
    grid: factories.Accuracies = {("dense", None): [93.0] * seeds}
    return grid | {(name, round(0.5 + 0.1 * at, 1)): [90.0] * seeds for name in names for at in range(points)}


def test_a_grid_that_leaves_little_to_wish(tmp_path: Path) -> None:
    found = facts(tmp_path, full())
    wanting = {
        question: answer for question, (answer, _) in answers(found).items() if answer not in ("yes", "not known")
    }
    assert wanting == {
        "At least 3 pairs of data set and architecture": "no",
        "Speed measured and not only calculated": "no",
    }
    assert asked(found, "operating points") == ("yes", "5 per method and network (50 %, 60 %, 70 %, 80 %, 90 %).")
    assert asked(found, "committed version") == ("yes", f"Commit {'a' * 40}.")
    answer, fact = asked(found, "Compute and hardware")
    assert answer == "yes"
    assert fact.startswith("0.02 hours of training in 33 runs, at most ")
    assert fact.endswith(" MiB, on: A processor, 8 cores, 2 of them per run.")


def test_points_count_where_a_run_ended_well(tmp_path: Path) -> None:
    last = {index: {"outcome": "collapsed", "results": []} for index in range(30, 33)}  # magnitude at 90 %
    found = facts(tmp_path, full(), last)
    assert asked(found, "operating points") == (
        "partly",
        "4 to 5 per method and network (50 %, 60 %, 70 %, 80 %, 90 %).",
    )
    assert asked(found, "All runs reported") == ("yes", "Runs: 30 ok, 3 collapsed.")
    assert asked(found, "At least 3 trainings") == ("partly", "0 to 3 trainings that ended well in each cell.")
    assert asked(facts(tmp_path, full(points=2)), "operating points")[0] == "no"


@pytest.mark.parametrize(
    ("seeds", "trainings"), [(1, ("no", "1 training ")), (2, ("no", "2 trainings")), (3, ("yes", "3 trainings"))]
)
def test_seeds(tmp_path: Path, seeds: int, trainings: tuple[str, str]) -> None:
    answer, fact = asked(facts(tmp_path, full(seeds=seeds)), "At least 3 trainings")
    assert (answer, fact[:11]) == trainings


def test_baselines(tmp_path: Path) -> None:
    assert asked(facts(tmp_path, full(3)), "baselines") == ("yes", "dense, random, magnitude.")
    assert asked(facts(tmp_path, full(1)), "baselines") == ("partly", "dense, random; not there: magnitude.")
    only = facts(tmp_path, {("dense", None): [93.0], ("gmp", 0.9): [90.0]})
    assert asked(only, "baselines") == ("no", "dense; not there: random, magnitude.")


def test_longer_training_is_named(tmp_path: Path) -> None:
    longer = {index: {"cost": Cost(epochs=15)} for index in range(18, 33)}  # all of magnitude; dense has 10 epochs
    answer, fact = asked(facts(tmp_path, full(), longer), "equally long")
    assert (answer, fact) == ("partly", "Not so: magnitude 1.50 × dense.")
    assert asked(facts(tmp_path, {("gmp", 0.9): [90.0]}), "equally long")[0] == "not known"


def test_a_run_without_a_record_is_no_secret(tmp_path: Path) -> None:
    found = facts(tmp_path, full(), {7: {"nothing": True}})
    assert asked(found, "All runs reported") == ("partly", "Runs: 32 ok; 1 of 33 have no record yet.")
    skipped = Cell("cifar10", "resnet20_cifar", "sr_ste", 0.95, (), "no such pattern")
    plan = Plan(found.plan.runs, [*found.plan.cells, skipped], {})
    fact = asked(replace(found, plan=plan), "All runs reported")[1]
    assert fact.endswith("1 cell skipped by the method, which says why.")


def provenance(**changes: Any) -> dict[str, Any]:
    return {"provenance": PROVENANCE | changes}


def test_code_that_nobody_can_find_again(tmp_path: Path) -> None:
    dirty, other = {"commit": "a" * 40, "dirty": True}, {"commit": "b" * 40, "dirty": False}
    one = asked(facts(tmp_path, full(), {0: provenance(git=dirty)}), "committed version")
    assert one == ("partly", f"Commit {'a' * 40}; 1 of 33 runs with uncommitted changes, or unknown ones.")
    two = asked(facts(tmp_path, full(), {0: provenance(git=other)}), "committed version")
    assert two == ("partly", f"Commit {'a' * 40} (32), {'b' * 40} (1).")
    every = asked(facts(tmp_path, full(), {index: provenance(git=dirty) for index in range(33)}), "committed version")
    unknown = asked(facts(tmp_path, full(), {index: provenance(git=None) for index in range(33)}), "committed version")
    assert every[0] == unknown[0] == "no"
    assert unknown[1].startswith("Commit not recorded; 33 of 33 runs")


def test_versions_and_machines_that_differ(tmp_path: Path) -> None:
    gpu = {"name": "A card", "memory": "80 GiB", "driver": "1"}
    mixed = facts(tmp_path, full(), {0: provenance(packages=PACKAGES | {"torch": "2.12.0"}, gpu=gpu)})
    answer, fact = asked(mixed, "Versions")
    assert (answer, "torch 2.13.0 (32), 2.12.0 (1)" in fact) == ("partly", True)
    answer, fact = asked(mixed, "hardware")
    assert (answer, fact.partition(", on: ")[2]) == (
        "yes",
        "A processor, 8 cores, 2 of them per run (32), A card, 80 GiB (1).",
    )
    nothing = facts(tmp_path, full(), {index: {"provenance": {}} for index in range(33)})
    for question in ("Versions", "hardware", "checksum", "committed version"):
        assert asked(nothing, question)[0] == "no"


def measured(record: Record) -> Latency:
    times = {"repetitions": 3, "median": 2.0, "lower": 1.0, "upper": 3.0, "difference": 0.0}
    timing = Timing(backend="csr", batch=64, speedup=0.5, **times)
    machine = Machine(device="A card", threads=1, dtype="float32", torch="2.13.0", clock="wall time")
    network = Network(point=record.results[0].point, weights_sha256="0" * 64, timings=[timing])
    return Latency(run=record.id, machine=machine, networks=[network])


def test_speed(tmp_path: Path) -> None:
    found = facts(tmp_path, {("dense", None): [93.0], ("gmp", 0.9): [91.0], ("gmp", 0.95): [90.0]})
    dense, *pruned = found.sources.values()
    expected = [("no", "0 of 2"), ("no", "0 of 2"), ("partly", "1 of 2"), ("yes", "2 of 2")]
    for source, (answer, count) in zip([None, dense, *pruned], expected, strict=True):
        if source is not None:
            latency.write(measured(source.record), latency.beside(source.path))
        given, fact = asked(found, "Speed measured")
        assert (given, fact[:6]) == (answer, count)
    assert fact == "2 of 2 pruned cells have measurements on A card."


def test_a_scaled_down_recipe_is_another_one(tmp_path: Path) -> None:
    found = facts(tmp_path, full())
    answer, fact = asked(found, "same recipe")
    assert (answer, "full length; all methods with their defaults." in fact) == ("yes", True)
    answer, fact = asked(replace(found, grid=factories.grid(tmp_path, budget=0.1)), "same recipe")
    assert (answer, "0.1 of its length" in fact) == ("partly", True)


def test_one_network_from_elsewhere_is_one_training(tmp_path: Path) -> None:
    found = facts(tmp_path, full())
    given = factories.RECIPE.model_copy(update={"initialisation": Initialisation(file="net.pt", sha256="0" * 64)})
    runs = [spec.model_copy(update={"recipe": given}) for spec in found.plan.runs]
    found = replace(found, plan=replace(found.plan, runs=runs))
    answer, fact = asked(found, "At least 3 trainings")
    assert (answer, fact.partition(", ")[2]) == ("no", "all from one network that was trained elsewhere.")


def test_before_any_run_only_the_plan_is_stated(tmp_path: Path) -> None:
    found = facts(tmp_path, full(), {index: {"nothing": True} for index in range(33)})
    assert {question for question, (answer, _) in answers(found).items() if answer == "yes"} == {
        "The dense network, random pruning and one-shot magnitude pruning as baselines",
        "The same recipe for all methods",
    }
    page = checklist.page(found.grid, found.plan, found.sources)
    assert page.startswith("# Synthetic: a reproducibility checklist\n")
    assert ": 2 yes, 1 partly, 8 no, 1 not known." in page
    assert re.search(r"\| \*\*partly\*\* +\| Runs: none; 33 of 33 have no record yet\.", page)
