"""Points that look alike in six digits: nothing of the one is lost to the other, and nobody takes one for the other."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from rich.console import Console

from bench import data, latency
from bench.commands.runs import compare, compare_grids, differences, numbers, show
from bench.commands.runs.differences import Side
from bench.errors import UserError
from bench.identity import file_digest
from bench.latency import Latency, Network
from bench.latency import show as latency_show
from bench.plan.claims import Claim
from bench.plan.lineage import identify
from bench.published import Published, comparison
from bench.recipe import Recipe
from bench.report import agreement, findings, latency_block, overall, page, plots, sections, summary, tables, terminal
from bench.report.churn import Churn
from bench.report.layout import Block
from bench.report.page import charts
from bench.report.page.material import Material
from bench.report.page.matrix import matrices
from bench.results import measurements
from bench.results.record import Record
from bench.spec import RunSpec
from bench.tracking import looks
from bench.training.recorded import choose
from bench.training.run import execute
from bench.workflow import final_rule as closing
from bench.workflow.progress import label
from tests import factories
from tests.pages import PROTOCOLS
from tests.published.test_verdict import ROW
from tests.report import test_latency_block

NEAR, FAR = 0.85, 0.85000004
WRITTEN = ["85 %", "85.000004 %"]
JOINT = (0.5, 0.500000000001)
ACCURACIES: factories.Accuracies = {
    ("dense", None): [93.0, 93.1, 93.2],
    ("gmp", NEAR): [91.0, 91.1, 91.2],
    ("gmp", FAR): [81.0, 81.1, 81.2],
    ("snip", NEAR): [71.0, 71.1, 71.2],
    ("snip", FAR): [61.0, 61.1, 61.2],
    ("rigl", NEAR): [66.0, 66.1, 66.2],
    ("rigl", FAR): [56.0, 56.1, 56.2],
    ("ftwt", NEAR): [51.0],
    ("ftwt", FAR): [41.0],
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Record]:
    """A run of three rounds on the digits, with results at two points that differ by less than a weight."""
    folder = tmp_path_factory.mktemp("joint")
    data.prepare("digits", folder / "data")
    recipe = {"batch_size": 256, "train": {"epochs": 1, "lr": 0.1}, "initialisation": {"weights": "kaiming_normal"}}
    spec = RunSpec(
        dataset="digits",
        architecture="convnet_small",
        method="lth",
        hyperparameters={"fraction": 0.5, "rewind": 0},
        points=JOINT,
        seed=0,
        recipe=Recipe.read(recipe, "these tests"),
        recipe_text="these tests",
    )
    found = execute(identify(spec), folder)
    assert (found.outcome, found.reason) == ("ok", "")
    return folder / "runs" / found.id, found


def test_each_result_of_a_joint_run_has_files_of_its_own(finished: tuple[Path, Record]) -> None:
    folder, found = finished
    assert [result.point for result in found.results] == list(JOINT)
    assert [result.weights for result in found.results] == [
        "weights-0.5.safetensors",
        "weights-0.500000000001.safetensors",
    ]
    assert len({result.predictions for result in found.results}) == 2
    for result in found.results:  # the file is that of the result
        assert file_digest(folder / result.weights) == result.weights_sha256


def test_every_number_of_a_joint_run_is_compared(finished: tuple[Path, Record]) -> None:
    _, found = finished
    first, second = found.results
    changed = first.model_copy(update={"loss": first.loss + 1})
    other = found.model_copy(update={"results": [changed, second]})
    assert len([name for name in differences.unequal(found, other) if name.endswith(": loss")]) == 1
    names = [name for name in differences.numbers(found) if name.endswith(": accuracy")]
    assert names == ["50 %: accuracy", "50.0000000001 %: accuracy"]


def test_a_network_is_chosen_by_its_own_point(finished: tuple[Path, Record]) -> None:
    _, found = finished
    closer = found.results[0].model_copy(update={"point": 0.5 + 1e-14})
    both = found.model_copy(update={"results": [*found.results, closer]})
    assert choose(both, 0.5 + 1e-14).point == 0.5 + 1e-14
    assert choose(both, 0.5).point == 0.5
    with pytest.raises(UserError, match=r"--sparsity 0\.25 is not among .*: 0\.5, 0\.500000000001\."):
        choose(found, 0.25)


def test_terminals_name_the_points_of_a_run_apart(finished: tuple[Path, Record]) -> None:
    folder, found = finished
    both = ["50 %", "50.0000000001 %"]
    assert column(numbers.results(found.results)) == both
    assert [head.header for head in show.layers(found).columns][2:] == both
    assert label(found.spec).split(" · ")[3] == "50, 50.0000000001 %"
    side = Side(found, folder / "record.json")
    console = Console(record=True, width=200)
    compare.render(side, side, console)
    shown = console.export_text()
    assert all(f"{name} weights: " in shown for name in both)
    networks = [
        Network(point=each.point, weights_sha256="", timings=[test_latency_block.timing("csr", 1)])
        for each in found.results
    ]
    console = Console(record=True, width=200)
    latency_show.show(Latency(run=found.id, machine=test_latency_block.MACHINE, networks=networks), folder, console)
    lines = console.export_text().splitlines()
    assert [line.strip() for line in lines if line.strip().endswith("%")] == both


def column(table: object) -> list[str]:
    return list(table.columns[0].cells)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A report of a grid whose two points six digits do not tell apart, with every kind of table in it."""
    folder = tmp_path_factory.mktemp("grid")
    plan, records = factories.plan(ACCURACIES)
    for each in records:
        levels = {"turns": 17.0}
        per_input = {"flops_strict": 5000.0, "reduction_strict": 50.0} if each.spec.method == "ftwt" else {}
        results = [result.model_copy(update={"diagnostics": levels | per_input}) for result in each.results]
        path = factories.write(each.model_copy(update={"results": results}), folder / "results")
        latency.write(test_latency_block.measured(each, 0.5), latency.beside(path))
    sources, problems = measurements.read_records(plan, folder / "results")
    table = measurements.from_records(plan, sources, problems)
    claims = (Claim(claim="gmp >= snip", source="Somebody 2020"),)
    sparsities = {"sparsities": (NEAR, FAR), "points": {"ftwt": (NEAR, FAR)}}
    grid = factories.grid(folder, methods=("gmp", "snip", "rigl", "ftwt"), claims=claims, paper="A", **sparsities)
    rows = [ROW.model_copy(update={"id": name, "method": name, "sparsity": NEAR}) for name in ("gmp", "snip", "rigl")]
    compared = comparison.compare(plan, table, Published(tuple(rows), PROTOCOLS))
    cells = summary.cells(plan, table, compared, sources)
    found = findings.examine(claims, cells)
    chapters = [*overall.chapter(overall.families(cells)), *agreement.chapters(compared)]
    churned = Churn()
    for cell in plan.cells:
        churned.shares[cell.key, "seed"] = [(1.0, 0.1)]
    speeds = latency_block.read(plan, sources)
    report = sections.report(grid, cells, "From records.", found, speeds, churned, chapters=chapters)
    return Material(grid, plan, sources, cells, found, report, folder / "reports" / "synthetic")


def blocks(material: Material) -> list[Block]:
    found = material.report
    inside = [block for part in (*found.sections, *found.chapters) for block in part.blocks]
    return [*inside, *found.claims, *found.comparison]


def test_every_table_tells_the_two_apart(material: Material) -> None:
    titles = [block.title.partition(" (")[0] for block in blocks(material)]
    assert titles == [
        "As the paper prints it",
        "Accuracy by sparsity",
        "Diagnostics of dense, gmp, snip, rigl",
        "Diagnostics of ftwt",
        "What is left",
        "Measured speed-up over dense",
        "Churn: test images on which two networks disagree, in %",
        "What training cost",
        "Accuracy minus that of our dense network, in points: 2 cells with 3 seeds each",
        "Kendall's τ-b of the methods' order",
        "What papers claim, tested on these runs",
        "The published number of each cell",
    ]
    for block in blocks(material):
        named = [head for head in block.head if head]
        assert len(set(named)) == len(named), block.title
        rows = [tuple(text.text for text in row) for row in block.rows if row[0].text]  # others go on with a method
        assert len(set(rows)) == len(rows), block.title


def test_a_table_by_point_has_a_column_for_each_with_its_own_numbers(material: Material) -> None:
    paper, by_sparsity, *_ = blocks(material)
    assert by_sparsity.head == ("Method", "0 %", *WRITTEN)
    rows = {row[0].text: [text.text for text in row[1:]] for row in by_sparsity.rows}
    assert rows["gmp"][1:] == ["91.10 ± 0.10 (3)", "81.10 ± 0.10 (3)"]
    assert paper.head == ("Method", "", "0 %", "85 %", "r = 0.85", "85.000004 %", "r = 0.85000004")
    ours = next(row for row in paper.rows[4:] if row[1].text == "ours")
    assert [ours[place].text for place in (3, 5)] == ["91.10 ± 0.10 (3)", "81.10 ± 0.10 (3)"]


@pytest.mark.parametrize("form", ["md", "tex", "txt", "comparison", "html"])
def test_whatever_is_written_names_the_one_as_often_as_the_other(material: Material, form: str) -> None:
    write = {
        "md": lambda: tables.markdown(material.report),
        "tex": lambda: tables.latex(material.report),
        "txt": lambda: terminal.render(material.report, []),
        "comparison": lambda: tables.comparison(material.report),
        "html": lambda: page.render(material, ""),
    }
    text = write[form]()
    near, far = (len(re.findall(rf"(?<![\d.]){digits}\W{{1,3}}%", text)) for digits in ("85", r"85\.000004"))
    assert near == far > 0


def test_the_page_has_a_cell_for_each(material: Material) -> None:
    (first, own) = matrices(material, range(len(material.results)))
    assert first.columns == ("0 %", *WRITTEN)
    assert own.columns == ("r = 0.85", "r = 0.85000004")
    gmp = dict(first.rows)["gmp"]
    assert [entry.mean for entry in gmp[1:] if entry] == ["91.10", "81.10"]
    axis = charts.trade_off("weights", (NEAR, FAR), charts.looks(["gmp"]))["layer"][2]["encoding"]["x"]["axis"]
    names = json.loads(axis["labelExpr"].partition("[indexof")[0])
    assert names == ["0", "50", "80", "85", "85.000004", "90", "95", "98", "99", "99.5", "99.8", "99.9"]
    assert axis["values"][:6] == [1.0, 0.5, 0.2, 0.15, 0.14999996, 0.1]


def test_a_figure_has_a_tick_for_each(material: Material, tmp_path: Path) -> None:
    plots.draw(material.grid, material.results, tmp_path)
    texts = re.findall("<!-- (.+?) -->", (tmp_path / "accuracy-sparsity-cifar10.svg").read_text())
    assert {"85", "85.000004"} <= set(texts)


def test_files_and_keys_and_names_of_a_grid_are_unique(material: Material) -> None:
    plan = material.plan
    found = [label(spec, plan.spelling) for spec in plan.runs]
    assert len(set(found)) == len(plan.runs)
    slots = measurements.slots(plan)
    assert len({slot.key for slot in slots}) == len(slots)
    assert len({looks.name(slot, plan.spelling) for slot in slots}) == len(slots)
    assert measurements.key("run", 0.1) == "run@0.1"
    assert measurements.key("run", 0.1) != measurements.key("run", math.nextafter(0.1, 1))


def test_runs_that_failed_are_named_apart(tmp_path: Path) -> None:
    grid, (plan, made) = factories.grid(tmp_path), factories.plan({("gmp", NEAR): [50.0], ("gmp", FAR): [50.0]})
    for each in made:
        failed = {"outcome": "error", "reason": f"at {each.spec.points}", "results": []}
        factories.write(each.model_copy(update=failed), Path(grid.results))
    assert list(closing.errors(grid, plan).values()) == [f"at ({NEAR},)", f"at ({FAR},)"]


def test_grids_are_compared_cell_by_cell(material: Material) -> None:
    records = {run: source.record for run, source in material.records.items()}
    mine = compare_grids.Collection(material.plan, records)
    some = compare_grids.Collection(
        material.plan, {run: one for run, one in records.items() if NEAR not in one.spec.points}
    )
    found = compare_grids.values(mine, mine)
    console = Console(record=True, width=200)
    compare_grids.render("a", "b", found, console)
    shown = console.export_text()
    assert all(f"gmp · {name} " in shown for name in WRITTEN)
    found = compare_grids.values(mine, some)
    assert "cifar10 · resnet20_cifar · gmp · 85 %" in found["only_a"]
    assert not any("85.000004" in name for name in found["only_a"])
