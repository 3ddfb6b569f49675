"""A record is all it takes to run a run again; the check says whether that gave the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.commands.runs import differences, repeat
from bench.commands.runs.differences import Side
from bench.errors import UserError
from bench.results import record
from tests import factories
from tests.runs.conftest import spec


def altered(found: record.Record, folder: Path, change) -> Path:
    """A record that somebody changed, alone in a folder, as a kept one is."""
    copy = found.model_copy(deep=True)
    change(copy)
    path = folder / f"{copy.id}.json"
    record.write(copy, path)
    return path


@pytest.mark.parametrize("method", ["snip", "magnitude"])  # of one stage, and of two
def test_the_same_machine_gives_the_same_bits(results, method, capsys):
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert repeat.rerun(spec(method).id, results, check=True) == 0
    assert re.match(
        r"Reproduced bit by bit: weights, masks, predictions and all \d+ numbers\.\n", capsys.readouterr().out
    )
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before


def test_a_kept_record_is_enough_and_its_recipe_counts_not_the_file_of_that_name(results, found, tmp_path, capsys):
    first, path = found
    alone = tmp_path / f"{first.id}.json"
    alone.write_bytes(path.read_bytes())  # `these tests` is no recipe under configs/
    assert repeat.rerun(str(alone), results, check=True) == 0
    out = capsys.readouterr().out
    assert "Reproduced bit by bit: weights, masks and all " in out and "(its predictions were not kept)." in out


def test_a_number_that_is_not_reproduced_is_status_1_and_by_how_much_is_said(results, found, tmp_path, capsys):
    def change(copy: record.Record) -> None:
        copy.results[0].accuracy += 0.25
        copy.results[0].weights_sha256 = "0" * 64
        copy.provenance["packages"]["torch"] = "1.0"

    path = altered(found[0], tmp_path, change)
    assert repeat.rerun(str(path), results, check=True) == 1
    out = capsys.readouterr().out
    assert re.match(r"Not reproduced bit by bit: 1 of \d+ numbers differ, accuracies by up to 0\.25 percentage", out)
    assert "weights at 90 % differ: another SHA-256" in out
    assert re.search(r"which may explain it:\npackages.torch: 1.0 → \d", out)
    assert "other hardware" not in out
    assert repeat.rerun(str(path), results, check=True, within=0.3) == 0
    assert "Reproduced within 0.3 percentage points, not bit by bit: " in capsys.readouterr().out
    assert repeat.rerun(str(path), results, check=True, within=0.2, as_json=True) == 1
    found_again = json.loads(capsys.readouterr().out)
    assert (found_again["reproduced"], found_again["bitwise"]) == (False, False)
    assert found_again["largest"]["accuracy"] == pytest.approx(0.25)


def on_another_processor(copy: record.Record) -> None:
    copy.provenance["cpu"] = {"model": "another", "capability": "AVX2", "cores": 2}
    copy.results[0].weights_sha256 = "0" * 64


def test_what_another_processor_explains_is_reproduced_and_said(results, found, tmp_path, capsys):
    def change(copy: record.Record) -> None:
        on_another_processor(copy)
        copy.results[0].accuracy += 100 / 899  # one image more

    path = altered(found[0], tmp_path, change)
    was, now = found[0].results[0].accuracy + 100 / 899, found[0].results[0].accuracy
    assert repeat.rerun(str(path), results, check=True) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "Reproduced on other hardware, though not bit by bit: accuracies are up to 0.11 points apart.\n"
        "weights at 90 % differ: another SHA-256\n"
        "predictions at 90 % cannot be compared: the files are not there\n"
        f"accuracy at 90 %: {was:.2f} → {now:.2f} %, 0.11 points apart; chance in 899 test images explain"
    )
    assert "Equal, as on any hardware: identity, data, outcome, " in out
    assert "The same bits are promised only on the same machine" in out
    assert "cpu.model: another → " in out
    assert repeat.rerun(str(path), results, check=True, as_json=True) == 0
    found_again = json.loads(capsys.readouterr().out)
    assert (found_again["reproduced"], found_again["bitwise"]) == (True, False)
    assert found_again["hardware"]["explains"] is True
    assert found_again["hardware"]["broken"] == {}
    assert repeat.rerun(str(path), results, check=True, within=0.1) == 1, "who gives a bound means it"


def test_what_another_processor_does_not_explain_is_not_reproduced(results, found, tmp_path, capsys):
    def far(copy: record.Record) -> None:
        on_another_processor(copy)
        copy.results[0].accuracy = 100.0 if copy.results[0].accuracy < 50 else 0.0

    def fewer(copy: record.Record) -> None:
        on_another_processor(copy)
        copy.results[0].counts.active_zeros += 1

    assert repeat.rerun(str(altered(found[0], tmp_path, far)), results, check=True) == 1
    out = capsys.readouterr().out
    assert out.startswith("Not reproduced: accuracies are further apart than other hardware explains.\n")
    assert "chance in 899 test images explain up to 0.00 only" in out
    assert repeat.rerun(str(altered(found[0], tmp_path, fewer)), results, check=True) == 1
    out = capsys.readouterr().out
    assert out.startswith("Not reproduced: it differs in '90 %: weights in the masks', which no hardware changes.\n")
    assert re.search(r"\n90 %: weights in the masks: \d+ → \d+\n", out)
    assert "Equal, as on any hardware" not in out


def test_code_that_has_changed_since_is_said(results, found, tmp_path, capsys):
    def change(copy: record.Record) -> None:
        copy.spec = copy.spec.model_copy(update={"identity": "f" * 64})
        copy.id = copy.spec.id
        copy.hyperparameters["batches"] = 3
        copy.results[0].weights_sha256 = "0" * 64  # it covers the run's id, and so is another one, too

    path = altered(found[0], tmp_path, change)
    assert repeat.rerun(str(path), results, check=True) == 0
    captured = capsys.readouterr()
    assert f"the run was ffffffffffff and is {found[0].spec.identity[:12]} today" in captured.err
    assert "batches was 3 and is 1." in captured.err
    assert re.match(r"Reproduced in all \d+ numbers; whether the weights are the same bits is not known", captured.out)


def test_an_outcome_that_is_another_is_not_reproduced_within_anything():
    one, other = factories.record(factories.spec()), factories.record(factories.spec(), outcome="collapsed", reason="x")
    found = repeat.values(Side(one, Path("a")), Side(other, Path("b")), within=100.0)
    assert not found["reproduced"]
    assert repeat.verdict(found) == "Not reproduced: the outcome was 'ok' and is 'collapsed'."


def test_a_run_that_left_no_network_may_be_reproduced_too():
    failed = factories.record(factories.spec(), outcome="error", reason="ValueError: no", results=[], curves=[])
    found = repeat.values(Side(failed, Path("a")), Side(failed.model_copy(deep=True), Path("b")))
    assert found["reproduced"]
    assert repeat.verdict(found).startswith("Reproduced: the outcome is 'error' again, and all ")


def test_a_run_that_left_no_network_elsewhere_is_not_said_to_have_equal_numbers():
    lost = factories.record(factories.spec(), outcome="diverged", results=[], provenance={"cpu": {"model": "one"}})
    curve = lost.curves[0].model_copy(update={"train_loss": [1.0, 0.6]})
    again = lost.model_copy(update={"curves": [curve], "provenance": {"cpu": {"model": "other"}}})
    found = repeat.values(Side(lost, Path("a")), Side(again, Path("b")))
    assert found["reproduced"]
    assert repeat.verdict(found) == "Reproduced on other hardware, though not bit by bit: it is 'diverged' again."


def test_the_repeated_run_stays_where_it_is_wanted_and_is_never_written_over(results, tmp_path, capsys):
    keep = tmp_path / "again"
    assert repeat.rerun(spec().id, results, keep=keep) == 0
    again = keep / "runs" / spec().id / "record.json"
    assert str(again) in capsys.readouterr().out
    assert differences.unequal(record.read(again), record.read(results / "runs" / spec().id / "record.json")) == {}
    for folder in (keep, results):
        with pytest.raises(UserError, match="there is a record of this run already; name another folder"):
            repeat.rerun(spec().id, results, keep=folder)
