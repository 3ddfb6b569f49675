"""`reprune recompute`: lists, measures, keeps, and says what is missing."""

from __future__ import annotations

import json

import pytest

from bench.commands.listing import recomputed
from tests.recompute.synthetic import Synthetic


def test_the_list_says_which_files_are_missing(made_up: Synthetic, capsys: pytest.CaptureFixture[str]) -> None:
    made_up.file("large").unlink()
    recomputed.show([made_up.load()], made_up.data, as_json=True)
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["source"], listed["cells"], listed["files"], list(listed["missing"])) == ("made_up", 3, 2, ["large"])
    recomputed.show([made_up.load()], made_up.data, as_json=False)
    assert f"made_up: there is no {made_up.file('large')}" in capsys.readouterr().out


def test_measuring_prints_counts_and_what_is_not_equal(
    made_up: Synthetic,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made_up.print_cells(("small", "size", "3"), ("double", "size[times=2]", "7"), ("large", "size", "50", "large"))
    kept = made_up.results / "kept"
    status = recomputed.carry_out([made_up.load()], made_up.results, made_up.data, kept, as_json=False)
    out, err = capsys.readouterr()
    assert status == 0
    assert "table 1, 3 cells: 2 equal to the digit, 1 differs" in out
    assert "double" in out
    assert "large" not in out
    assert "made_up: small (1 of 2, 2 cells)" in err
    assert (kept / "made_up" / "records" / "small.json").is_file()
    assert (kept / "made_up" / "table.md").is_file()


def test_programs_get_values_and_verdicts(made_up: Synthetic, capsys: pytest.CaptureFixture[str]) -> None:
    made_up.file("large").unlink()
    assert recomputed.carry_out([made_up.load()], made_up.results, made_up.data, None, as_json=True) == 1
    out, err = capsys.readouterr()
    small, _, large = json.loads(out)
    assert small["ours"] == {"parameters": {"value": 3.0, "near_ties": None, "reach": 0.0}}
    assert small["verdict"] == "equal to the digit"
    assert (large["ours"], large["verdict"]) == ({}, "not run")
    assert "made_up: there is no " in err


def test_a_file_is_not_asked_for_once_its_network_is_measured(
    made_up: Synthetic, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up.run()
    made_up.file("large").unlink()
    assert recomputed.carry_out([made_up.load()], made_up.results, made_up.data, None, as_json=False) == 0
    out, err = capsys.readouterr()
    assert "3 equal to the digit" in out
    assert err == ""
