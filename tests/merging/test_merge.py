"""Which of two records counts, what is refused, and that a merge may be cut off anywhere."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest

from bench.base.atomic import write_atomic
from bench.commands import cli, merging
from bench.commands.merging import Merged, copying, merge
from bench.errors import UserError
from bench.results import record
from bench.results.record import Record
from tests.merging.folders import failed, files, results, run, with_result


def told(*words: str | Path, capsys: Any) -> tuple[int, str]:
    capsys.readouterr()
    status = cli.call(["merge", *map(str, words)])
    return status, "".join(capsys.readouterr())


def test_clocks_and_machines_are_no_difference(tmp_path: Path) -> None:
    one = run(provenance={"cpu": {"model": "one"}})
    slower = one.cost.model_copy(update={"seconds": 9.0, "images_per_second": 1.0, "peak_memory": 5})
    two = one.model_copy(update={"provenance": {"cpu": {"model": "two"}}, "cost": slower})
    done = merge([results(tmp_path / "a", one), results(tmp_path / "b", two)], tmp_path / "to")
    assert done == Merged(copied=[one.id], same=[one.id], outdated=[one.id])
    assert record.read(tmp_path / "to" / "runs" / one.id / "record.json").provenance == one.provenance


def test_other_numbers_are_a_conflict_that_is_named_and_the_first_stays(tmp_path: Path, capsys: Any) -> None:
    one = run(provenance={"gpu": {"name": "H100"}, "packages": {"torch": "2.11.0"}, "git": {"commit": "0123456789"}})
    two = with_result(run(1, provenance={"cpu": {"model": "EPYC"}}), loss=0.5)
    other = with_result(one, accuracy=90.5, loss=0.4).model_copy(update={"provenance": two.provenance})
    to, source = results(tmp_path / "to", one), results(tmp_path / "source", other, two)
    before = files(to)
    status, said = told(source, "--to", to, capsys=capsys)
    assert status == 1
    assert said.splitlines()[:4] == [
        f"conflict: {one.id}",
        "  differs in 90 %: accuracy 91 ↔ 90.5, 90 %: loss 0.3 ↔ 0.4",
        f"  stays:     {to}/runs/{one.id}/record.json (H100, torch 2.11.0, commit 0123456)",
        f"  not taken: {source}/runs/{one.id}/record.json (EPYC)",
    ]
    assert f"{to}: runs: 1 copied, 1 conflicts." in said
    assert {name: content for name, content in files(to).items() if name in before} == before
    assert (to / "runs" / two.id / "record.json").exists(), "a conflict stops no other run"

    status, said = told(source, "--to", to, "--json", capsys=capsys)
    (conflict,) = json.loads(said)["conflicts"]
    assert conflict["differences"] == {"90 %: accuracy": [91.0, 90.5], "90 %: loss": [0.3, 0.4]}
    assert (status, conflict["machines"]) == (1, ["H100, torch 2.11.0, commit 0123456", "EPYC"])


def of(machine: str, record: Record) -> Record:
    """The record as another machine's."""
    return record.model_copy(update={"provenance": {"cpu": {"model": machine, "capability": "AVX2"}}})


def test_other_numbers_of_other_hardware_are_the_same_run_and_ours_stay(tmp_path: Path, capsys: Any) -> None:
    ours = [of("Xeon", run(seed)) for seed in range(5)]
    theirs = [of("EPYC", with_result(each, accuracy=91.0 - each.spec.seed)) for each in ours[1:]]
    to, source = results(tmp_path / "to", *ours), results(tmp_path / "source", *theirs, weights=b"others")
    before = files(to)
    status, said = told(source, "--to", to, capsys=capsys)
    assert status == 0
    kept = "same run, other machine: kept ours: {} (90 %: accuracy 91 ↔ {}; theirs: EPYC AVX2)"
    assert said.splitlines() == [
        *(kept.format(each.id, 91 - each.spec.seed) for each in ours[1:4]),
        "and 1 more (--json); of all of them, accuracies are up to 4.00 points apart",
        f"{to}: runs: 0 copied, 4 the same of another machine.",
    ]
    assert files(to) == before
    _, said = told(source, "--to", to, "--json", capsys=capsys)
    assert [each["run"] for each in json.loads(said)["elsewhere"]] == [each.id for each in ours[1:]]


@pytest.mark.parametrize("machine", ["Xeon", "EPYC"])
def test_what_hardware_does_not_explain_is_a_conflict(tmp_path: Path, machine: str) -> None:
    """The same hardware gives the same numbers, and no hardware changes the number of weights that are left."""
    one = of("Xeon", run())
    counts = one.results[0].counts
    fewer = counts.model_copy(update={"prunable_sparsity": counts.prunable_sparsity + 0.001 * (machine == "EPYC")})
    other = of(machine, with_result(one, accuracy=90.5, counts=fewer))
    done = merge([results(tmp_path / "source", other)], results(tmp_path / "to", one))
    assert (len(done.conflicts), done.elsewhere) == (1, [])


def test_other_weights_are_a_conflict_even_with_the_same_numbers(tmp_path: Path) -> None:
    one = run()
    to, source = results(tmp_path / "to", one), results(tmp_path / "source", one, weights=b"others")
    (conflict,) = merge([source], to).conflicts
    assert list(conflict.differences) == ["90 %: weights"]
    assert (to / "runs" / one.id / "weights.safetensors").read_bytes() == b"weights"


def test_another_outcome_is_a_conflict(tmp_path: Path) -> None:
    one = run()
    diverged = one.model_copy(update={"outcome": "diverged", "reason": "NaN", "results": []})
    (conflict,) = merge([results(tmp_path / "b", diverged)], results(tmp_path / "to", one)).conflicts
    assert list(conflict.differences)[:2] == ["outcome", "reason"]
    assert conflict.differences["outcome"] == ("ok", "diverged")


@pytest.mark.parametrize("here", [None, "error", "damaged"])
def test_what_ended_takes_the_place_of_what_did_not(tmp_path: Path, here: str | None) -> None:
    one = run()
    to, source = tmp_path / "to", results(tmp_path / "source", one)
    if here:
        results(to, failed())
    if here == "damaged":
        (to / "runs" / one.id / "record.json").write_text("{")
    done = merge([source], to)
    assert (done.copied, done.replaced) == (([], [one.id]) if here else ([one.id], []))
    assert done.complete
    assert files(to) == files(source)


def test_an_error_takes_no_place_but_an_empty_one(tmp_path: Path) -> None:
    one = run()
    source = results(tmp_path / "source", failed(0), failed(1))
    to = results(tmp_path / "to", one)
    done = merge([source, results(tmp_path / "another", failed(1, "another reason"))], to)
    assert (done.copied, done.same) == ([failed(1).id], [one.id, failed(1).id])
    assert done.complete
    assert record.read(to / "runs" / one.id / "record.json").outcome == "ok"
    assert record.read(to / "runs" / failed(1).id / "record.json").reason == "ValueError: no"


def test_damaged_records_and_weights_are_refused_and_stop_no_other(tmp_path: Path, capsys: Any) -> None:
    broken, renamed, weightless, fine = run(0), run(1), run(2), run(3)
    source = results(tmp_path / "source", broken, renamed, weightless, fine)
    (source / "runs" / broken.id / "record.json").write_text('{"format": 1}')
    (source / "runs" / renamed.id).rename(source / "runs" / "other-name")
    (source / "runs" / weightless.id / "weights.safetensors").write_bytes(b"flipped")
    status, said = told(source, "--to", tmp_path / "to", capsys=capsys)
    assert status == 1
    for sentence in (
        f"refused: {source}/runs/{broken.id}/record.json: the field 'id' is missing",
        f"refused: {source}/runs/other-name/record.json is the record of another run, {renamed.id}.",
        f"refused: {source}/runs/{weightless.id}/weights.safetensors is damaged: it has not the checksum that its",
        "runs: 1 copied, 3 refused.",
    ):
        assert sentence in said
    assert [path.parent.name for path in (tmp_path / "to").glob("runs/*/record.json")] == [fine.id]


def test_a_record_names_no_file_outside_of_its_run(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"weights")
    one = with_result(run(), predictions="../../../secret")
    source = results(tmp_path / "source", one)
    done = merge([source], tmp_path / "to")
    assert "names a file outside of its run, ../../../secret" in done.refused[one.id]
    assert files(tmp_path / "to") == {}


def test_records_without_weights_are_taken_as_they_are(tmp_path: Path) -> None:
    one = run()
    source = results(tmp_path / "source", one)
    (source / "runs" / one.id / "weights.safetensors").unlink()
    assert merge([source], tmp_path / "to").copied == [one.id]
    assert files(tmp_path / "to") == files(source)


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path, capsys: Any) -> None:
    one, two = run(), with_result(run(), accuracy=90.0)
    sources = results(tmp_path / "a", one, run(1)), results(tmp_path / "b", two, run(1), failed(2))
    status, dry = told(*sources, "--to", tmp_path / "to", "-n", capsys=capsys)
    assert not (tmp_path / "to").exists()
    counts = "runs: 3 copied, 1 there already, 1 conflicts."
    assert f"{tmp_path}/to, if it were done: {counts}" in dry
    assert f"stays:     {sources[0]}/runs/{one.id}/record.json" in dry
    really, said = told(*sources, "--to", tmp_path / "to", capsys=capsys)
    assert (status, really) == (1, 1)
    assert f"{tmp_path}/to: {counts}" in said


def test_a_merge_that_is_cut_off_anywhere_is_made_good_by_the_next(tmp_path: Path, monkeypatch: Any) -> None:
    source = results(tmp_path / "source", run(0), run(1))
    (source / "stages" / ("a" * 32)).mkdir(parents=True)
    (source / "stages" / ("a" * 32) / "final.pt").write_bytes(b"state")
    cuts = 0
    while True:
        to, left = tmp_path / f"to{cuts}", [cuts]

        def cut(path: Path, data: bytes, left: list[int] = left) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            write_atomic(path, data)

        with monkeypatch.context() as patched:
            patched.setattr(copying, "write_atomic", cut)
            try:
                merge([source], to, stages=True)
                break
            except KeyboardInterrupt:
                cuts += 1
        for written in to.glob("runs/*/record.json"):
            assert files(written.parent) == files(source / "runs" / written.parent.name), "the record comes last"
        (to / "runs" / run().id / ".weights.safetensors.0123abcd").write_bytes(b"half")
        assert merge([source], to, stages=True).complete
        assert files(to) == files(source)
    assert cuts == 9, "four files of each run, one of the stage"


def test_a_run_that_is_at_work_here_is_left_alone(tmp_path: Path, capsys: Any) -> None:
    one, two = run(0), run(1)
    source, to = results(tmp_path / "source", one, two), tmp_path / "to"
    (to / "runs" / one.id).mkdir(parents=True)
    with (to / "runs" / one.id / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, said = told(source, "--to", to, capsys=capsys)
        assert (status, next(iter(files(to))).startswith(f"runs/{two.id}")) == (1, True)
    assert f"at work: {one.id}: somebody is carrying it out in {to}; merge again later" in said
    assert merge([source], to).copied == [one.id]


def test_stages_are_copied_when_finished_and_missing_here(tmp_path: Path) -> None:
    finished, unfinished, known = "a" * 32, "b" * 32, "c" * 32
    source, to = results(tmp_path / "source", run()), tmp_path / "to"
    for name, file in ((finished, "final.pt"), (unfinished, "checkpoint.pt"), (known, "final.pt"), ("odd", "final.pt")):
        (source / "stages" / name).mkdir(parents=True)
        (source / "stages" / name / file).write_bytes(b"theirs")
    for file in ("snapshot-5.pt", "checkpoint.pt"):
        (source / "stages" / finished / file).write_bytes(b"theirs")
    (to / "stages" / known).mkdir(parents=True)
    (to / "stages" / known / "final.pt").write_bytes(b"ours")
    assert (merge([source], to).stages, (to / "stages" / finished).exists()) == ([], False), "nobody asked for them"
    assert merge([source], to, stages=True).stages == [finished]
    ours, theirs = b"ours", b"theirs"
    assert files(to / "stages") == {
        f"{finished}/final.pt": theirs,
        f"{finished}/snapshot-5.pt": theirs,
        f"{known}/final.pt": ours,
    }


@pytest.mark.parametrize("machine", ["Xeon", "EPYC"])
def test_stages_of_a_run_that_differs_are_left_where_they_are(tmp_path: Path, monkeypatch: Any, machine: str) -> None:
    one, two = of("Xeon", run()), of(machine, run())
    to, source = results(tmp_path / "to", one), results(tmp_path / "source", two, weights=b"others")
    for name in ("a" * 32, "b" * 32):
        (source / "stages" / name).mkdir(parents=True)
        (source / "stages" / name / "final.pt").write_bytes(b"state")
    monkeypatch.setattr(copying, "identities", lambda spec: {"pretrain": "a" * 64})
    assert merge([source], to, stages=True).stages == ["b" * 32]


def test_what_is_wrong_with_a_call_is_said_before_anything_is_done(tmp_path: Path, capsys: Any) -> None:
    source = results(tmp_path / "source", run())
    for wrong, sentence in (
        (
            tmp_path / "none",
            f"{tmp_path}/none is no folder of results (no runs/ in it) and no kept one (no grid.yaml).",
        ),
        (tmp_path / "to", f"{tmp_path}/to is the folder that the results go to; name another one with --to."),
    ):
        (tmp_path / "to" / "runs").mkdir(parents=True, exist_ok=True)
        with pytest.raises(UserError) as error:
            merge([source, wrong], tmp_path / "to")
        assert str(error.value) == sentence
        assert told(source, wrong, "--to", tmp_path / "to", capsys=capsys) == (2, f"reprune: {sentence}\n")
    assert files(tmp_path / "to") == {}
    assert merging.merge([], tmp_path / "to") == Merged()
