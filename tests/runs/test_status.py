"""How far a grid is, told from outside: by records, and by what jobs say of themselves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from bench import data
from bench.base import heartbeat
from bench.base.heartbeat import Pulse
from bench.commands.runs import activity, status
from bench.plan.grid import expand, load
from bench.training.run import execute
from tests import factories


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


def printed(found) -> str:
    console = Console(width=100, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    status.render(found, console)
    return console.export_text()


def test_a_grid_that_was_never_run_is_all_to_do(grid):
    found = status.values(grid)
    assert (found["runs"], found["to_do"], found["done"]) == (4, 4, 0)
    assert found["left"]["seconds"] is None
    assert "time left: unknown (no run of convnet_small on digits under recipe digits is finished)" in printed(found)


def test_where_seeds_are_added_the_next_look_is_what_there_is_to_do(grid):
    added = grid.model_copy(update={"seeds": tuple(range(20)), "looks": True})
    assert [status.values(each)["to_do"] for each in (grid, added)] == [4, 2 * 5]


def test_every_state_is_told_apart(grid, capsys):
    spec = runs(grid)
    results = Path(grid.results)
    cost = factories.Cost(epochs=24, own_epochs=24, seconds=12.0)  # half a second each
    factories.write(factories.record(spec["dense", 0], cost=cost), results)
    factories.write(factories.record(spec["dense", 1], outcome="error", reason="ValueError: no"), results)
    Pulse(folder(grid, spec["snip", 0])).beat("train", 8, 24)
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


def test_looking_takes_no_lock_and_writes_nothing(grid, monkeypatch):
    Pulse(folder(grid, runs(grid)["snip", 0])).beat()
    before = sorted(Path(grid.results).rglob("*"))

    def refuse(*arguments: object) -> None:
        raise AssertionError("a lock was tried")

    monkeypatch.setattr("fcntl.flock", refuse)
    found = status.values(grid)
    assert found["running"] == 1
    assert "seed 0  starting" in printed(found)
    assert sorted(Path(grid.results).rglob("*")) == before


def test_a_job_that_was_killed_is_not_at_work(grid):
    spec = runs(grid)["snip", 1]
    code = (
        "import sys, pathlib; from bench.base.heartbeat import Pulse\n"
        f"Pulse(pathlib.Path({str(folder(grid, spec))!r})).beat('train', 4, 24)\n"
        "print('said', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout and process.stdout.readline() == b"said\n"
        assert activity.of(spec, Path(grid.results)).state == "running"
        process.kill()
    killed = activity.of(spec, Path(grid.results))
    assert (killed.state, killed.stage, killed.epoch) == ("to do", "train", 4)
    path = folder(grid, spec) / heartbeat.NAME
    path.write_text(re.sub(r"-\d+", "-1", path.read_text()).replace(str(process.pid), str(os.getpid())))
    assert activity.of(spec, Path(grid.results)).state == "to do", "the number is another process' now"


def test_a_job_of_another_machine_is_believed_for_a_while(grid, monkeypatch):
    spec, results, now = runs(grid)["snip", 1], Path(grid.results), time.time()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("socket.gethostname", lambda: "node7")
        pulse = Pulse(folder(grid, spec))
        pulse.beat("train", 4, 24)
    assert activity.of(spec, results, now).state == "running"
    assert (
        "heard of 0 s ago on node7" in activity.of(spec, results, now - heartbeat.FRESH / 2).where
    )  # a clock put back
    assert activity.of(spec, results, now + 2 * heartbeat.FRESH).state == "to do"
    assert activity.of(spec, results, now - 2 * heartbeat.FRESH).state == "to do"
    pulse.stop()
    stopped = activity.of(spec, results, now)
    assert (stopped.state, stopped.stage, stopped.epoch) == ("to do", "train", 4)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"machine": "a"}', '{"machine": "a", "process": "x"}'])
def test_a_sign_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / heartbeat.NAME).write_text(text)
    assert heartbeat.read(tmp_path) is None


def test_signs_are_seldom_and_the_last_one_says_where_a_run_stopped(tmp_path):
    pulse = Pulse(tmp_path)
    pulse.beat("train", 1, 24)
    pulse.beat("train", 2, 24)
    sign, _ = heartbeat.read(tmp_path)
    assert (sign.epoch, sign.at_work) == (1, True)
    pulse.stop()
    sign, _ = heartbeat.read(tmp_path)
    assert (sign.epoch, sign.at_work) == (2, False)
    pulse.end()
    assert heartbeat.read(tmp_path) is None


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


def test_a_trainer_says_where_it_is_and_leaves_nothing_when_it_ends(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(Pulse, "beat", lambda self, *where: said.append(where))
    data.prepare("digits", tmp_path / "data")
    fields = {"recipe": "digits[train.epochs=2,train.milestones=[1],evaluate_every=1]", "datasets": ["digits"]}
    small = load(fields | {"architectures": ["convnet_small"], "methods": ["dense"], "seeds": [0]})
    assert execute(expand(small).runs[0], tmp_path).outcome == "ok"
    assert said == [(), ("train", 1, 2), ("train", 2, 2)]
    assert not list(tmp_path.glob(f"runs/*/{heartbeat.NAME}"))
