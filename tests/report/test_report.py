"""The whole way from records to reports, by the command line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from bench.commands.cli import call
from bench.plan import grid as grids
from bench.plan.grid import Grid, Plan
from tests import factories


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Grid, Plan]:
    """A grid with a record for every run but one."""
    folder = tmp_path_factory.mktemp("finished")
    config = folder / "small.yaml"
    fields = {
        "title": "Small",
        "recipe": "cifar10",
        "datasets": ["cifar10"],
        "architectures": ["resnet20_cifar"],
        "methods": ["gmp", "magnitude"],
        "sparsities": [0.9, 0.95],
        "seeds": [0, 1, 2],
        "results": str(folder / "results"),
        "reports": str(folder / "reports"),
    }
    config.write_text(yaml.safe_dump(fields))
    grid = grids.load(config)
    plan = grids.expand(grid)
    for index, spec in enumerate(plan.runs[:-1]):
        accuracy = 93.0 - 10 * sum(spec.points) + 0.1 * index
        factories.write(factories.record(spec, accuracy), Path(grid.results))
    return config, grid, plan


def test_everything_is_written(finished: tuple[Path, Grid, Plan], capsys: pytest.CaptureFixture[str]) -> None:
    config, grid, plan = finished
    assert call(["report", str(config)]) == 0
    folder = Path(grid.reports) / "small"
    assert {path.name for path in folder.iterdir()} == {
        *(f"table.{ending}" for ending in ("md", "tex", "csv", "txt")),
        "report.html",
        "grid.json",
        "manifest.sha256",
        "comparison.md",
        "comparison.csv",
        "provenance.md",
        "checklist.md",
        *(f"accuracy-{kind}-cifar10.{ending}" for kind in ("macs", "sparsity") for ending in ("svg", "png")),
    }
    printed = capsys.readouterr().out
    assert f"MLflow: {len(plan.runs) - 1} logged" in printed
    assert "reprune ui --uri sqlite:///" in printed
    assert "resnet20_cifar on cifar10" in printed
    assert str(folder) in printed
    assert "equal to the records" in (folder / "table.md").read_text()
    table = pd.read_csv(folder / "table.csv")
    assert len(table) == len(plan.cells)
    assert table["failures"].iloc[-1].startswith("missing: no record")


def test_without_a_store_the_tables_come_from_the_records(
    finished: tuple[Path, Grid, Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, grid, _ = finished
    (tmp_path / "file").write_text("")
    words = [str(config), f"tracking_uri=sqlite:///{tmp_path}/file/x.db", f"reports={tmp_path}", "--only", "table"]
    assert call(["report", *words]) == 0
    printed = capsys.readouterr()
    assert printed.err.count("WARNING: the tracking store") == 1
    assert "the tracking store was out of reach" in (tmp_path / "small" / "table.md").read_text()
    with_store, without = (pd.read_csv(Path(each) / "small" / "table.csv") for each in (grid.reports, tmp_path))
    pd.testing.assert_frame_equal(with_store, without)


def test_only_collect(finished: tuple[Path, Grid, Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, _, plan = finished
    assert call(["report", str(config), f"reports={tmp_path}", "--only", "collect"]) == 0
    assert f"{len(plan.runs) - 1} unchanged" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_only_collect_without_a_store_fails(
    finished: tuple[Path, Grid, Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    words = [str(finished[0]), "--only", "collect", f"tracking_uri=sqlite:///{tmp_path}/file/x.db"]
    assert call(["report", *words]) == 1
    assert capsys.readouterr().err.startswith("reprune: the tracking store")


def test_a_wrong_grid_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["report", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err.strip().endswith("there is no such file.")


def test_a_grid_of_which_nothing_has_run_says_so_in_every_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    where = [f"results={tmp_path}/results", f"reports={tmp_path}", f"tracking_uri=sqlite:///{tmp_path}/file/x.db"]
    assert call(["report", "configs/papers/rigl.yaml", *where]) == 0
    folder = tmp_path / "papers" / "rigl"
    compared = pd.read_csv(folder / "comparison.csv")
    assert set(compared.loc[compared["anchor"], "verdict"]) == {"not run", "not comparable"}
    assert compared["difference"].isna().all()
    anchors = compared[compared["anchor"]]
    able = (anchors["verdict"] == "not run").sum()
    said = f"Nothing has run yet: {able} of {len(anchors)} published numbers can be tested"
    assert said in " ".join(capsys.readouterr().out.split())
    texts = {name: (folder / name).read_text() for name in ("table.md", "comparison.md", "table.txt", "report.html")}
    assert said in " ".join(texts["comparison.md"].split()) and said in texts["report.html"]
    for name, text in texts.items():
        if name != "report.html":  # all words stand in the page's filter
            assert "inconclusive" not in text.replace("I inconclusive", ""), name
        if name != "comparison.md":
            assert "No run has left a record yet." in " ".join(text.split()), name
            assert "equal to the records" not in text
    assert "What is missing" in texts["report.html"] and "What failed" not in texts["report.html"]
    assert "not run" in texts["table.md"] and "not run" in texts["comparison.md"]
