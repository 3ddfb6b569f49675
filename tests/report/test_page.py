"""What ``report.html`` says, without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench.published.outcomes import Outcome
from bench.report import page, sections, summary
from bench.report.page import about, embed, overview, series
from bench.report.page.heat import heat
from bench.report.page.material import Material
from bench.report.page.matrix import Entry, matrices
from bench.results import measurements
from tests import factories, pages


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return pages.material(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def html(material: Material) -> str:
    return page.render(material, "'the library'")


@pytest.fixture(scope="module")
def data(html: str) -> Any:
    found = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def entry(material: Material, method: str, column: str) -> Entry:
    (matrix,) = matrices(material, range(len(material.results)))
    found = dict(matrix.rows)[method][matrix.columns.index(column)]
    assert found is not None
    return found


def test_a_cell_has_the_published_number_the_difference_and_the_verdict(material: Material) -> None:
    found = entry(material, "gmp", "90 %")
    assert (found.mean, found.spread, found.best) == ("91.00", "± 0.10 (3)", True)
    assert (found.published, found.difference, found.verdict) == ("91.00", "+0.00", Outcome.REPRODUCED)
    unread = entry(material, "snip", "90 %")
    assert (unread.published, unread.difference, unread.verdict) == ("89.00", "", Outcome.NOT_COMPARABLE)
    assert entry(material, "dense", "0 %").published == ""


def test_a_cell_says_that_seeds_failed(material: Material) -> None:
    found = entry(material, "snip", "95 %")
    assert (found.mean, found.spread, found.failed) == ("80.00", "(1/3)", True)
    assert [(each.name, each.outcome, each.seeds, each.reason) for each in overview.failures(material)] == [
        ("snip, 95 %", "diverged", "1, 2", "the loss is NaN")
    ]


def test_the_filter_of_methods_finds_the_rows_that_are_about_one(html: str) -> None:
    """Rows about facts, recipes or claims stay."""
    filtered = re.findall(r'<tr(?: data-method="[^"]*")? data-family="([^"]*)"', html)
    offered = re.findall("<option>(dense|gmp|snip)</option>", html)
    assert set(filtered) == {"dense", "gmp", "snip"} == set(offered)
    assert '<tr><th scope="row">git.commit' in html


def test_the_first_screen_counts_runs_verdicts_and_claims(material: Material) -> None:
    runs, published, claims = overview.cards(material)
    assert runs.headline == "19 of 21 runs ended well"
    assert [(part.count, part.word) for part in runs.parts] == [(19, "ended well"), (2, "diverged")]
    assert published.headline == "1 of 1 comparable published numbers reproduced"
    assert [(part.count, part.letter) for part in published.parts] == [(1, "R"), (1, "N")]
    assert claims.headline == "2 of 3 tests of papers’ claims hold"  # one seed is left at 95 %: open
    assert [(leader.point, leader.method) for leader in overview.leaders(material)] == [
        ("80 %", "gmp"),
        ("90 %", "gmp"),
    ]


def test_what_opens_names_seeds_protocol_source_and_records(material: Material, data: Any) -> None:
    names = [cell["title"] for cell in data["cells"]]
    cell = data["cells"][names.index("gmp, 90 %")]
    assert [run["accuracy"] for run in cell["runs"]] == [91.0, 91.1, 90.9]
    assert cell["ours"] == "91.00 ± 0.10 % (3 of 3 seeds)"
    # t(0.975, 2) = 4.3027; 4.3027 · 0.1 / √3 = 0.2484
    assert ["95 % interval of the mean", "90.75 to 91.25"] in cell["facts"]
    (row,) = cell["published"]
    assert (row["verdict"], row["letter"], row["colour"]) == ("reproduced", "R", "reproduced")
    assert ["Printed value", "inside of the margin around the printed number"] in row["facts"] and [
        "Read in",
        "the paper, page 7",
    ] in row["facts"]
    assert ["Known deviations of our protocol", "a detail"] in row["facts"]
    unread = data["cells"][names.index("snip, 90 %")]["published"][0]
    assert (unread["verdict"], unread["why"]) == ("not comparable", ["unverified: nobody read this number in a source"])
    record = (material.folder / cell["runs"][0]["record"]).resolve()
    assert record.is_file() and json.loads(record.read_bytes())["id"] == cell["runs"][0]["id"]


def test_charts_have_the_numbers_of_the_cells(material: Material) -> None:
    rows = series.trade_off(material, range(len(material.results)))
    assert [(row["method"], row["weights"], row["mean"]) for row in rows][:3] == [
        ("dense", 1.0, 93.1),
        ("gmp", 0.2, 92.0),
        ("gmp", 0.1, 91.0),
    ]
    assert (rows[2]["low"], rows[2]["high"], rows[2]["accuracy"]) == (90.9, 91.1, "91.00 ± 0.10 % (3)")


def test_long_training_curves_are_thinned_and_stages_follow_each_other(material: Material) -> None:
    trainings, where = series.trainings(material)
    found = trainings[where[material.plan.cells[2].runs[0][1], 0.9]]
    assert (found.method, found.points, found.seeds) == ("gmp", ["90 %"], 3)
    assert found.stages == [("pretrain", 0.0), ("train", 100.0)]
    assert len(found.epoch) == series.MOST_POINTS and found.epoch[-1] == 200.0
    assert (found.accuracy[-1], found.low[-1], found.high[-1]) == (91.0, 90.9, 91.1)
    assert set(found.flips) == {1.0}  # 1 % in each epoch, however many are put together


def test_runs_that_broke_off_do_not_bend_a_training_curve() -> None:
    plan, records = factories.plan({("gmp", 0.9): [90.0, 80.0]})
    whole, broken = (record.curves[0].model_copy() for record in records)
    short = broken.model_copy(
        update={name: getattr(broken, name)[:1] for name in type(broken).model_fields if name != "stage"}
    )
    made = series._training(series.Training("gmp", []), [records[0], records[1].model_copy(update={"curves": [short]})])
    assert made is not None and plan.runs
    assert (made.epoch, made.accuracy, made.seeds) == (whole.epoch, whole.accuracy, 1)


def test_densities_by_layer_and_what_is_gone(material: Material, html: str) -> None:
    found = heat(material, range(len(material.results)))
    assert found is not None
    assert (found.layers, found.shapes) == (("conv", "fc"), ("10 × 10", "10 × 10"))
    assert found.rows[1][:2] == ("gmp", "90 %") and found.rows[1][2] == pytest.approx((10.0, 100.0))
    assert html.count('gone">×</td>') == 2  # the last layer of both methods at 95 %


def test_every_block_of_the_report_is_on_the_page_but_accuracies(material: Material, html: str) -> None:
    (section,) = material.report.sections
    titles = [block.title for block in section.blocks if not block.accuracies]
    assert "Measured speed-up over dense (A processor, 1 thread, float32, torch 2.13.0, processor time)" in titles
    titles += [block.title for chapter in material.report.chapters for block in chapter.blocks]
    for title in [*titles, *(block.title for block in (*material.report.claims, *material.report.comparison))]:
        assert html.count(f"<caption>{title}</caption>") == 1
    assert "0.60 ×" in html


def test_methods_have_their_card_and_recipes_their_fields(material: Material) -> None:
    rows = {row[0].text: row[1].text for row in about.methods(material).rows}
    assert rows["snip"].startswith("Lee, Ajanthan, Torr 2019")
    assert rows["dense"].startswith("The unpruned network, trained for the recipe's train phase")
    fields = {row[0].text: row[1].text for row in about.recipes(material).rows}
    assert (fields["batch_size"], fields["optimizer.name"]) == ("128", "sgd")


def test_commands_repeat_runs(material: Material, html: str) -> None:
    assert [command for _, command in about.commands(material)] == [
        "reprune plan synthetic.yaml",
        "snakemake --cores all --configfile synthetic.yaml",
    ]
    assert html.count('data-copy="reprune run --dataset cifar10') == len(material.plan.runs) == 21


def test_only_the_page_s_own_scripts_may_run(html: str) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(hashes) == 2
    assert re.findall(r"'sha256-([^']*)'", policy.replace("&#39;", "'")) == hashes
    assert policy.startswith("default-src &#39;none&#39;; ")
    assert re.findall(r"""(?:src|href)=["'](?!#|\.\./)[^"']*""", html) == []


def test_data_ends_no_script_and_holds_no_nan() -> None:
    text = embed.data({"a": ["</script><!--", float("nan"), float("inf"), "\u2028"], "b": (1.5, None)})
    assert "<" not in text and "\u2028" not in text
    assert json.loads(text) == {"a": ["</script><!--", None, None, "\u2028"], "b": [1.5, None]}


def test_the_library_is_one_script_that_asks_for_nothing() -> None:
    text = embed.library()
    assert "</script" not in text.lower()
    assert text.rstrip().endswith("window.vegaEmbed=$t6;") or "window.vegaEmbed=" in text[-200:]
    assert 500_000 < len(text) < 1_500_000


def test_same_records_same_page(material: Material, html: str) -> None:
    assert page.render(material, "'the library'") == html


def test_an_empty_grid_has_a_page(tmp_path: Path) -> None:
    whole = pages.material(tmp_path)
    table = measurements.from_records(whole.plan, {}, {})
    cells = summary.cells(whole.plan, table)
    report = sections.report(whole.grid, cells, "Nothing yet.")
    empty = Material(whole.grid, whole.plan, {}, cells, [], report, tmp_path)
    text = page.render(empty, "")
    assert "0 of 21 runs ended well" in text
    assert "No published number is about a cell of this grid" in text
    assert "21 of 21 runs have no record" in text
