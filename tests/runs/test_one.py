"""`reprune run` for people: what is missing is made, progress is shown, and nothing about the run is any different."""

from __future__ import annotations

import io
import logging
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from bench.commands.runs import differences, live
from bench.commands.runs.differences import Side
from bench.commands.runs.one import run
from bench.results import record
from bench.training.run import execute
from tests.jobs import asked
from tests.runs.conftest import spec

ROOT = Path(__file__).parents[2]
WORDS = ("run", "gmp", "--dataset", "digits", "--arch", "convnet_small", "--sparsity", "0.9", "--recipe", "digits")


def trainer(step: int = 0, **curve: list[float]) -> SimpleNamespace:
    """As much of a trainer as the bars look at: 10 steps an epoch, 40 in all."""
    values = {"train_loss": [], "accuracy": [], "sparsity": []} | curve
    batches = SimpleNamespace(steps_per_epoch=10)
    return SimpleNamespace(
        progress=SimpleNamespace(step=step), stop=40, run=SimpleNamespace(batches=batches),
        curve=SimpleNamespace(stage="train", **values),
    )  # fmt: skip


def drawn(bars: live.Bars) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    console.print(bars)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_bars_show_epochs_numbers_and_the_time_left():
    now = [100.0]
    bars = live.Bars(clock=lambda: now[0])
    assert drawn(bars) == ["getting ready …"]
    one = trainer()
    bars.watch(one)
    assert drawn(bars)[1].split() == ["train", "0/4", "…"]
    one.progress.step, now[0] = 10, 105.0
    one.curve.train_loss.append(1.25)
    one.curve.accuracy.append(50.0)
    one.curve.sparsity.append(0.5)
    # Ten steps took five seconds; thirty are to come.
    assert drawn(bars)[1].split()[2:] == ["1/4", "1.2500", "50.00", "%", "50.00", "%", "15", "s", "left"]
    one.progress.step, now[0] = 40, 121.0
    bars.watch(trainer(step=20))  # one that goes on from a checkpoint in the middle
    now[0] = 131.0
    assert drawn(bars)[1].split()[-2:] == ["21", "s"]
    bars.stages[1].trainer.progress.step = 30
    assert drawn(bars)[2].split()[-3:] == ["10", "s", "left"]


@pytest.mark.parametrize(
    ("place", "shown"),
    [((30, 360, 15), "2/24"), ((37, 360, 15), "2/24"), ((72, 73, 15), "4.8/4.9"), ((9775, 62560, 391), "25.0/160")],
)
def test_epochs_have_as_many_digits_as_they_need(place, shown):
    assert live._epochs(*place) == shown


def test_of_many_stages_the_last_are_shown():
    bars = live.Bars()
    for _ in range(live.MOST + 3):
        bars.watch(trainer())
    lines = drawn(bars)
    assert lines[0].startswith("3 before") and len(lines) == 1 + live.MOST


def test_lines_of_the_training_loop_are_left_to_the_bars():
    console = Console(file=io.StringIO(), width=80)
    above = live.Above(console)
    for name, level in (
        ("bench.training.train", logging.INFO),
        ("bench.training.train", logging.WARNING),
        ("bench.training.stages", logging.INFO),
    ):
        above.emit(logging.LogRecord(name, level, "", 0, f"{name} {level}", (), None))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "bench.training.train 30\nbench.training.stages 20\n"


def test_watching_changes_no_bit(results, tmp_path):
    """Bars drawn as often as the thread can, beside a run that nobody looks at."""
    (tmp_path / "data").symlink_to(results / "data")
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    torch.manual_seed(1)
    with live.bars(console) as bars:
        assert execute(spec(), tmp_path, watch=bars.watch).outcome == "ok"
    sides = [
        Side(record.read(path), path)
        for path in (each / "runs" / spec().id / "record.json" for each in (results, tmp_path))
    ]
    assert differences.unequal(sides[0].record, sides[1].record) == {}
    assert differences.weights(*sides, *(side.record.results[0] for side in sides)).equal is True
    assert isinstance(console.file, io.StringIO) and "2/2" in console.file.getvalue()


def test_data_and_counts_are_made_and_a_finished_run_is_only_shown(tmp_path, capsys):
    words = ["--dataset", "digits", "--architecture", "convnet_small", "--method", "dense", "--recipe", "digits"]
    words += ["--budget", "0.05", "--results", str(tmp_path)]
    assert run(asked(words)) == 0
    out = capsys.readouterr().out
    assert out.startswith("digits · convnet_small · dense · seed 0  ok\n")
    (path,) = tmp_path.glob("runs/*/record.json")
    assert out.rstrip().endswith(str(path))
    assert (tmp_path / "data" / "digits.safetensors").exists() and list(tmp_path.glob("archs/*.json"))
    before = path.read_bytes()
    assert run(asked(words)) == 0
    assert capsys.readouterr().out.startswith("This run is finished; ")
    assert path.read_bytes() == before


def test_the_command_in_a_record_is_understood(tmp_path, capsys):
    from bench.commands import cli

    words = (
        "run rigl[schedule.every=7] --dataset digits --arch convnet_small --sparsity 0.9 --recipe digits --budget 0.05"
    )
    here = ["--results", str(tmp_path)]
    assert cli.call([*words.split(), *here]) == 0
    (path,) = tmp_path.glob("runs/*/record.json")
    capsys.readouterr()
    assert cli.call([*shlex.split(record.read(path).provenance["command"])[1:], *here]) == 0
    assert capsys.readouterr().out.startswith("This run is finished; ")


def test_an_error_is_status_1_with_its_reason(tmp_path, capsys, monkeypatch):
    def fail(*arguments: object) -> None:
        raise ValueError("no idea")

    monkeypatch.setattr("bench.context.Run.gradients", fail)
    words = ["--dataset", "digits", "--architecture", "convnet_small", "--method", "snip", "--points", "0.9"]
    assert run(asked([*words, "--recipe", "digits", "--budget", "0.05", "--results", str(tmp_path)])) == 1
    assert "seed 0  error\nValueError: no idea\n" in capsys.readouterr().out


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "bench.commands.cli", *words]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--dataset", "digits", "--arch", "convnet_small", "--recipe", "digits"], "name the method once"),
        ([*WORDS, "--method", "gmp"], "name the method once"),
        ([*WORDS, "--budget", "0"], "field 'budget' has to be at least 1e-06, not 0.0"),
        ([*WORDS, "--sparsity", "most"], "--sparsity 'most' is not a list of numbers"),
        (["run", "gmp", "--dataset", "emnist", "--arch", "convnet_small", "--recipe", "digits"], "emnist"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(words, said, capsys):
    from bench.commands import cli

    assert cli.call(words) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert captured.err.startswith("reprune: ") and said in captured.err


def test_on_a_terminal_bars_are_drawn_and_ctrl_c_stops_at_a_checkpoint(tmp_path):
    """Through a pseudo-terminal, as a person would."""
    master, slave = pty.openpty()
    environment = os.environ | {"COLUMNS": "100", "TERM": "xterm-256color"}
    with subprocess.Popen(
        command(*WORDS, "--results", str(tmp_path), "--budget", "20"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(slave)
        shown = _until(master, " 0.00 %", 300)  # the sparsity at the first evaluation
        process.send_signal(signal.SIGINT)
        shown += _until(master, "the same command goes on from the checkpoint", 300)
        assert process.wait(300) == 143
    os.close(master)
    assert "gmp · 90 % · seed 0" in shown and "━" in shown and "epoch" in shown
    (log,) = tmp_path.glob("runs/*/log.txt")
    assert "train epoch 4/480  loss" in log.read_text()  # the log has what the bars replace
    assert list(tmp_path.glob("stages/*/checkpoint.pt"))


def _until(master: int, word: str, seconds: float) -> str:
    """What a terminal is sent until a word is in it."""
    shown, end = "", time.monotonic() + seconds
    while word not in shown:
        ready, _, _ = select.select([master], [], [], 1.0)
        if ready:
            shown += os.read(master, 65536).decode(errors="replace")
        assert time.monotonic() < end, shown[-2000:]
    return shown
