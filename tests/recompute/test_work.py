"""A source from files to records: what is done once, what is done again, and what is said when it cannot be done."""

from __future__ import annotations

import pytest

from bench.errors import UserError
from bench.published.outcomes import Outcome
from bench.recompute import records, tables, work
from bench.recompute.files import find
from bench.recompute.keeping import from_records, keep
from tests.recompute.synthetic import Synthetic


def test_a_source_from_end_to_end(made_up: Synthetic) -> None:
    made_up.print_cells(("small", "size", "3"), ("double", "size[times=2]", "7"), ("large", "size", "50", "large"))
    source, found = made_up.load(), made_up.run()
    verdicts = {line.cell.id: line.verdict.outcome for line in tables.lines(source, found)}
    assert verdicts == {"small": Outcome.EQUAL, "double": Outcome.DIFFERS, "large": Outcome.EQUAL}
    assert made_up.measured == [["small", "double"], ["large"]]


def test_a_record_says_what_was_measured_with_what(made_up: Synthetic) -> None:
    record = made_up.run()[0]
    assert record == records.read(made_up.results / "recomputed" / "made_up" / "small.json")
    assert record.files.keys() == {"small"}
    assert record.data.keys() == {"digits"}
    assert record.questions == {"small": "size", "double": "size[times=2]"}
    assert record.environment["threads"] == 1
    assert record.environment["packages"]["torch"]


def test_what_is_finished_is_not_measured_again(made_up: Synthetic) -> None:
    first = made_up.run()
    (made_up.results / "recomputed" / "made_up" / "large.json").unlink()
    made_up.measured.clear()
    assert [record.numbers for record in made_up.run()] == [record.numbers for record in first]
    assert made_up.measured == [["large"]]


def test_a_printed_number_is_not_part_of_a_measurement(made_up: Synthetic) -> None:
    made_up.run()
    made_up.print_cells(("small", "size", "4"), ("double", "size[times=2]", "6"), ("large", "size", "50", "large"))
    made_up.measured.clear()
    lines = tables.lines(made_up.load(), made_up.run())
    assert not made_up.measured
    assert lines[0].verdict.outcome is Outcome.DIFFERS


def test_other_code_or_another_procedure_measures_anew(made_up: Synthetic) -> None:
    made_up.run()
    made_up.measured.clear()
    made_up.print_cells(("small", "size[times=3]", "9"), ("large", "size", "50", "large"))
    made_up.run()
    assert made_up.measured == [["small"]]
    made_up.version = "two"
    made_up.run()
    assert made_up.measured == [["small"], ["small"], ["large"]]


def test_a_missing_file_is_said_with_its_checksum_and_where_it_comes_from(made_up: Synthetic) -> None:
    source = made_up.load()
    made_up.file("large").unlink()
    found, files = work.run(source, made_up.results, made_up.data, say=lambda text: None)
    assert files.missing == {
        "large": f"there is no {made_up.file('large')} (SHA-256 {source.facts.files['large'].sha256}); it is "
        "models/large.bin of github.com/somebody/something@0123456 (licence MIT), and its place is in the folder that "
        "--data-dir or $REPRUNE_DATA names."
    }
    assert [line.verdict.outcome for line in tables.lines(source, found)] == [
        *[Outcome.EQUAL] * 2,
        Outcome.NOT_RUN,
    ]


def test_a_file_without_licence_is_fetched_by_whoever_may(made_up: Synthetic) -> None:
    made_up.describe(licence="none")
    made_up.file("small").unlink()
    assert "(no licence, so fetch it yourself if you may)" in find(made_up.load().facts, made_up.data).missing["small"]


def test_another_file_is_refused_before_anything_runs(made_up: Synthetic) -> None:
    source = made_up.load()
    made_up.file("large").write_bytes(b"something else")
    with pytest.raises(UserError, match=r"large\.bin: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}, so it is not"):
        work.run(source, made_up.results, made_up.data)
    assert not made_up.measured


def test_code_that_forgets_a_number_is_found_out(made_up: Synthetic, monkeypatch: pytest.MonkeyPatch) -> None:
    code = work.code("made_up")
    forgetful = type(code)(lambda questions, material: {}, code.part, code.sha256)
    monkeypatch.setattr(work, "code", lambda name: forgetful)
    with pytest.raises(UserError, match="source 'made_up', cell 'small': its code does not measure exactly parameters"):
        made_up.run()


def test_a_damaged_record_is_named(made_up: Synthetic) -> None:
    made_up.run()
    path = made_up.results / "recomputed" / "made_up" / "small.json"
    path.write_text(path.read_text().replace('"source"', '"sauce"'))
    with pytest.raises(UserError, match=r"small\.json: unknown field 'sauce'|small\.json: the field 'source'"):
        made_up.run()


def test_kept_tables_follow_from_records_and_prints_alone(made_up: Synthetic) -> None:
    made_up.near_ties = 2
    made_up.print_cells(("small", "size", "4"), ("double", "size[times=2]", "9"), ("large", "size", "50", "large"))
    folder = made_up.results / "kept" / "made_up"
    keep(made_up.load(), made_up.run(), folder)
    made_up.file("small").unlink()
    texts = from_records(folder, made_up.networks)
    assert {name: (folder / name).read_text() for name in texts} == texts
    assert "| small | `size` | parameters | 4 | 3 | equal within 2 images |" in texts["table.md"]
    assert "**table 1**, 3 cells: 1 equal to the digit, 1 equal within k images, 1 differs." in texts["table.md"]
    assert "double,table 1,small,size[times=2],parameters,9,6.0,2,differs,page 1" in texts["cells.csv"]
