"""What another processor may change in a run's record, and what it may not."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from bench.commands.runs import hardware
from bench.commands.runs.differences import Side
from bench.results import record
from bench.results.record import Record
from tests import factories

KEPT = Path(__file__).parents[2] / "reports" / "reproductions"
EPYC = {"device": "cpu", "cpu": {"model": "EPYC", "capability": "AVX2"}, "data_sha256": "d"}
XEON = EPYC | {"cpu": {"model": "Xeon", "capability": "AVX512"}}


def made(provenance: dict[str, Any], **changes: Any) -> Record:
    """A run at 90 % that was made on some hardware, with something else measured."""
    measured = [factories.result(0.9, **changes)]
    return factories.record(factories.spec(), provenance=provenance, results=measured)


def compared(first: Record, again: Record, folder: Path) -> hardware.Elsewhere:
    found = hardware.elsewhere(Side(first, factories.write(first, folder)), Side(again, folder / "again.json"))
    assert found is not None
    return found


def test_hardware_differs_where_both_records_tell_of_it() -> None:
    limited = EPYC | {"cpu": {"model": "EPYC", "capability": "DEFAULT"}}
    older = EPYC | {"cpu": {"model": "EPYC"}}
    card = {"device": "cuda", "cpu": {"model": "EPYC"}, "gpu": {"name": "H200"}}
    assert hardware.moved(made(EPYC), made(EPYC)) == {}
    assert hardware.moved(made(EPYC), made(limited)) == {"cpu.capability": ("AVX2", "DEFAULT")}
    assert hardware.moved(made(EPYC), made(older)) == {}
    assert hardware.moved(made(older), made(card)) == {"device": ("cpu", "cuda")}
    assert hardware.moved(made(EPYC), made({})) == {}
    assert hardware.elsewhere(Side(made(EPYC), Path("a")), Side(made(EPYC, accuracy=80.0), Path("b"))) is None


def test_what_no_hardware_changes_is_the_same_for_every_seed() -> None:
    """Other seeds change more than other hardware does, and in the committed records they change none of it."""
    cells: dict[Any, list[Record]] = defaultdict(list)
    for folder in ("digits", "filters-on-digits"):
        for path in sorted((KEPT / folder / "records").glob("*.json")):
            found = record.read(path)
            spec = found.spec
            cells[folder, spec.architecture, spec.method_text, spec.points].append(found)
    assert len(cells) == 67
    for seeds in cells.values():
        assert len(seeds) == 3
        first, *others = (
            {name: value for name, value in hardware.rigid(each).items() if name != "identity"} for each in seeds
        )
        assert others == [first, first]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"prunable_sparsity": 0.901}, "90 %: weights in the masks"),
        ({"active_zeros": 1}, "90 %: weights in the masks"),
        ({"parameters": 1101}, "90 %: parameters"),
        ({"prunable_weights": 1001}, "90 %: prunable weights"),
        ({"macs_dense": 9_999}, "90 %: dense MACs"),
    ],
)
def test_counts_that_must_be_equal(tmp_path: Path, changes: dict[str, Any], name: str) -> None:
    counts = factories.result(0.9).counts.model_copy(update=changes)
    found = compared(made(EPYC), made(XEON, counts=counts), tmp_path)
    assert name in found.broken
    assert not found.explains


def test_zeros_inside_the_masks_may_differ(tmp_path: Path) -> None:
    """100 weights are left in the masks of 1,000: here as 98 and two zeros among them."""
    counts = factories.result(0.9).counts.model_copy(update={"prunable_sparsity": 0.902, "active_zeros": 2})
    assert compared(made(EPYC), made(XEON, counts=counts), tmp_path).broken == {}


def test_whole_filters_differ_in_size(tmp_path: Path) -> None:
    counts = factories.result(0.9).counts.model_copy(update={"prunable_sparsity": 0.85})
    first, again = made(EPYC), made(XEON, counts=counts)
    assert compared(first, again, tmp_path).broken
    for each in (first, again):
        each.hyperparameters["structure"] = "Filters()"
    assert compared(first, again, tmp_path).broken == {}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"outcome": "collapsed"}, "outcome"),
        ({"provenance": XEON | {"data_sha256": "e"}}, "data_sha256"),
        ({"cost": factories.record(factories.spec()).cost.model_copy(update={"epochs": 9.0})}, "epochs"),
        ({"spec": factories.spec(seed=1)}, "identity"),
    ],
)
def test_what_was_asked_and_how_it_ended_must_be_equal(tmp_path: Path, change: dict[str, Any], name: str) -> None:
    again = made(XEON).model_copy(update=change)
    assert list(compared(made(EPYC), again, tmp_path).broken) == [name]


def test_accuracies_may_differ_as_chance_in_the_test_images_has_it(tmp_path: Path) -> None:
    # 1.96 √(2 · 0.91 · 0.09 / 10,000) = 0.793 percentage points
    assert hardware.allowance(factories.result(0.9, accuracy=91.0), [91.0]) == pytest.approx(0.7933, abs=1e-4)
    assert compared(made(EPYC), made(XEON, accuracy=91.79), tmp_path).explains
    assert not compared(made(EPYC), made(XEON, accuracy=90.20), tmp_path).explains


def test_accuracies_may_differ_as_seeds_do(tmp_path: Path) -> None:
    for seed, accuracy in ((1, 89.5), (2, 91.5)):
        factories.write(factories.record(factories.spec(seed=seed), accuracy), tmp_path)
    factories.write(factories.record(factories.spec("rigl"), 50.0), tmp_path)
    near, far = (compared(made(EPYC), made(XEON, accuracy=each), tmp_path) for each in (89.01, 88.99))
    (accuracy,) = near.accuracies
    assert (accuracy.allowed, accuracy.seeds) == (2.0, 3)
    assert near.explains
    assert not far.explains
