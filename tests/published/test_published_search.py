"""Looking for published rows, and what is shown of them."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from bench import published
from bench.errors import UserError
from bench.published import search
from bench.published.search import Query
from tests.commands.test_cli import reprune  # noqa: F401
from tests.published.test_published import row

PROTOCOLS = {
    "p": published.Protocol(recipe="cifar10", prunable="all", report="last", source="here"),
    "q": published.Protocol(recipe=None, reason="not read", prunable="all", report="last", source="there"),
}
ROWS = (
    row(id="gmp-90", paper="Zhu & Gupta, To Prune, 2017", arxiv="1710.01878", std="0.2", n_seeds="3"),
    row(id="gmp-95", sparsity="0.95", protocol="q"),
    row(id="variant", method="gmp[allocation=global]", verified="unverified"),
    row(id="snip-it", method="", method_printed="SNIP-it (in training)", dataset="cifar100", architecture=""),
    row(
        id="target", method="ftwt", method_printed="FTWT", target="0.9", sparsity=None, sparsity_of="", variant="joint"
    ),
    row(id="copy", duplicate_of="gmp-90"),
)
PUBLISHED = published.Published(ROWS, PROTOCOLS)


def shown(table: Any) -> str:
    console = Console(file=StringIO(), width=250)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (Query(), {one.id for one in ROWS}),
        (Query(method="gmp"), {"gmp-90", "gmp-95", "variant", "copy"}),
        (Query(method="gmp[allocation=global]"), {"variant"}),
        (Query(method="SNIP"), {"snip-it"}),
        (Query(method="training"), set()),  # what stands in brackets is no name
        (Query(method="nip"), set()),  # words, not letters
        (Query(dataset="CIFAR-100"), {"snip-it"}),
        (Query(dataset="cifar-10"), {one.id for one in ROWS} - {"snip-it"}),
        (Query(dataset="cifar"), {one.id for one in ROWS}),
        (Query(architecture="resnet20_cifar"), {one.id for one in ROWS} - {"snip-it"}),
        (Query(architecture="resnet20"), {one.id for one in ROWS}),
        (Query(paper="gupta"), {"gmp-90"}),
        (Query(paper="1710.01878"), {"gmp-90"}),
        (Query(sparsity=0.95), {"gmp-95"}),
        (Query(sparsity=0.9, method="ftwt"), {"target"}),
        (Query(method="gmp", sparsity=0.95, dataset="cifar10", paper="a"), {"gmp-95"}),
    ],
)
def test_what_a_query_finds(query: Query, ids: set[str]) -> None:
    assert {one.id for one in search.find(PUBLISHED, query)} == ids


def test_a_percentage_is_no_fraction() -> None:
    with pytest.raises(UserError, match=r"--sparsity 90 is not a fraction between 0 and 1\."):
        Query(sparsity=90)


def test_rows_are_sorted() -> None:
    found = [one.id for one in search.find(PUBLISHED, Query(method="gmp"))]
    assert found == ["copy", "gmp-90", "gmp-95", "variant"]


def test_a_line_says_everything_about_a_row() -> None:
    table, _, notes = shown(search.listing(PUBLISHED, ROWS)).partition("Not comparable because")
    lines = dict(zip([one.id for one in ROWS], table.splitlines()[1:], strict=False))
    assert lines["gmp-90"].split() == [
        *("gmp-90", "Zhu", "&", "Gupta", "2017", "resnet20_cifar,", "cifar10", "gmp", "90", "%"),
        *("91.5", "±", "0.2", "3", "primary", "cifar10"),
    ]
    assert lines["gmp-95"].rstrip().endswith("no: 1")
    assert "1. protocol: not read" in notes
    assert "gmp[allocation=global]" in lines["variant"]
    reasons = dict(line.strip().split(". ", 1) for line in notes.strip().splitlines())
    assert len(set(reasons.values())) == len(reasons), "a reason stands there once"

    def why(row: str) -> list[str]:
        return [reasons[number] for number in lines[row].rpartition("no: ")[2].strip().split(", ")]

    assert "unverified: nobody read this number in a source" in why("variant")
    assert any("no module for SNIP-it" in reason for reason in why("snip-it"))
    assert "ftwt (joint)" in lines["target"]
    assert "target 0.9" in lines["target"]
    assert "copy: gmp-90 stands for it" in why("copy")


def test_the_overview_counts_by_paper() -> None:
    lines = shown(search.overview(PUBLISHED)).splitlines()
    assert lines[-1].split() == ["Zhu", "&", "Gupta,", "To", "Prune,", "2017", "1710.01878", "1", "1", "1"]
    assert lines[1].split()[:4] == ["A", "5", "4", "1"]  # rows, primary, unverified


def test_json_has_all_fields_the_recipe_and_the_obstacles() -> None:
    first, second = search.as_json(PUBLISHED, ROWS[:2])
    assert first.keys() == published.Row.model_fields.keys() | {"recipe", "obstacles"}
    assert (first["recipe"], first["obstacles"]) == ("cifar10", [])
    assert (second["recipe"], second["obstacles"]) == (None, ["protocol: not read"])


def test_the_command(reprune) -> None:  # noqa: F811
    status, out, _ = reprune("published", "--method", "rigl", "--dataset", "cifar10", "--sparsity", "0.9")
    assert status == 0
    assert "rigl-rigl-erk-90" in out
    status, out, _ = reprune("published", "--paper", "1911.11134", "--arch", "wrn22_2_cifar", "--json")
    assert {one["arxiv"] for one in json.loads(out)} == {"1911.11134"}
    status, out, err = reprune("published", "--method", "telepathy")
    assert (status, out) == (1, "")
    assert err == "reprune: no published row has a method like 'telepathy'; `reprune published` lists the papers.\n"
    status, out, _ = reprune("published")
    assert out.splitlines()[-1].startswith(f"{len(published.load().rows)} rows; name a method")
