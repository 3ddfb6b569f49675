"""Folders of records to be committed: made from results, rebuilt from the records alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from bench import report
from bench.commands.cli import call
from bench.errors import UserError
from bench.plan import grid as grids
from bench.plan.grid import Grid, Plan
from bench.published import Published, comparison
from bench.published.comparison import Compared
from bench.report import kept
from bench.results import record
from tests import factories

ROOT = Path(__file__).parents[2]
REPRODUCTIONS = ROOT / "reports" / "reproductions"
CONFIGS = sorted([*(ROOT / "configs").glob("*.yaml"), *(ROOT / "configs" / "papers").glob("*.yaml")])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    """A scaled-down grid of five runs, four of which left a record, one of these an error."""
    folder = tmp_path_factory.mktemp("kept")
    fields = {
        **{
            "name": "small",
            "title": "Small",
            "recipe": "cifar10",
            "datasets": ["cifar10"],
            "seeds": [0],
            "budget": 0.5,
        },
        **{"architectures": ["resnet20_cifar"], "methods": ["gmp", "snip"], "sparsities": [0.9, 0.95]},
        **{"results": str(folder / "results"), "reports": str(folder / "reports")},
    }
    grid = grids.load(fields)
    *first, error, _ = grids.expand(grid).runs
    for index, spec in enumerate(first):
        factories.write(factories.record(spec, 90.0 - index), Path(grid.results))
    factories.write(factories.record(error, outcome="error", reason="ValueError: no", results=[]), Path(grid.results))
    return grid


@pytest.fixture
def folder(results: Grid, tmp_path: Path) -> Path:
    assert kept.keep(results, tmp_path / "small") == f"4 of 5 records kept in {tmp_path / 'small'}."
    return tmp_path / "small"


def test_the_grid_is_kept_without_what_belongs_to_the_machine(results: Grid, folder: Path) -> None:
    found = kept.read(folder).grid
    assert (found.results, found.reports) == ("results", "reports")
    assert found.model_copy(update={"results": results.results, "reports": results.reports}) == results


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_grid_can_be_written_and_read_again(config: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(kept.description(grids.load(config)))
    assert grids.load(tmp_path / "grid.yaml") == grids.load(config)


def test_rebuilt_tables_are_those_of_the_results(
    results: Grid, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.build(results, grids.expand(results), figures=False)
    capsys.readouterr()
    shutil.move(results.results, tmp_path / "elsewhere")  # nothing but the folder may be read
    try:
        assert call(["report", str(folder), "--only", "table"]) == 0
    finally:
        shutil.move(tmp_path / "elsewhere", results.results)
    assert "SCALED DOWN" in capsys.readouterr().out
    for name in ("table.csv", "comparison.csv", "comparison.md"):
        assert (folder / name).read_bytes() == (results.report_folder / name).read_bytes()
    theirs = (results.report_folder / "table.md").read_text()
    ours = theirs.replace("from MLflow, equal to the records.", "straight from the records kept with this table.")
    assert (folder / "table.md").read_text() == ours != theirs
    assert "missing: no record" in ours and "error: ValueError: no" in ours
    assert not (folder / "table.txt").exists()


def test_output_goes_elsewhere_with_plots(folder: Path, tmp_path: Path) -> None:
    before = sorted(folder.rglob("*"))
    assert call(["report", str(folder), "--output", str(tmp_path / "out")]) == 0
    assert sorted(folder.rglob("*")) == before
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"table.{ending}" for ending in ("md", "tex", "csv")),
        *("comparison.md", "comparison.csv", "provenance.md", "checklist.md", "report.html"),
        *(f"accuracy-{kind}-cifar10.{ending}" for kind in ("macs", "sparsity") for ending in ("svg", "png")),
    }


def test_records_outlive_the_code_that_made_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sorted((folder / "records").glob("*gmp-0.9-*"))[0]
    old = record.read(path)
    spec = old.spec.model_copy(update={"identity": "0" * 64})
    record.write(old.model_copy(update={"id": spec.id, "spec": spec}), path.with_name(f"{spec.id}.json"))
    path.unlink()
    assert kept.read(folder).outdated == [spec.id]
    kept.rebuild(folder, figures=False)
    said = "1 of 4 records were made by code or recipes that have changed since: gmp."
    printed = " ".join(capsys.readouterr().out.split())
    assert said in printed
    assert said in (folder / "provenance.md").read_text()
    assert "changed since" not in (folder / "table.md").read_text(), "a table is that of its records, whatever code"
    table = pd.read_csv(folder / "table.csv").set_index(["method", "point"])
    assert table["mean"]["gmp", 0.9] == 89.0
    # Two records of one cell and seed: which of them counts is for a person to say.
    record.write(old, path)
    with pytest.raises(UserError, match="are records of the same run"):
        kept.read(folder)


def test_keeping_again_replaces_the_records(results: Grid, folder: Path) -> None:
    smaller = results.model_copy(update={"sparsities": (0.9,)})
    assert kept.keep(smaller, folder) == f"3 of 3 records kept in {folder}, 1 earlier ones removed."
    assert len(list((folder / "records").iterdir())) == len(kept.read(folder).records) == 3


def test_what_cannot_be_kept(results: Grid, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UserError, match=r"is not empty and has no grid\.yaml"):
        kept.keep(results, tmp_path)
    with pytest.raises(UserError, match=r"none of the 5 runs of this grid has a record in nowhere/runs yet\."):
        kept.keep(results.model_copy(update={"results": "nowhere"}), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_record_without_a_cell_is_an_error(folder: Path) -> None:
    text = (folder / "grid.yaml").read_text()
    (folder / "grid.yaml").write_text(text.replace("[gmp, snip]", "[gmp]"))
    with pytest.raises(UserError, match=r"snip-0\.9-.*\.json belongs to no cell of grid\.yaml"):
        kept.read(folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((".", "seeds=[0]"), "'seeds=[0]' is for grids; a kept folder (.) is tabulated as it is."),
        ((".", "--only", "collect"), "'--only collect' is for grids; a kept folder (.) is tabulated as it is."),
        ((".",), ". is not a kept folder, it has no grid.yaml; `reprune keep GRID -o FOLDER` makes one."),
        (("grid.yaml", "--output", "x"), "--output is for kept folders; a grid's reports go where its field 'reports'"),
    ],
)
def test_arguments_of_the_other_kind_are_refused(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(["report", *words]) == 2
    assert capsys.readouterr().err.startswith(f"reprune: {message}")


def test_a_damaged_record_is_named(folder: Path) -> None:
    path = sorted((folder / "records").iterdir())[0]
    path.write_text("{}")
    with pytest.raises(UserError, match=rf"{path.name}: the field 'id' is missing\."):
        kept.read(folder)


def test_records_tell_the_rule_under_which_they_were_made_whatever_the_grid_says_later(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []

    def compare(plan: Plan, table: pd.DataFrame, rows: Published, *, looks: set[str]) -> list[Compared]:
        seen.append(looks)
        return []

    monkeypatch.setattr(comparison, "compare", compare)
    kept.rebuild(folder, tmp_path / "fixed", figures=False)
    path = sorted((folder / "records").glob("*gmp-0.9-*"))[0]
    made = record.read(path)
    record.write(made.model_copy(update={"provenance": made.provenance | {"looks": True}}), path)
    kept.rebuild(folder, tmp_path / "added", figures=False)
    assert seen == [set(), {made.id}]
    assert "| not recorded (3), True (1) |" in (tmp_path / "added" / "provenance.md").read_text()


@pytest.mark.parametrize("name", sorted(path.parent.name for path in REPRODUCTIONS.glob("*/grid.yaml")))
def test_committed_tables_are_those_of_the_committed_records(name: str, tmp_path: Path) -> None:
    kept.rebuild(REPRODUCTIONS / name, tmp_path, figures=False)
    rebuilt, committed = (pd.read_csv(folder / "table.csv") for folder in (tmp_path, REPRODUCTIONS / name))
    shared = [column for column in committed if column in rebuilt]  # a column may come or go, no value may change
    assert {"method", "point", "mean", "std", "n", "failures"} <= set(shared)
    pd.testing.assert_frame_equal(rebuilt[shared], committed[shared])
