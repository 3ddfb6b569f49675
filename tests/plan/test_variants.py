"""A folder of reports knows its grid: another one of the same name goes elsewhere, under a title of its own."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.errors import UserError
from bench.plan import variants
from bench.plan.grid import Grid, load
from bench.plan.resolved import changes, opened, resolve

ROOT = Path(__file__).parents[2]

GRID: dict[str, Any] = {
    "title": "Tiny",
    "recipe": "digits",
    "datasets": ["digits"],
    "architectures": ["convnet_small"],
    "methods": ["dense", "random"],
    "sparsities": [0.9],
    "seeds": [0],
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written("configs/tiny.yaml")


def written(path: str, **changes: Any) -> Path:
    Path(path).parent.mkdir(exist_ok=True, parents=True)
    Path(path).write_text(yaml.safe_dump(GRID | changes))
    return Path(path)


def reported(source: str | Path, **changes: Any) -> Grid:
    """A grid whose report is written."""
    found = opened(Path(source), changes)
    variants.mark(found, Path(source))
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"threads": 2},
        {"workers": 3, "slots_per_gpu": 2, "download": True, "data_dir": "elsewhere"},
        {"methods": ["dense", "random"], "sparsities": [0.9], "looks": False, "points": {}, "claims": []},
        {"title": "Another"},
    ],
)
def test_the_same_grid_has_the_folder_that_it_always_had(changes: dict[str, Any]) -> None:
    first = reported("configs/tiny.yaml")
    again = reported("configs/tiny.yaml", **changes)
    assert first.report_folder == again.report_folder == Path("reports/tiny")
    assert again.title == changes.get("title", "Tiny")


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": ["dense"]},
        {"methods": ["random", "dense"]},
        {"seeds": [1]},
        {"sparsities": [0.5]},
        {"recipe": "digits[train.epochs=2,train.milestones=[1]]"},
        {"prunable": "conv"},
        {"claims": [{"claim": "dense >= random", "source": "nobody"}]},
        {"paper": "Evci"},
    ],
)
@pytest.mark.parametrize("budget", [1, 0.1])
def test_a_changed_field_makes_a_folder_and_a_title_of_their_own(changes: dict[str, Any], budget: float) -> None:
    first, other = reported("configs/tiny.yaml", budget=budget), reported("configs/tiny.yaml", **changes, budget=budget)
    scaled = "" if budget == 1 else "-budget-0.1"
    assert first.report_folder == Path(f"reports/tiny{scaled}")
    assert other.report_folder.name.startswith("tiny-") and other.report_folder.name.endswith(scaled)
    assert other.report_folder != first.report_folder
    (field,) = changes
    assert other.title.startswith(f"Tiny ({field}=")
    again = opened(Path("configs/tiny.yaml"), changes | {"budget": budget})
    assert (again.report_folder, again.title) == (other.report_folder, other.title)


def test_variants_of_one_grid_differ_from_each_other_and_not_by_the_order_of_their_fields() -> None:
    one = reported("configs/tiny.yaml", seeds=[1], sparsities=[0.5])
    same = reported("configs/tiny.yaml", sparsities=[0.5], seeds=[1])
    other = reported("configs/tiny.yaml", seeds=[1], sparsities=[0.6])
    assert one.report_folder == same.report_folder != other.report_folder
    assert one.title == same.title == "Tiny (seeds=[1], sparsities=[0.5])"


def test_an_edited_file_keeps_its_folder() -> None:
    reported("configs/tiny.yaml")
    written("configs/tiny.yaml", seeds=[0, 1])
    assert reported("configs/tiny.yaml").report_folder == Path("reports/tiny")
    written("configs/tiny.yaml")
    assert reported("configs/tiny.yaml").report_folder == Path("reports/tiny")


@pytest.mark.parametrize(("path", "name"), [("elsewhere/tiny.yaml", ""), ("configs/other.yaml", "tiny")])
def test_another_file_of_the_same_name_goes_elsewhere_unless_it_is_the_same_grid(path: str, name: str) -> None:
    reported("configs/tiny.yaml")
    other = reported(written(path, **({"name": name} if name else {}), methods=["dense"]))
    assert other.report_folder != Path("reports/tiny")
    assert other.title == f"Tiny ({path})"
    assert reported(path) == other
    assert reported("configs/tiny.yaml").report_folder == Path("reports/tiny")
    moved = reported(written("third/tiny.yaml"))
    assert (moved.report_folder, moved.title) == (Path("reports/tiny"), "Tiny")


def test_a_name_given_for_one_call_is_the_folders_and_is_not_given_twice() -> None:
    first = reported("configs/tiny.yaml", name="mine", methods=["dense"])
    second = reported("configs/tiny.yaml", name="mine", methods=["random"])
    assert first.report_folder == Path("reports/mine")
    assert first.title == "Tiny (methods=[dense])"
    assert second.report_folder.name.startswith("mine-")
    assert reported("configs/tiny.yaml", name="mine", methods=["dense"]) == first
    assert reported("configs/tiny.yaml", name="mine", methods=["random"]) == second


def test_runs_are_those_of_the_grid_whatever_its_variant() -> None:
    runs = {spec.id for spec in resolve(Path("configs/tiny.yaml"), {}).plan.runs}
    assert {spec.id for spec in resolve(Path("configs/tiny.yaml"), {"methods": ["dense"]}).plan.runs} < runs


def test_a_wrong_change_is_still_one_sentence() -> None:
    with pytest.raises(UserError, match=r"configs/tiny\.yaml: unknown field 'sparsity'"):
        opened(Path("configs/tiny.yaml"), {"sparsity": [0.5]})


@pytest.mark.parametrize("content", ["", "[]", "{", '{"source": 3, "changes": [], "grid": "x"}', '"\\ud800"'])
def test_a_mark_that_says_nothing_is_passed_over_or_another_grids(content: str) -> None:
    reported("configs/tiny.yaml")
    Path("reports/tiny/grid.json").write_text(content)
    assert reported("configs/tiny.yaml").report_folder.parent == Path("reports")


@pytest.mark.parametrize("page", ["tutorial.md", "layout.md"])
def test_pages_name_the_folder_to_which_their_command_leads(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (command,) = re.findall(r"snakemake --cores \w+ --config (.*?)[`\n]", text)
    found = load("configs/quick.yaml", changes(shlex.split(command)))
    assert set(re.findall(r"reports/quick-\w+", text)) == {str(found.report_folder)}
