"""Rows worth running next: which they are, what they cost, and that the printed call is the grid that was costed."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import published, recipe
from bench.commands.listing import missing as listing
from bench.plan.grid import expand, load
from bench.plan.resolved import changes
from bench.workflow.missing import Missing, find
from tests import factories
from tests.commands.test_cli import reprune  # noqa: F401
from tests.published.test_published import row

PROTOCOLS = {
    "full": published.Protocol(recipe="cifar10", prunable="all", report="last", source="here"),
    "conv": published.Protocol(recipe="cifar10[train.epochs=200]", prunable="conv", report="last", source="here"),
    "held": published.Protocol(recipe="cifar10[data.validation=5000]", prunable="all", report="last", source="here"),
    "none": published.Protocol(recipe=None, reason="not read", prunable="all", report="last", source="there"),
}
ROWS = (
    row(id="gmp-90", protocol="full"),
    row(id="gmp-95", protocol="full", sparsity="0.95"),
    row(id="copy", protocol="full", sparsity="0.98", duplicate_of="gmp-90"),
    row(id="conv", protocol="conv", method="snip"),
    row(id="unverified", protocol="full", method="rigl", verified="unverified"),
    row(id="no-recipe", protocol="none", method="dpf"),
    row(id="nobodys", protocol="full", method="", method_printed="SNIP-it"),
    # The best epoch on the test set, of a recipe that holds images out and so does not look at it.
    row(id="best", protocol="held", method="snip"),
    row(id="last", protocol="held", method="snip", sparsity="0.95"),
)
PUBLISHED = published.Published(
    tuple(
        each.model_copy(
            update={
                "prunable": PROTOCOLS[each.protocol].prunable,
                "report": "best" if each.id == "best" else "last",
            }
        )
        for each in ROWS
    ),
    PROTOCOLS,
)
SMALL = PUBLISHED.rows[0].model_copy(update={"id": "small", "architecture": "resnet8_cifar"})


def found(results: Path, *kept: Path, seeds: int | None = 2) -> dict[tuple[str, ...], Missing]:
    return {
        tuple(one.id for one in each.rows): each for each in find(PUBLISHED, PUBLISHED.rows, seeds, results, list(kept))
    }


def test_rows_of_one_method_under_one_protocol_are_one_grid(tmp_path: Path) -> None:
    both = found(tmp_path)
    assert set(both) == {("gmp-90", "gmp-95"), ("conv",), ("last",)}
    assert both["last",].grid["sparsities"] == [0.95]
    gmp = both["gmp-90", "gmp-95"]
    # Two seeds of dense, and of gmp at either sparsity.
    assert len(gmp.plan.runs) == 2 + 4
    assert gmp.grid["sparsities"] == [0.9, 0.95] and "prunable" not in gmp.grid
    assert (both["conv",].grid["prunable"], both["conv",].grid["recipe"]) == ("conv", "cifar10[train.epochs=200]")


def test_the_fewest_seeds_that_decide_are_planned(tmp_path: Path) -> None:
    # Nothing is printed with these rows: .3 · .5 = .15 points are assumed of the seeds, and of one run of theirs. That
    # single run leaves a power of 51 % at 20 seeds, and less with a reading error of .05: nothing is decidable.
    gmp = found(tmp_path, seeds=None)["gmp-90", "gmp-95"]
    assert len(gmp.grid["seeds"]) == 5 and gmp.decidable == ()
    three = tuple(each.model_copy(update={"std": 0.1, "std_kind": "std", "n_seeds": 3}) for each in PUBLISHED.rows)
    (first, *_) = find(replace(PUBLISHED, rows=three), three, None, tmp_path, [])
    assert len(first.grid["seeds"]) == 3 and len(first.decidable) == 2
    wide = tuple(each.model_copy(update={"std": 0.6, "std_kind": "std", "n_seeds": 3}) for each in PUBLISHED.rows)
    (first, *_) = find(replace(PUBLISHED, rows=wide), wide, None, tmp_path, [])
    assert len(first.grid["seeds"]) == 5 and first.decidable == ()


def test_what_decides_nothing_comes_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sure = [SMALL.model_copy(update={"std": 0.6, "std_kind": "std", "n_seeds": 3})]
    sure += [each.model_copy(update={"std": 0.1, "std_kind": "std", "n_seeds": 3}) for each in PUBLISHED.rows]
    listing.show(replace(PUBLISHED, rows=tuple(sure)), sure, None, tmp_path, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert [each["rows"][0] for each in printed] == ["last", "conv", "gmp-90", "small"]  # the last is the cheapest
    assert [each["decidable"] for each in printed] == [["last"], ["conv"], ["gmp-90", "gmp-95"], []]


def test_the_cost_is_that_of_all_passes(tmp_path: Path) -> None:
    gmp = found(tmp_path, seeds=1)["gmp-90", "gmp-95"]
    # Recipe cifar10: 160 epochs of 50,000 images, in each evaluated on 10,000, and the exported network once more.
    assert gmp.trained == 3 * 160 * 50_000
    assert gmp.evaluated == 3 * 161 * 10_000
    assert gmp.cost(1000) == (3 * 24_000_000 + 4_830_000) * 1000


def ended(point: float, folder: Path, *, kept: bool = False, **changes: Any) -> None:
    """A record of gmp under the protocol, in the folder of results or in one of kept records."""
    outcome = changes.pop("outcome", "ok")
    protocol = {"recipe": recipe.load("cifar10"), "recipe_text": "cifar10"}
    one = factories.record(factories.spec("gmp", point, **(protocol | changes)), outcome=outcome)
    path = factories.write(one, folder)
    if kept:
        (folder / "records").mkdir(exist_ok=True)
        path.rename(folder / "records" / f"{one.id}.json")


@pytest.mark.parametrize("kept", [False, True])
def test_a_comparable_run_answers_a_row(kept: bool, tmp_path: Path) -> None:
    ended(0.9, tmp_path, kept=kept)
    assert set(found(tmp_path, tmp_path)) == {("gmp-95",), ("conv",), ("last",)}


@pytest.mark.parametrize(
    "different",
    [
        {"outcome": "diverged"},
        {"budget": 0.1},
        {"prunable": "conv"},
        {"recipe": recipe.load("cifar10[train.lr=0.2]")},
        {"architecture": "resnet32_cifar"},
    ],
)
def test_any_other_run_does_not(different: dict[str, Any], tmp_path: Path) -> None:
    ended(0.9, tmp_path, **different)
    assert ("gmp-90", "gmp-95") in found(tmp_path)


def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"outcome": "ok", "spec": 3}')):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "record.json").write_text(text)
    assert len(found(tmp_path)) == 3


def test_the_printed_call_runs_the_grid_that_was_costed(tmp_path: Path) -> None:
    for each in found(tmp_path).values():
        line = listing.describe(each, tmp_path)
        words = shlex.split(line["command"])
        assert words[:4] == ["snakemake", "--cores", "all", "--config"]
        quick = load(listing.KEPT.parents[1] / "configs" / "quick.yaml", changes(words[4:]))
        assert [spec.id for spec in expand(quick).runs] == [spec.id for spec in each.plan.runs]
        assert line["macs"] == each.cost(40_813_184)  # ResNet-20: test_archs_sizes.py


def test_the_cheapest_come_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = replace(PUBLISHED, rows=(*PUBLISHED.rows, SMALL))
    listing.show(small, small.rows, 1, tmp_path, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert [each["rows"][0] for each in printed] == ["small", "last", "conv", "gmp-90"]
    assert [each["macs"] for each in printed] == sorted(each["macs"] for each in printed)
    listing.show(small, small.rows, 1, tmp_path, as_json=False)
    out = capsys.readouterr().out
    assert "5 rows in 4 grids, 0 of them decidable" in out
    assert out.count("snakemake --cores all --config") == 3


def test_of_the_published_numbers_the_query_chooses(reprune, tmp_path: Path) -> None:  # noqa: F811
    words = ("published", "--missing", "--json", "--results", str(tmp_path), "--seeds", "1")
    status, out, _ = reprune(*words, "--paper", "1911.11134", "--method", "rigl")
    listed = json.loads(out)
    assert status == 0 and listed
    assert all(each["method"].startswith("rigl") and "Evci" in each["papers"][0] for each in listed)
    assert reprune(*words, "--method", "nothing")[:2] == (1, "[]\n")
