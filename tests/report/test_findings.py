"""Claims about the order of methods, and what a grid's runs say about them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UserError
from bench.plan import grid
from bench.plan.claims import Claim
from bench.report import summary
from bench.report.findings import Finding, block, examine, notes
from bench.results import measurements
from tests import factories


def found(folder: Path, accuracies: factories.Accuracies, claim: str, **fields: Any) -> list[Finding]:
    plan, records = factories.plan(accuracies)
    for record in records:
        factories.write(record, folder)
    table = measurements.from_records(plan, *measurements.read_records(plan, folder))
    return examine((Claim(claim=claim, source="them", **fields),), summary.cells(plan, table))


def test_differences_are_taken_seed_by_seed(tmp_path: Path) -> None:
    # Differences 1.0, 1.2, 1.4: mean 1.2, deviation 0.2; t(0.975, 2) = 4.3027; half width 4.3027·0.2/√3 = 0.4968.
    # Unpaired, accuracies that vary by whole points between seeds would say nothing.
    accuracies: factories.Accuracies = {("force", 0.98): [81.0, 85.2, 90.4], ("snip", 0.98): [80.0, 84.0, 89.0]}
    (finding,) = found(tmp_path, accuracies, "force >= snip")
    assert finding.difference == pytest.approx(1.2)
    assert finding.interval == pytest.approx((0.7032, 1.6968), abs=1e-3)
    assert (finding.seeds, finding.ruling) == (3, "holds")
    assert (finding.left, finding.right) == (pytest.approx(85.5333, abs=1e-3), pytest.approx(84.3333, abs=1e-3))


@pytest.mark.parametrize(
    ("claim", "left", "ruling"),
    [
        ("dpf >= gmp", [90.0, 90.1, 90.2], "contradicted"),
        ("dpf >= gmp", [91.0, 92.0, 90.9], "open"),
        ("dpf >= gmp", [91.0, 91.1, 91.2], "open"),  # no difference at all is no proof of an order
        ("dpf ~ gmp", [91.1, 91.3, 91.4], "holds"),
        ("dpf ~ gmp", [95.0, 95.1, 95.2], "contradicted"),
        ("dpf ~ gmp", [91.0, 92.3, 92.9], "open"),
    ],
)
def test_rulings(tmp_path: Path, claim: str, left: list[float], ruling: str) -> None:
    (finding,) = found(tmp_path, {("dpf", 0.9): left, ("gmp", 0.9): [91.0, 91.1, 91.2]}, claim)
    assert finding.ruling == ruling


def test_one_seed_decides_nothing(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, {("dpf", 0.9): [95.0], ("gmp", 0.9): [80.0]}, "dpf >= gmp")
    assert finding.ruling == "open"
    assert math.isnan(finding.interval[0])
    assert block([finding]).rows[0][5].text == ""


def test_a_claim_may_be_about_some_points_only(tmp_path: Path) -> None:
    accuracies: factories.Accuracies = {(method, point): [80.0, 81.0] for method in ("a", "b") for point in (0.5, 0.9)}
    accuracies = {("gmp" if method == "a" else "snip", point): values for (method, point), values in accuracies.items()}
    assert [finding.point for finding in found(tmp_path, accuracies, "gmp >= snip")] == [0.5, 0.9]
    assert [finding.point for finding in found(tmp_path, accuracies, "gmp >= snip", points=(0.9,))] == [0.9]


def test_the_dense_network_is_at_sparsity_0(tmp_path: Path) -> None:
    accuracies: factories.Accuracies = {
        ("gmp", 0.0): [93.0, 93.2],
        ("dense", None): [93.1, 93.3],
        ("gmp", 0.9): [90.0, 90.0],
    }
    (finding,) = found(tmp_path, accuracies, "gmp ~ dense")
    assert (finding.point, finding.ruling) == (0.0, "holds")
    assert finding.difference == pytest.approx(-0.1)


def test_collapsed_runs_count_and_failed_ones_do_not(tmp_path: Path) -> None:
    plan, records = factories.plan({("force", 0.99): [70.0, 71.0, 72.0], ("snip", 0.99): [10.0, 11.0, 12.0]})
    outcomes = {("snip", 0): "collapsed", ("force", 2): "diverged"}
    for record in records:
        outcome = outcomes.get((record.spec.method, record.spec.seed), "ok")
        factories.write(record.model_copy(update={"outcome": outcome}), tmp_path)
    table = measurements.from_records(plan, *measurements.read_records(plan, tmp_path))
    (finding,) = examine((Claim(claim="force >= snip", source="them"),), summary.cells(plan, table))
    assert (finding.seeds, finding.collapsed, finding.difference) == (2, 1, 60.0)
    assert block([finding]).rows[0][3].text == "70.50 and 10.50 (1 collapsed)"


@pytest.mark.parametrize("text", ["force > snip", "force>=snip", ">= snip", "force >="])
def test_a_claim_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is not of the form 'METHOD >= METHOD'"):
        Claim.read({"claim": text, "source": "them"}, "the test")


def test_methods_with_fields_are_named_as_in_tables() -> None:
    claim = Claim(claim="sanity_check[of=snip, check=shuffle] ~ snip", source="them")
    assert claim.methods == ("sanity_check", "snip"), "fields at their defaults are not shown"
    assert claim.equality


def test_a_grid_names_the_method_it_lacks(tmp_path: Path) -> None:
    fields = {"recipe": "digits", "datasets": ["digits"], "architectures": ["resnet8_cifar"], "seeds": [0]}
    fields |= {"methods": ["snip"], "sparsities": [0.9], "claims": [{"claim": "force >= snip", "source": "them"}]}
    with pytest.raises(UserError, match="field 'claims': 'force' of 'force >= snip' is not among the grid's methods"):
        grid.load(fields)


def test_margins_are_stated() -> None:
    assert "± 2 points" in notes((Claim(claim="dpf ~ gmp", source="them", margin=2),))[0]
    assert "±" not in notes((Claim(claim="dpf >= gmp", source="them"),))[0]
