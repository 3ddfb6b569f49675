"""How far a grid is, told from outside: by records, the system's list of locks, and logs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from bench.base.locks import held
from bench.commands.runs import activity, status
from bench.plan.grid import expand, load
from tests import factories

LINE = "2026-11-21 10:00:0{i},000 train epoch {epoch}/24  loss 1.2500  accuracy 50.00 %  sparsity 0.00 %\n"


@pytest.fixture
def grid(tmp_path: Path):
    """Four runs on the digits: two methods, two seeds."""
    fields = {"recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"], "methods": ["snip"]}
    return load(fields | {"name": "four", "sparsities": [0.9], "seeds": [0, 1], "results": str(tmp_path)})


def runs(grid):
    return {(spec.method, spec.seed): spec for spec in expand(grid).runs}


def folder(grid, spec) -> Path:
    found = Path(grid.results) / "runs" / spec.id
    found.mkdir(parents=True, exist_ok=True)
    return found


def log(path: Path, *epochs: int, last: str = "") -> None:
    path.write_text("".join(LINE.format(i=i, epoch=epoch) for i, epoch in enumerate(epochs)) + last)


def printed(found) -> str:
    console = Console(width=100, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    status.render(found, console)
    return console.export_text()


def test_a_grid_that_was_never_run_is_all_to_do(grid):
    found = status.values(grid)
    assert (found["runs"], found["to_do"], found["done"]) == (4, 4, 0)
    assert found["left"]["seconds"] is None
    assert "time left: unknown (no run of convnet_small on digits under recipe digits is finished)" in printed(found)


def test_every_state_is_told_apart(grid, capsys):
    spec = runs(grid)
    results = Path(grid.results)
    cost = factories.Cost(epochs=24, own_epochs=24, seconds=12.0)  # half a second each
    factories.write(factories.record(spec["dense", 0], cost=cost), results)
    factories.write(factories.record(spec["dense", 1], outcome="error", reason="ValueError: no"), results)
    at_work = folder(grid, spec["snip", 0])
    log(at_work / "log.txt", 4, 8)
    with held(at_work / "lock", busy=lambda: pytest.fail("the lock is free")):
        found = status.values(grid)
        assert {each["label"]: each["state"] for each in found["each"]} == {
            "digits · convnet_small · dense · seed 0": "done",
            "digits · convnet_small · dense · seed 1": "failed",
            "digits · convnet_small · snip · 90 % · seed 0": "running",
            "digits · convnet_small · snip · 90 % · seed 1": "to do",
        }
        # Three times 24 epochs are to be trained, 8 of which are, at half a second each, one at a time.
        assert found["left"]["seconds"] == pytest.approx((3 * 24 - 8) * 0.5)
        text = printed(found)
        assert "seed 0  train, epoch 8 of 24" in text
        assert "seed 1  ValueError: no" in text
        assert "1 of 4 runs done, 1 running, 1 failed, 1 to do" in text
        assert status.show(grid, as_json=True) == 1
        assert json.loads(capsys.readouterr().out)["running"] == 1


def test_locks_are_read_and_never_taken(grid, monkeypatch):
    """With nothing but the right to read, and without a call of flock."""
    spec = runs(grid)["snip", 0]
    lock = folder(grid, spec) / "lock"
    before = sorted(Path(grid.results).rglob("*"))

    def refuse(*arguments: object) -> None:
        raise AssertionError("a lock was tried")

    with held(lock, busy=lambda: None):
        monkeypatch.setattr("fcntl.flock", refuse)
        assert activity.held(lock)
        assert status.values(grid)["running"] == 1
        monkeypatch.undo()
    assert not activity.held(lock)
    assert sorted(Path(grid.results).rglob("*")) == [*before, lock]


def test_another_process_holds_a_lock(tmp_path):
    lock = tmp_path / "lock"
    code = (
        "import sys, time, pathlib; from bench.base.locks import held\n"
        f"with held(pathlib.Path({str(lock)!r}), lambda: None):\n    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout and process.stdout.readline() == b"held\n"
        assert activity.held(lock)
        process.communicate(b"")
    assert not activity.held(lock)


def test_a_job_of_another_machine_is_betrayed_by_what_it_writes(grid):
    spec = runs(grid)["snip", 1]
    path = folder(grid, spec) / "log.txt"
    log(path, 4)
    results, now = Path(grid.results), time.time()
    assert activity.of(spec, results, now).state == "running"
    assert "holds no lock here" in activity.of(spec, results, now).where
    assert activity.of(spec, results, now + 2 * activity.FRESH).state == "to do"
    assert "written to 0 s ago" in activity.of(spec, results, now - activity.FRESH / 2).where  # a clock put back
    assert activity.of(spec, results, now - 2 * activity.FRESH).state == "to do"
    log(path, 4, last="2026-11-21 10:01:00,000 stopped on request; the same command goes on from the checkpoint\n")
    stopped = activity.of(spec, results, now)
    assert (stopped.state, stopped.stage, stopped.epoch) == ("to do", "train", 4)


def test_a_broken_record_has_failed_and_a_collapsed_one_is_done(grid):
    spec = runs(grid)
    path = factories.write(factories.record(spec["snip", 0]), Path(grid.results))
    path.write_text("{")
    factories.write(factories.record(spec["snip", 1], outcome="collapsed", reason="no path"), Path(grid.results))
    found = status.values(grid)
    assert (found["failed"], found["done"]) == (1, 1)
    assert "of those done: 1 collapsed" in printed(found)


def test_a_finished_grid_has_nothing_left_and_status_0(grid, capsys):
    for spec in expand(grid).runs:
        factories.write(factories.record(spec), Path(grid.results))
    assert status.show(grid) == 0
    out = capsys.readouterr().out
    assert "4 of 4 runs done\n" in out and "left" not in out


def test_what_the_trainer_logs_is_what_is_read_here():
    """The line is `bench.training.train`'s; if its words change, this fails."""
    import logging

    from bench.training import train

    source = Path(train.__file__).read_text()
    form = '"%s epoch %g/%g  loss %.4f  accuracy %.2f %%  sparsity %.2f %%"'
    assert form in source
    record = logging.LogRecord("x", 20, "", 0, form.strip('"'), ("level2-train", 8.0, 24.0, 1.0, 50.0, 0.0), None)
    line = logging.Formatter("%(asctime)s %(message)s").format(record)
    match = activity.EPOCH.search(line)
    assert match and (match["stage"], match["epoch"], match["epochs"]) == ("level2-train", "8", "24")


def test_on_a_system_without_a_list_of_locks_nothing_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(activity, "LOCKS", tmp_path / "none")
    (tmp_path / "lock").touch()
    assert not activity.held(tmp_path / "lock")
