"""A call goes by the grid with which it began, and reports what it has, whatever becomes of files and jobs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workflow.test_killed_workflow import begin, clone, is_training, said, wait_until
from tests.workflow.test_workflow import Clone

__all__ = ["clone"]


@pytest.mark.long
def test_editing_grid_and_recipe_changes_nothing_of_the_call_that_goes_on(clone: Clone) -> None:
    clone.grid(methods=["dense", "waits"], seeds=[0, 1])
    call = begin(clone, "--until", "all")
    wait_until(lambda: is_training(clone) or "[2/4]" in said(clone), "a run that waits")
    clone.grid(methods=["random"], seeds=[7], title="Another")
    recipe = clone.folder / "configs" / "recipes" / "digits.yaml"
    recipe.write_text(recipe.read_text().replace("batch_size: ", "batch_size: 1"))
    (clone.folder / "mended").touch()
    assert call.wait(timeout=600) == 0, said(clone)
    assert "[4/4]" in said(clone)
    assert {json.loads(path.read_text())["spec"]["method"] for path in clone.records.values()} == {"dense", "waits"}
    assert "Another" not in clone.table and "waits" in clone.table
    assert "missing" not in clone.table
    ended = clone.snakemake("-n")  # the next call goes by what is there now
    assert "2 of 2 runs would be trained" in ended.out


@pytest.mark.long
def test_a_run_that_cannot_start_takes_no_other_along_and_the_report_says_why(clone: Clone) -> None:
    (clone.folder / "mended").touch()
    listed = clone.run("bench.commands.cli", "plan", "configs/tiny.yaml", "--no-probe", "--runs", "--json")
    (run,) = (name for name in json.loads(listed.out)["run_ids"] if "waits" in name)
    place = Path(clone.folder / "results" / "runs" / run)
    place.parent.mkdir(parents=True)
    place.write_text("a file in the place of a folder")
    ended = clone.snakemake()
    assert ended.status == 1
    assert "Traceback" not in ended.out + ended.err
    assert "1 of 2 runs left no record" in ended.out
    assert "could not be written: File exists" in clone.table
    assert clone.printed in ended.out
    place.unlink()
    ended = clone.snakemake()
    assert ended.status == 0, ended
    assert "File exists" not in clone.table


@pytest.mark.long
def test_a_change_for_one_call_leaves_the_first_report_alone(clone: Clone) -> None:
    clone.grid()
    assert clone.snakemake().status == 0
    reports = clone.folder / "reports"
    first = {path: path.read_bytes() for path in (reports / "tiny-budget-0.02").iterdir()}
    there = set(reports.iterdir())
    ended = clone.snakemake("--config", "sparsities=[0.5]")
    assert ended.status == 0, ended
    (other,) = set(reports.iterdir()) - there
    assert {path: path.read_bytes() for path in (reports / "tiny-budget-0.02").iterdir()} == first
    assert (other / "table.md").read_text().startswith("# Tiny (sparsities=[0.5])\n")
    assert f"\nreports/{other.name}: " in ended.out
