"""The committed rows and protocols are valid; the loader refuses what is not, in one sentence."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import archs, catalog, data, names, published, recipe
from bench.errors import UserError
from bench.published.obstacles import barriers
from bench.recipe import prunable

PUBLISHED = published.load()

VALID = {
    "id": "a-1",
    "paper": "A",
    "table": "Table 1",
    "dataset": "cifar10",
    "architecture": "resnet20_cifar",
    "architecture_printed": "ResNet-20",
    "method": "gmp",
    "method_printed": "GMP",
    "structure": "unstructured",
    "sparsity": "0.9",
    "sparsity_of": "all weights",
    "metric": "top1",
    "value": "91.5",
    "protocol": "p",
    "reading": "exact",
    "reading_error": "0.05",
    "source": "the paper",
    "verified": "primary",
}


def row(**changes: Any) -> published.Row:
    return published.Row.read(VALID | changes, "test")


def write(folder: Path, *rows: dict[str, str]) -> Path:
    protocol = "p: {recipe: null, reason: none, prunable: all, report: last, source: here}\n"
    (folder / "protocols.yaml").write_text(protocol)
    with (folder / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, sorted({key for row in rows for key in row}))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_there_are_rows() -> None:
    assert len(PUBLISHED.rows) > 3000


@pytest.mark.parametrize("file", sorted(published.PUBLISHED.glob("*.csv")), ids=lambda file: file.stem)
def test_every_file_has_all_columns(file: Path) -> None:
    """In one order; `pilot` is only in files of which a number was looked at before its rule."""
    with file.open(encoding="utf-8", newline="") as stream:
        columns = next(csv.reader(stream))
    assert columns == [name for name in published.Row.model_fields if name != "pilot" or name in columns]


def test_rows_speak_our_language() -> None:
    for dataset in {one.dataset for one in PUBLISHED.rows}:
        assert dataset in data.names() or dataset == "imagenette"
    for architecture in {one.architecture for one in PUBLISHED.rows} - {""}:
        archs.check(architecture)
    for method in {one.method for one in PUBLISHED.rows} - {""}:
        catalog.create(*names.parse(method))
    for protocol in PUBLISHED.protocols.values():
        prunable.check(protocol.prunable)


def test_reading_errors_are_those_of_printed_digits() -> None:
    exact = [one for one in PUBLISHED.rows if one.reading == "exact"]
    assert [one.id for one in exact if one.reading_error > (0.5 if one.metric == "top1_drop" else 0.05)] == []


def test_each_cell_has_one_row_per_protocol() -> None:
    cells = Counter(
        (one.dataset, one.architecture, one.canonical_method, one.point, one.protocol, one.variant, one.table)
        for one in PUBLISHED.rows
        if one.metric == "top1" and one.architecture and one.method and not one.duplicate_of
    )
    assert [cell for cell, count in cells.items() if count > 1] == []


def test_what_is_from_memory_is_unverified() -> None:
    assert {one.verified for one in PUBLISHED.rows if one.source == "memory"} == {"unverified"}
    assert {one.source for one in PUBLISHED.rows if one.verified == "unverified"} == {"memory"}


@pytest.mark.parametrize("name", PUBLISHED.protocols)
def test_protocol_is_used_and_its_recipe_is_valid(name: str) -> None:
    assert any(one.protocol == name for one in PUBLISHED.rows)
    text = PUBLISHED.protocols[name].recipe
    if text is not None:
        resolved = recipe.load(text)
        assert resolved.source
        report = PUBLISHED.protocols[name].report
        assert resolved.report == ("last" if report == "best_validation" else report)
        assert resolved.data.validation or report != "best_validation"


@pytest.mark.parametrize("file", sorted(recipe.RECIPES.glob("*.yaml")), ids=lambda file: file.stem)
def test_recipe_file_is_valid(file: Path) -> None:
    assert recipe.load(file.stem).name == file.stem


def test_rigl_recipe_is_the_papers() -> None:
    rigl = recipe.load("rigl_cifar10")
    phase = {"steps": 97656, "lr": 0.1, "milestones": (30000, 60000, 90000), "gamma": 0.2}
    assert phase.items() <= rigl.train.model_dump().items()
    optimizer = {"weight_decay": 5e-4, "momentum": 0.9, "nesterov": True}
    assert optimizer.items() <= rigl.optimizer.model_dump().items()
    assert rigl.batch_size == 128
    assert rigl.dropout == 0.3
    assert rigl.data.validation == 0


def test_rows_for_finds_variants_and_rounded_sparsities_but_no_duplicates(tmp_path: Path) -> None:
    rows = [
        VALID,
        VALID | {"id": "variant", "method": "gmp[allocation=global]"},
        VALID | {"id": "rounded", "sparsity": "0.9003"},
        VALID | {"id": "copy", "duplicate_of": "a-1"},
        VALID | {"id": "other-sparsity", "sparsity": "0.95"},
        VALID | {"id": "other-method", "method": "snip"},
        VALID | {"id": "other-network", "architecture": "resnet32_cifar"},
    ]
    loaded = published.load(write(tmp_path, *rows))
    cell: Any = SimpleNamespace(dataset="cifar10", architecture="resnet20_cifar", method="gmp", point=0.9)
    assert [one.id for one in loaded.rows_for(cell)] == ["a-1", "variant", "rounded"]


def test_dense_cells_find_dense_rows(tmp_path: Path) -> None:
    dense = VALID | {"method": "dense", "structure": "dense", "sparsity": "0"}
    cell: Any = SimpleNamespace(dataset="cifar10", architecture="resnet20_cifar", method="dense", point=None)
    assert len(published.load(write(tmp_path, dense)).rows_for(cell)) == 1


def test_prunable_set_and_report_come_from_the_protocol(tmp_path: Path) -> None:
    one, other = published.load(write(tmp_path, VALID, VALID | {"id": "b", "prunable": "conv", "report": "best"})).rows
    assert (one.prunable, one.report) == ("all", "last")
    assert (other.prunable, other.report) == ("conv", "best")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sparsity": "90"}, "line 2: field 'sparsity'"),
        ({"verified": "yes"}, "field 'verified'"),
        ({"protocol": "unknown"}, "field 'protocol': 'unknown' is not in"),
        ({"duplicate_of": "nothing"}, "field 'duplicate_of'"),
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"sparsity": "0"}, "'dense'"),
        ({"sparsity": ""}, "'sparsity' and 'sparsity_of' belong together"),
        ({"sparsity": "", "sparsity_of": ""}, "give at least one of"),
        ({"value": "-1"}, "cannot be -1"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as error:
        published.load(write(tmp_path, VALID | changes))
    assert message in str(error.value)


def test_ids_are_unique(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 3: field 'id': 'a-1' is there twice"):
        published.load(write(tmp_path, VALID, VALID))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("std", 0.6),
        ("unknown", 0.6),
        ("sem", 0.6 * math.sqrt(3)),  # standard error · √n
        ("ci95", 0.6 * math.sqrt(3) / 4.302653),  # half width / t(0.975, 2) · √n
    ],
)
def test_spread_over_seeds_whatever_was_printed(kind: str, expected: float) -> None:
    assert row(std="0.6", std_kind=kind, n_seeds="3").seed_std == pytest.approx(expected, rel=1e-6)


def test_no_spread_is_known() -> None:
    assert row(n_seeds="3").seed_std is None
    assert row(std="0.6", std_kind="sem").seed_std is None, "of how many runs?"
    assert row(std="0.6", std_kind="std").seed_std == 0.6


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"dataset": "imagenette"}, "data set: imagenette is not in the suite"),
        ({"architecture": ""}, "architecture: ResNet-20 is not in the suite"),
        ({"method": ""}, "method: no module for GMP"),
        ({"method": "telepathy[every=2]"}, "method: no module for telepathy"),
        ({"metric": "churn"}, "metric: churn instead of top1"),
        ({"sparsity_of": "parameters"}, "sparsity: of all parameters"),
        ({"sparsity": None, "sparsity_of": "", "variant": "width 0.5"}, "sparsity: not stated"),
        ({"verified": "unverified"}, "unverified: nobody read this number in a source"),
        ({"report": "unknown"}, "reported epoch: not stated"),
    ],
)
def test_what_no_run_of_ours_can_be_compared_with(changes: dict[str, Any], reason: str | None) -> None:
    protocol = published.Protocol(recipe="cifar10", prunable="all", report="last", source="here")
    assert [*map(str, barriers(row(**changes), protocol))] == ([] if reason is None else [reason])


def test_a_protocol_without_recipe_says_why() -> None:
    protocol = published.Protocol(recipe=None, reason="not read", prunable="all", report="unknown", source="here")
    assert [*map(str, barriers(row(report="unknown"), protocol))] == ["protocol: not read"]


def test_a_target_of_its_own_goes_before_the_sparsity(tmp_path: Path) -> None:
    rows = [VALID | {"target": "0.8"}, VALID | {"id": "b", "target": "0.8", "sparsity": "", "sparsity_of": ""}]
    cell: Any = SimpleNamespace(dataset="cifar10", architecture="resnet20_cifar", method="gmp", point=0.8)
    assert [one.id for one in published.load(write(tmp_path, *rows)).rows_for(cell)] == ["a-1", "b"]


def test_rows_that_fit_no_cell_stand_beside_none(tmp_path: Path) -> None:
    rows = [
        VALID | {"id": "no-method", "method": ""},
        VALID | {"id": "no-architecture", "architecture": ""},
        VALID | {"id": "no-accuracy", "metric": "top1_drop", "value": "-0.3"},
        VALID | {"id": "no-point", "sparsity": "", "sparsity_of": "", "variant": "width 0.5"},
    ]
    cell: Any = SimpleNamespace(dataset="cifar10", architecture="resnet20_cifar", method="gmp", point=0.9)
    assert published.load(write(tmp_path, *rows)).rows_for(cell) == []
