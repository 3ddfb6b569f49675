"""The committed rows and protocols are valid; the loader refuses what is not, in one sentence."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import archs, catalog, names, published, recipe
from bench.errors import UserError

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
    assert len(PUBLISHED.rows) > 200


@pytest.mark.parametrize("one", PUBLISHED.rows, ids=lambda one: one.id)
def test_row_speaks_our_language(one: published.Row) -> None:
    archs.check(one.architecture)
    catalog.create(*names.parse(one.method))
    assert one.prunable in ("all", "conv")
    assert one.report in ("last", "best", "best_validation")
    assert one.reading_error <= 0.05 or one.reading == "digitised"


def test_each_cell_has_one_row_per_protocol() -> None:
    cells = Counter(
        (one.dataset, one.architecture, one.canonical_method, one.sparsity, one.protocol)
        for one in PUBLISHED.rows
        if not one.duplicate_of
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
        assert resolved.report == PUBLISHED.protocols[name].report.partition("_")[0] or name.startswith("random")


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


def test_no_spread_printed() -> None:
    assert row(n_seeds="3").seed_std is None
    assert row(std="0.6", std_kind="sem").seed_std == 0.6
