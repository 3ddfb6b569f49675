"""The report of a grid whose seeds are added at looks: tables of shared seeds, and verdicts with their look."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench import published, report
from bench.evidence.findings import KeptGrid
from bench.evidence.leaders import boards
from bench.report.kept import Kept
from bench.report.layout import Report
from bench.results import measurements
from tests import factories
from tests.published import test_looks
from tests.published.test_looks import PUBLISHED

COUNTS = {"gmp": 5, "snip": 10, "random": 20}
"""The first is decided at five seeds, the second at ten, the third at twenty."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    folder = tmp_path_factory.mktemp("looks")
    plan, records = test_looks.grid(COUNTS)
    measured = report.Measured(measurements.from_records(plan, records, {}), records, "Here.")
    grid = factories.grid(folder, looks=True, methods=tuple(COUNTS), seeds=tuple(range(20)), paper="A")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(published, "load", lambda: PUBLISHED)
        made, _ = report.write(grid, plan, measured, folder, figures=False)
    return made, folder


def test_tables_are_of_the_seeds_that_all_methods_of_a_column_have(written: tuple[Report, Path]) -> None:
    found, folder = written
    lines = pd.read_csv(folder / "table.csv").set_index("method")
    assert dict(lines["n"]) == dict(lines["expected"]) == dict.fromkeys(("dense", *COUNTS), 5)
    assert lines["mean"]["random"] == pytest.approx(91.44)  # of all of its seeds it would be 91.42
    (section,) = found.sections
    assert "snip at 90 % (5), random at 90 % (15)" in section.notes[-1]
    assert "seeds added at looks of 5, 10 and 20 (one-sided levels of 1, 1.5 and 2.5 %)" in found.facts[1]
    assert "missing" not in (folder / "table.md").read_text()
    provenance = (folder / "provenance.md").read_text()
    assert "40 of 40 runs have a record (40 ok)" in provenance and "no record" not in provenance


def test_verdicts_rest_on_the_seeds_of_their_look_and_say_which(written: tuple[Report, Path]) -> None:
    found, folder = written
    lines = pd.read_csv(folder / "comparison.csv").set_index("method")
    assert dict(lines["look"]) == dict(lines["ours_n"]) == COUNTS
    assert set(lines["verdict"]) == {"reproduced"}
    assert lines["reason"]["gmp"] == "decided at the look of 5 seeds"
    assert any("Seeds that verdicts at looks rest on were added at" in note for note in found.comparison_notes)
    (paper, *_) = found.sections[0].blocks
    ours = [str(row[-1].value) for row in paper.rows if row[1].text == "ours"]
    assert ours == ["–", "91.02 ± 0.11 (5)", "91.33 ± 0.11 (10)", "91.42 ± 0.10 (20)"]


def test_ranks_are_of_shared_seeds_and_counts_of_verdicts_of_all(written: tuple[Report, Path]) -> None:
    titles = {chapter.title: chapter.blocks[0] for chapter in written[0].chapters}
    (order,) = titles["Rank agreement with the paper"].rows
    assert "(91.44)" in order[2].text and order[5].text == "5"
    tally = titles["Verdicts by method"]
    reproduced = tally.head.index("Reproduced")
    assert {row[0].text: row[reproduced].text for row in tally.rows} == dict.fromkeys(COUNTS, "1")


def test_leaderboards_are_of_shared_seeds(tmp_path: Path) -> None:
    plan, records = test_looks.grid(COUNTS)
    table = measurements.from_records(plan, records, {})
    grid = factories.grid(tmp_path, looks=True)
    (board,) = boards([KeptGrid("kept", Kept(grid, plan, records, []), table)])
    assert {seeds for seeds, _, _ in board.scores.values()} == {5}
    assert len(board.scores) == 4
