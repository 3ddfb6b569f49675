"""The state of evidence in words and tables, on findings made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.evidence.chapters import State, board_block, chapters, headline
from bench.evidence.findings import Finding, KeptGrid
from bench.evidence.leaders import Board, boards
from bench.evidence.replications import replications
from bench.published import Protocol, Published, Row
from bench.published.outcomes import Evidence, Outcome
from bench.report.kept import Kept
from bench.results.measurements import Source, from_records
from bench.statistics import Summary
from tests import factories
from tests.published.test_verdict import ROW

NAN = float("nan")


def finding(kind: Evidence, outcome: Outcome, number: str = "one", **changes: Any) -> Finding:
    values = {"paper": "Someone, A Paper, 2020", "arxiv": "", "table": "Table 1", "about": "gmp", "printed": "91.0"}
    rest = {"ours": "91.1", "why": "", "source": "here"}
    return Finding(kind, outcome, number, **(values | rest | changes))


def state(*findings: Finding, boards: Any = (), found: Any = ()) -> State:
    return State(findings, (), found, boards)


def test_kinds_are_counted_apart_and_undecided_numbers_are_not_decided() -> None:
    lines = headline(
        state(
            finding(Evidence.RETRAINED, Outcome.REPRODUCED),
            finding(Evidence.RETRAINED, Outcome.INCONCLUSIVE),
            finding(Evidence.RETRAINED, Outcome.NOT_RUN),
            finding(Evidence.COUNTED, Outcome.AGREES),
            finding(Evidence.COUNTED, Outcome.DIFFERS, table="Table 2"),
        )
    )
    assert lines == (
        "Re-trained at the paper's protocol: 1 of 3 numbers decided in 1 table of 1 source (1 reproduced).",
        "Recomputed from the authors' networks (accuracies, losses, sizes): 0 of 0 numbers decided in 0 tables of 0 "
        "sources.",
        "Counted (arithmetic only, no accuracy): 2 of 2 numbers decided in 2 tables of 1 source (1 agrees, 1 differs).",
    )


def test_a_file_that_is_not_the_printed_run_decides_nothing() -> None:
    line = headline(state(finding(Evidence.RECOMPUTED, Outcome.OTHER_FILE)))[1]
    assert line.startswith("Recomputed from the authors' networks (accuracies, losses, sizes): 0 of 1 number decided")


def test_what_disagrees_comes_first_and_what_agrees_is_only_on_the_page() -> None:
    found = state(
        finding(Evidence.COUNTED, Outcome.DIFFERS, "differs"),
        finding(Evidence.RETRAINED, Outcome.REPRODUCED, "agrees"),
        finding(Evidence.RETRAINED, Outcome.BELOW, "below"),
    )
    short, full = (chapters(found, everything=everything) for everything in (False, True))
    assert [row[0].text.rpartition(" ")[2] for row in short[0].blocks[0].rows] == ["below", "differs"]
    assert "Every number" not in [chapter.title for chapter in short]
    every = next(chapter for chapter in full if chapter.title == "Every number")
    assert sum(len(block.rows) for block in every.blocks) == 3


def test_papers_are_compared_where_they_print_the_same_thing() -> None:
    def row(number: str, paper: str, **changes: Any) -> Row:
        return ROW.model_copy(update={"id": number, "paper": paper} | changes)

    rows = (
        row("a", "A", value=91.0),
        row("b", "B", value=93.5),
        row("c", "C", value=92.0, protocol="q"),
        row("other sparsity", "B", sparsity=0.8),
        row("unread", "D", value=10.0, verified="unverified"),
        row("other layers", "B", value=20.0, method="gmp[allocation=global]"),
        row("same paper", "A", value=90.0, sparsity=0.5),
        row("same paper too", "A", value=80.0, sparsity=0.5),
    )
    protocol = Protocol(recipe="cifar10", prunable="all", report="last", source="here")
    (one,) = replications(Published(rows, {"p": protocol, "q": protocol}))
    assert [each.id for each in one.rows] == ["b", "c", "a"]
    assert one.difference == 2.5


def test_a_board_has_the_best_method_first_and_marks_the_best_of_a_column() -> None:
    dense, snip, gmp = Summary(3, 93.0, 0.1), Summary(3, 90.0, 0.2), Summary(3, 91.0, NAN)
    scores = {("dense", None): dense, ("snip", 0.9): snip, ("gmp", 0.9): gmp}
    block = board_block(Board("here", "digits", "resnet8_cifar", "recipe digits", scores))
    assert block.title == "resnet8_cifar on digits (here): recipe digits, dense 93.00 ± 0.10 (3)"
    assert [[cell.text for cell in row] for row in block.rows] == [["gmp", "91.00 (3)"], ["snip", "90.00 ± 0.20 (3)"]]
    assert [row[1].best for row in block.rows] == [True, False]


def test_a_board_is_made_of_the_seeds_that_ended_well(tmp_path: Path) -> None:
    plan, made = factories.plan({("snip", 0.9): [90.0, 92.0, 20.0], ("gmp", 0.5): [11.0], ("dense", None): [93.0]})
    made[2].outcome = made[3].outcome = "diverged"
    records = {record.id: Source(record, "0" * 64, tmp_path / "record.json") for record in made}
    grid = factories.grid(tmp_path, budget=0.1)
    kept = Kept(grid, plan, records, [made[0].id])
    (board,) = boards([KeptGrid("here", kept, from_records(plan, records, {}))])
    assert (board.dataset, board.architecture) == ("cifar10", "resnet20_cifar")
    assert (board.methods, board.points, list(board.scores)) == (["snip"], [0.9], [("dense", None), ("snip", 0.9)])
    assert board.scores["snip", 0.9] == pytest.approx((2, 91.0, 2**0.5))
    assert board.dense == pytest.approx((1, 93.0, NAN), nan_ok=True)
    assert board.note == "recipe cifar10, SCALED DOWN to 0.1 of its length; 1 of 5 records are of older code"


def test_a_source_that_most_numbers_are_of_is_named() -> None:
    many = [finding(Evidence.RECOMPUTED, Outcome.EQUAL, str(number)) for number in range(3)]
    other = finding(Evidence.RECOMPUTED, Outcome.EQUAL, paper="Other, B, 2021")
    assert headline(state(*many, other))[1].endswith("; 3 of them are 1 table of one source, Someone 2020.")
    assert "one source," not in headline(state(*many))[1]
