"""One call, one resolved grid: what was planned is what jobs train and reports show, whatever is edited meanwhile."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from bench import recipe
from bench.base import stores
from bench.errors import UserError
from bench.plan import expansion, resolved
from bench.recipe import files as recipe_files
from bench.results.record import Record, write
from bench.workflow import final_rule as closing
from bench.workflow import flow as flows
from tests.jobs import planned as planned_job

ROOT = Path(__file__).parents[2]
GRID = {
    "title": "Before",
    "recipe": "mine[label_smoothing=0.1]",
    "datasets": ["digits"],
    "architectures": ["convnet_small"],
    "methods": ["magnitude", "gmp[schedule.every=10]", "lth"],
    "sparsities": [1 - 10**-0.5, 0.9],
    "overrides": [{"methods": ["gmp[schedule.every=10]"], "recipe": "digits", "points": [0.5]}],
    "seeds": [0, 1],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a grid, and recipes of its own."""
    monkeypatch.chdir(tmp_path)
    recipes = shutil.copytree(recipe.RECIPES, tmp_path / "recipes")
    shutil.copy(recipes / "digits.yaml", recipes / "mine.yaml")
    monkeypatch.setattr(recipe_files, "RECIPES", recipes)
    monkeypatch.setattr(recipe.load, "__defaults__", (recipes,))
    monkeypatch.setattr(recipe_files, "_fixed", {})
    expansion.scaled.cache_clear()
    monkeypatch.setenv("PATH", os.environ["PATH"])
    (tmp_path / "published").mkdir()
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(GRID))
    return tmp_path


def planned(**changes: Any) -> resolved.Resolved:
    """The grid as a call's first process resolves it, written down."""
    found = resolved.resolve(Path("tiny.yaml"), changes)
    found.write()
    return found


def edit(folder: Path) -> None:
    """Edit what a call has read: the grid's file and both of its recipes."""
    (folder / "tiny.yaml").write_text(yaml.safe_dump(GRID | {"title": "After", "seeds": [7], "methods": ["snip"]}))
    for name in ("mine", "digits"):
        file = folder / "recipes" / f"{name}.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"batch_size": 17}))
    expansion.scaled.cache_clear()


@pytest.mark.parametrize("changes", [{}, {"budget": 1 / 3, "seeds": [2, 3]}])
def test_what_is_written_down_reads_back_equal_after_everything_was_edited(folder: Path, changes: Any) -> None:
    before = planned(**changes)
    edit(folder)
    after = resolved.read(before.path)
    assert after.grid == before.grid
    assert after.plan == before.plan
    assert (after.words, after.grid.report_folder) == (before.words, before.grid.report_folder)
    assert [spec.recipe.batch_size for spec in after.plan.runs] == [spec.recipe.batch_size for spec in before.plan.runs]


@pytest.mark.parametrize("name", ["quick.yaml", "papers/rigl.yaml", "papers/missing_the_mark.yaml"])
def test_grids_that_are_there_read_back_equal(name: str, tmp_path: Path) -> None:
    source = ROOT / "configs" / name
    before = resolved.resolve(source, {"results": str(tmp_path)})
    before.write()
    assert resolved.read(before.path).plan == before.plan


def test_a_job_trains_what_was_planned_though_its_recipe_was_edited(folder: Path) -> None:
    before = planned()
    found = flows._flow(before)
    edit(folder)
    for spec in before.plan.runs:
        assert planned_job(found.job(spec.id)).spec() == spec


def test_a_call_closes_with_the_grid_that_it_began_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = planned()
    edit(folder)
    for spec in before.plan.runs[1:]:
        record = Record(id=spec.id, spec=spec, outcome="collapsed", reason="no path is left")
        write(record, Path("results") / "runs" / spec.id / "record.json")
    before.grid.report_folder.mkdir(parents=True)
    (before.grid.report_folder / "table.txt").write_text("the table")
    log = Path("results") / "logs" / "train" / f"{before.plan.runs[0].id}.log"
    log.parent.mkdir(parents=True)
    log.write_text("2026-01-01 00:00:00,000 begun\nreprune: there is no such data set.\n")
    assert closing.main([str(before.path)]) == 1
    printed = capsys.readouterr().out
    assert f"1 of {len(before.plan.runs)} runs left no record" in printed
    assert "digits · convnet_small · dense · seed 0: there is no such data set." in printed
    first = before.plan.runs[0]
    done = Record(id=first.id, spec=first, outcome="collapsed", reason="no path is left")
    write(done, Path("results") / "runs" / first.id / "record.json")
    assert closing.main([str(before.path)]) == 0


def test_jobs_that_read_the_snakefile_anew_are_given_the_resolved_grid(folder: Path) -> None:
    before = planned()
    settings = SimpleNamespace(configfiles=[Path("tiny.yaml")], config_args=["seeds=[7]"])
    flows._begin(SimpleNamespace(config_settings=settings), before)
    assert settings.config_args == []
    edit(folder)
    job = SimpleNamespace(configfiles=settings.configfiles, exec_mode="a job's", global_resources={})
    job.config_settings = SimpleNamespace(config={})
    job.register_resource = lambda name, value: None
    again = flows.plan(job, json.loads(before.content))
    assert list(again.runs) == [spec.id for spec in before.plan.runs]
    assert again.job(before.plan.runs[3].id) == flows._flow(before).job(before.plan.runs[3].id)


def test_a_password_is_handed_on_and_not_written_down(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(resolved.STORE, "")
    address = "postgresql://me:secret@host/runs"
    monkeypatch.setenv(stores.VARIABLE, address)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(GRID | {"tracking_uri": address}))
    before = planned()
    assert b"secret" not in before.path.read_bytes()
    assert resolved.read(before.path).grid.tracking_uri == address


def test_a_resolved_grid_that_was_changed_or_damaged_is_refused_in_one_sentence(folder: Path) -> None:
    path = planned().path
    path.write_bytes(path.read_bytes().replace(b"Before", b"Behind"))
    with pytest.raises(UserError, match="has been changed since it was written"):
        resolved.read(path)
    path.write_bytes(b'{"format": ')
    with pytest.raises(UserError, match="is damaged"):
        resolved.read(path)
