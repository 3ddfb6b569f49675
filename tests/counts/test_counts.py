"""Published counts: what their schema refuses, the words of the verdict, and the committed page against a new count."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import counts
from bench.counts import Count, conventions, show
from bench.counts.conventions import Convention
from bench.counts.measured import Measured
from bench.counts.verdict import CountVerdict, decide, judge
from bench.errors import UserError
from bench.published.outcomes import COUNTED, RETRAINED, Evidence, Outcome
from tests.commands.test_cli import reprune  # noqa: F401

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "reports" / "reproductions" / "counts"

VALID = {
    "id": "a-1",
    "paper": "A",
    "table": "Table 1",
    "convention": "filters",
    "network": "resnet56a_cifar",
    "method_printed": "A",
    "distribution": "dense",
    "quantity": "parameters",
    "printed": "0.12",
    "source": "the paper",
    "verified": "primary",
}
OWN = {"own_rule": "same", "own_source": "its notebook"}


def count(**changes: Any) -> Count:
    return Count.read(VALID | changes, "test")


def counter(value: float, second: float | None = None, error: float = 0.0) -> Convention:
    """A convention by which everything comes out the same."""
    return Convention("", lambda _: Measured(value, error), check=lambda _: second)


def outcome(value: float, second: float | None = None, error: float = 0.0, **changes: Any) -> Outcome:
    return decide(count(**changes), counter(value, second, error)).outcome


# 0.125 and 0.375 are exact in binary, so that half a unit is met and not only neared.
@pytest.mark.parametrize(
    ("printed", "unit", "inside", "outside"),
    [
        ("0.12", "", 0.125, 0.1250001),
        ("0.38", "x", 0.375, 0.3749999),
        ("0.50", "", 0.504, 0.506),  # the last zero is a digit
        ("0.5", "", 0.46, 0.449),
        ("12.5", "%", 0.1254, 0.1256),
        ("4.47", "M", 4_474_999, 4_476_000),
        ("23.685", "MB", 23_685_500, 23_685_501),
        ("3.13e8", "", 313_500_000, 313_500_001),
        ("8.2", "G", 8.25e9, 8.251e9),
        ("25502912", "", 25_502_912, 25_502_913),
    ],
)
def test_half_a_unit_of_the_last_printed_digit(printed: str, unit: str, inside: float, outside: float) -> None:
    assert outcome(inside, printed=printed, unit=unit) is Outcome.AGREES
    assert outcome(outside, outside, printed=printed, unit=unit) is Outcome.DIFFERS


def test_a_number_differs_only_if_two_counters_agree() -> None:
    assert outcome(0.2, 0.2) is Outcome.DIFFERS
    assert outcome(0.2, 0.2 + 1e-12) is Outcome.DIFFERS
    assert outcome(0.2, 0.21) is Outcome.INCONCLUSIVE
    assert outcome(0.2, None) is Outcome.INCONCLUSIVE


def test_what_is_counted_from_rounded_figures_does_not_differ_within_their_rounding() -> None:
    assert outcome(0.13, 0.13, error=0.006) is Outcome.INCONCLUSIVE
    assert outcome(0.13, 0.13, error=0.004) is Outcome.DIFFERS
    assert outcome(0.124, 0.124, error=0.006) is Outcome.AGREES


@pytest.mark.parametrize(
    ("figures", "rule", "found"),
    [
        ("0.14", "same", Outcome.CONTRADICTS_ITSELF),  # from 0.135 on, and 0.12 ends at 0.125
        ("0.13", "same", Outcome.DIFFERS),  # they meet at 0.125
        ("2 16.7", "quotient", Outcome.DIFFERS),  # 1.5 / 16.75 to 2.5 / 16.65: 0.0896 to 0.1502
        ("2.0 14.0", "quotient", Outcome.CONTRADICTS_ITSELF),  # 1.95 / 14.05 to 2.05 / 13.95: 0.1388 to 0.1470
        ("1.00 87.0", "kept", Outcome.DIFFERS),  # 0.995 · 0.1295 to 1.005 · 0.1305: 0.1289 to 0.1312; 0.130 is printed
        ("1.00 80.0", "kept", Outcome.CONTRADICTS_ITSELF),
    ],
)
def test_a_source_contradicts_itself_only_beyond_the_digits_of_both_figures(
    figures: str, rule: str, found: Outcome
) -> None:
    printed = "0.130" if rule == "kept" else "0.12"
    assert outcome(0.2, 0.2, printed=printed, own_figures=figures, **OWN | {"own_rule": rule}) is found


def test_figures_that_follow_from_a_source_are_in_the_printed_unit() -> None:
    changes = {"printed": "4.47", "unit": "M", "own_figures": "25502912 81.27"} | OWN | {"own_rule": "kept"}
    found = decide(count(**changes), counter(4_776_000))
    assert found.outcome is Outcome.CONTRADICTS_ITSELF
    assert found.own is not None and found.own[0] < 25.502912 * (1 - 0.8127) < found.own[1]
    assert found.own[1] - found.own[0] == pytest.approx(25.502912 * 0.0001, rel=1e-3)


def test_a_number_that_we_count_agrees_whatever_else_the_source_prints() -> None:
    assert outcome(0.12, own_figures="0.14", **OWN) is Outcome.AGREES


@pytest.mark.parametrize(("other", "found"), [(0.12, Outcome.AGREES_AS_INFERRED), (0.13, Outcome.DIFFERS)])
def test_an_inferred_convention_must_explain_every_count_of_the_table(
    other: float, found: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the stated convention one of two is wrong, by the inferred one none, or the other one."""
    rows = [count(), count(id="a-2", network="resnet110a_cifar"), count(id="b-1", table="Table 2")]

    def measure(values: dict[str, float]) -> Callable[[Count], Measured]:
        return lambda row: Measured(values[row.id])

    stated = Convention("", measure({"a-1": 0.2, "a-2": 0.12, "b-1": 0.2}), check=lambda _: 0.2, inferred="guess")
    guess = Convention("", measure({"a-1": 0.12, "a-2": other, "b-1": 0.2}))
    monkeypatch.setattr(conventions, "CONVENTIONS", {"filters": stated, "guess": guess})
    monkeypatch.setattr("bench.counts.verdict.CONVENTIONS", {"filters": stated, "guess": guess})
    verdicts = judge(rows)
    assert [each.outcome for each in verdicts] == [found, Outcome.AGREES, Outcome.DIFFERS]
    assert verdicts[0].inferred == (0.12 if found is Outcome.AGREES_AS_INFERRED else None)


def test_counts_are_a_kind_of_evidence_of_their_own() -> None:
    assert CountVerdict(count(), Outcome.AGREES, 0.12).kind is Evidence.COUNTED
    assert not set(COUNTED) & set(RETRAINED)
    assert all(verdict.outcome in show.OUTCOMES for verdict in judge(counts.load()))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"printed": "about 5"}, "field 'printed': 'about 5' is no number"),
        ({"printed": "inf"}, "field 'printed': 'inf' is no number"),
        ({"network": "resnet51"}, "field 'network': no network 'resnet51'; there are resnet18, "),
        ({"distribution": "erk"}, "a distribution 'erk' and 'sparsity' None do not go together"),
        ({"sparsity": "0.9"}, "a distribution 'dense' and 'sparsity' 0.9 do not go together"),
        ({"sparsity": "1", "distribution": "erk"}, "field 'sparsity' has to be below 1, not '1'"),
        ({"rates": "0.1 0.1"}, "'rates' and 'skipped' are of filters"),
        ({"rates": "0.1 x", "distribution": "filters"}, "field 'rates.1' has to be a number, not 'x'"),
        ({"own_figures": "1 2", **OWN}, "'own_figures' are 2, which is not what 'own_rule' asks for"),
        ({"own_figures": "1", "own_rule": "same"}, "'own_figures' and 'own_source' belong together"),
        ({"own_figures": "many", **OWN}, "field 'own_figures': 'many' is no number"),
        ({"kept_dense": "conv2"}, "field 'kept_dense.0' has to be 'conv1' or 'depthwise', not 'conv2'"),
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"unit": "kg"}, "field 'unit' has to be "),
    ],
)
def test_a_wrong_field_is_one_sentence(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError) as error:
        count(**changes)
    assert sentence in str(error.value)
    assert str(error.value).startswith("test: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ({}, "a.csv, line 3: field 'id': 'a-1' is there twice."),
        (
            {"id": "a-2", "convention": "fingers"},
            "a.csv, line 3: field 'convention': 'fingers' is none of micronet-up, ",
        ),
        (
            {"id": "a-2", "convention": "layerwise"},
            "line 3: field 'convention': the table 'Table 1' is counted by another",
        ),
    ],
)
def test_a_table_has_one_convention_and_counts_have_ids(second: dict[str, str], sentence: str, tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, VALID)
        writer.writeheader()
        writer.writerows([VALID, VALID | second])
    with pytest.raises(UserError) as error:
        counts.load(tmp_path)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"distribution": "filters", "rates": "0.1 0.1"},
            "count 'a-1': field 'rates': 2 are fewer than stages.",
        ),
        (
            {"network": "resnet50", "convention": "layerwise", "distribution": "layers", "sparsity": "0.5"},
            "count 'a-1': field 'sparsity': ",
        ),
    ],
)
def test_what_only_counting_finds_is_one_sentence(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError) as error:
        judge([count(**changes)])
    assert str(error.value).startswith(sentence)


def test_the_committed_page_is_what_counting_again_gives(tmp_path: Path) -> None:
    for path in show.write(judge(counts.load()), tmp_path):
        assert path.read_text(encoding="utf-8") == (KEPT / path.name).read_text(encoding="utf-8"), (
            "run `reprune counts -o reports/reproductions/counts`"
        )


def test_every_count_is_reported_with_both_numbers_its_convention_its_source_and_a_verdict() -> None:
    with (KEPT / "counts.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["id"] for line in lines] == [each.id for each in counts.load()]
    needed = ("printed", "ours", "convention", "kind", "verdict", "source")
    assert all(line[name] for line in lines for name in needed)
    assert all(line["second"] == line["ours"] for line in lines if line["verdict"] == "differs")
    assert all(line["own_source"] for line in lines if line["verdict"] == Outcome.CONTRADICTS_ITSELF)


def test_the_table_in_numbers_adds_up() -> None:
    verdicts = judge(counts.load())
    rows = [[0 if cell == "–" else int(cell) for cell in row[1:]] for row in show.summary(verdicts).rows]
    assert rows[-1] == [sum(column) for column in zip(*rows[:-1], strict=True)]
    assert rows[-1][0] == len(verdicts) == sum(rows[-1][1:])


def test_the_command_lists_what_does_not_simply_agree(reprune) -> None:  # noqa: F811
    status, out, err = reprune("counts")
    assert (status, err) == (0, "")
    assert out.startswith("published counts: arithmetic only, no accuracy was tested\n")
    listed = {verdict.count.id for verdict in judge(counts.load()) if verdict.outcome is not Outcome.AGREES}
    assert {each.id for each in counts.load()} & set(out.split()) == listed


def test_a_source_is_listed_whole_with_what_it_is_counted_by(reprune) -> None:  # noqa: F811
    out = reprune("counts", "--paper", "2301.12900")[1]
    assert "1.822177768 G  1.822177768  agrees" in out
    assert "counted by modulewise" in out and "VainF/Torch-Pruning@e80127d7" in out
    status, out, err = reprune("counts", "--paper", "Evcy")
    assert (status, out) == (1, "")
    assert err.startswith("reprune: no count is of a source like 'Evcy'; did you mean 'Evci")


def test_programs_get_json_and_a_folder_gets_files(reprune, tmp_path: Path) -> None:  # noqa: F811
    status, out, err = reprune("counts", "--paper", "STR-", "--json", "-o", str(tmp_path))
    lines = json.loads(out)
    assert status == 0
    assert {line["arxiv"] for line in lines} == {"2002.03231"}
    assert lines[0].keys() >= {"printed", "ours", "second", "own", "verdict", "kind", "counted_by", "source"}
    assert err == f"{tmp_path / 'counts.csv'}\n{tmp_path / 'counts.md'}\n"
    assert len((tmp_path / "counts.csv").read_text().splitlines()) == len(counts.load()) + 1  # all, whatever is listed


def test_counting_needs_no_torch() -> None:
    program = "import sys; from bench.commands import cli; cli.call(['counts']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0
