"""Events of Snakemake become one line per run; what they replace is not printed as well."""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from bench.base import heartbeat
from bench.workflow.progress import Progress, attach, duration, label, last_line, noise, relative
from tests import factories

LABELS = {"a": "digits · gmp · seed 0", "b": "digits · gmp · seed 1", "c": "digits · gmp · seed 2"}


class Terminal:
    """A `Progress` with a clock that the test sets, and the lines it has shown."""

    def __init__(self, runs: Path, dry: bool = False) -> None:
        self.lines: list[str] = []
        self.now = 0.0
        self.runs = runs
        self.progress = Progress(LABELS, runs, dry, self.lines.append, lambda: self.now)

    def event(self, name: str, **fields: Any) -> None:
        """Let Snakemake report something."""
        record = logging.makeLogRecord({"levelno": logging.INFO, "event": name} | fields)
        self.progress.emit(record)

    def start(self, job: int, run: str) -> None:
        """Let a run begin, as on this machine: it is at work at once."""
        self.submit(job, run)
        (self.runs / run).mkdir(parents=True, exist_ok=True)
        (self.runs / run / heartbeat.NAME).touch()

    def submit(self, job: int, run: str) -> None:
        """Hand a run to a cluster, where it waits."""
        self.event("job_info", jobid=job, rule_name="train", rule_msg=None, wildcards={"run": run})

    def finish(self, job: int, run: str, **record: Any) -> None:
        """Let a run end and leave a record."""
        folder = self.runs / run
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "record.json").write_text(json.dumps({"outcome": "ok", "reason": "", "results": []} | record))
        self.event("job_finished", job_id=job)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def test_one_line_per_finished_run_with_the_time_that_is_left(terminal: Terminal) -> None:
    terminal.event("run_info", stats={"train": 3, "prepare": 1, "total": 4})
    terminal.event("job_info", jobid=9, rule_name="prepare", rule_msg=None, wildcards={"dataset": "digits"})
    terminal.now = 100.0  # preparing is over; the time left counts from the first run's start
    terminal.start(1, "a")
    terminal.start(2, "b")
    terminal.now = 160.0
    terminal.finish(2, "b", results=[{"accuracy": 91.24}])
    terminal.start(3, "c")
    terminal.now = 190.0
    terminal.finish(1, "a", results=[{"accuracy": 90.0}, {"accuracy": 85.06}])
    terminal.now = 250.0
    terminal.finish(3, "c", outcome="collapsed", reason="no path is left")
    assert terminal.lines == [
        "3 of 3 runs to train",
        "  prepare digits",
        # 60 s for one run and the half of another: 40 s each, 1.5 runs left
        "[1/3] digits · gmp · seed 1 → 91.2 %   1 min left",
        # 90 s for two and a half: 36 s each, half a run left
        "[2/3] digits · gmp · seed 0 → 90.0 %, 85.1 %   18 s left",
        "[3/3] digits · gmp · seed 2 → collapsed: no path is left",
    ]


def test_a_job_that_dies_is_counted_and_names_its_log(terminal: Terminal, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("epoch 1\nKilled\n\n")
    terminal.event("run_info", stats={"train": 1})
    terminal.start(1, "a")
    terminal.event("job_error", jobid=1, rule_name="train", rule_msg=None, log=[str(log)])
    terminal.event("job_error", jobid=2, rule_name="report", rule_msg="job 12 ran out of memory", log=["absent.log"])
    terminal.event("job_error", jobid=3, rule_name="all", rule_msg=None, log=[])
    assert terminal.lines[1:] == [
        f"[1/1] digits · gmp · seed 0 → failed: Killed   (log: {log})",
        "  report failed: job 12 ran out of memory   (log: absent.log)",
    ]


def test_jobs_that_only_wait_for_a_cluster_are_not_half_done(terminal: Terminal) -> None:
    terminal.event("run_info", stats={"train": 3})
    terminal.start(1, "a")
    terminal.submit(2, "b")
    terminal.submit(3, "c")
    terminal.now = 60.0
    terminal.finish(1, "a", results=[{"accuracy": 90.0}])
    assert terminal.lines[1:] == ["[1/3] digits · gmp · seed 0 → 90.0 %   2 min left"]


def test_a_run_that_is_tried_again_is_counted_once(terminal: Terminal) -> None:
    terminal.event("run_info", stats={"train": 2})
    terminal.start(1, "a")
    terminal.event("job_error", jobid=1, rule_name="train", rule_msg="SLURM-job '7' failed", log=[])
    terminal.start(1, "a")
    terminal.finish(1, "a", results=[{"accuracy": 90.0}])
    assert [line[:5] for line in terminal.lines[1:]] == ["[1/2]", "[1/2]"]


def test_what_a_cluster_says_of_a_failed_job_is_cut_to_the_cause(terminal: Terminal, tmp_path: Path) -> None:
    own, slurms = tmp_path / "own.log", tmp_path / "12.log"
    own.write_text("2026-11-21 18:22:57,974 reprune: the recipe's field 'gpus' is 8, and this job may use 1 (0).\n")
    slurms.write_text("At least one job did not complete successfully.\n")
    end = (
        "SLURM-job '12' failed, SLURM status is: 'FAILED'. Detailed failure reason unavailable (status command is not "
        "'sacct').For further error details see the cluster/cloud log and the log files of the involved rule(s)."
    )
    refused = "SLURM sbatch failed. The error message was 'sbatch: error: invalid partition'.\n    sbatch call: x"
    terminal.event("run_info", stats={"train": 2})
    terminal.submit(1, "a")
    terminal.submit(2, "b")
    logs = [str(own), str(slurms)]
    terminal.event("job_error", jobid=1, rule_name="train", rule_msg=end, log=logs)
    terminal.event("job_error", jobid=2, rule_name="train", rule_msg=refused, log=["absent.log"])
    assert [line.partition(" → ")[2].partition("   (log")[0] for line in terminal.lines[1:]] == [
        "failed: SLURM-job '12' failed, SLURM status is: 'FAILED'; "
        "reprune: the recipe's field 'gpus' is 8, and this job may use 1 (0).",
        "failed: SLURM sbatch failed. The error message was 'sbatch: error: invalid partition'",
    ]


def test_a_dry_run_lists_what_would_run_in_the_order_of_the_grid(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, dry=True)
    terminal.event("run_info", stats={"train": 2, "total": 2})
    terminal.start(1, "c")
    terminal.start(2, "a")
    terminal.event("run_info", stats={"train": 2, "total": 2})
    assert terminal.lines == [
        "2 of 3 runs would be trained",
        "  train digits · gmp · seed 0",
        "  train digits · gmp · seed 2",
    ]


def test_nothing_to_train_is_said(terminal: Terminal) -> None:
    terminal.event("run_info", stats={"all": 1, "total": 1})
    terminal.event("job_info", jobid=0, rule_name="all", rule_msg=None, wildcards={})
    terminal.event("job_finished", job_id=0)
    assert terminal.lines == ["Every run is finished."]


def test_other_records_are_passed_over(terminal: Terminal) -> None:
    terminal.progress.emit(logging.makeLogRecord({"msg": "Building DAG of jobs..."}))
    assert terminal.lines == []


def test_a_record_that_cannot_be_read_does_not_stop_the_runs(terminal: Terminal) -> None:
    terminal.event("run_info", stats={"train": 2})
    terminal.start(1, "a")
    terminal.event("job_finished", job_id=1)  # there is no record
    terminal.start(2, "b")
    terminal.finish(2, "b", results=[{"accuracy": 50.0}])
    assert re.search(r"→ broken: .*/record\.json is not a record that can be read", terminal.lines[-2])
    assert terminal.lines[-1] == "[2/2] digits · gmp · seed 1 → 50.0 %"


def test_a_closed_terminal_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Closed())
    Progress(LABELS, tmp_path).emit(logging.makeLogRecord({"event": "run_info", "stats": {"train": 1}}))
    assert capsys.readouterr().err == ""


def test_errors_and_unknown_messages_stay_visible() -> None:
    def message(level: int, text: str, **fields: Any) -> logging.LogRecord:
        return logging.makeLogRecord({"levelno": level, "msg": text} | fields)

    assert noise(message(logging.INFO, "Select jobs to execute..."))
    assert noise(message(logging.INFO, "", event="job_info"))
    assert noise(message(logging.ERROR, "Error in rule train", event="job_error"))
    assert not noise(message(logging.INFO, "Unlocked working directory."))
    assert not noise(message(logging.WARNING, "Select jobs to execute..."))
    assert noise(message(logging.WARNING, "Cannot restore results/runs/a/record.json: no backup found."))
    assert not noise(message(logging.ERROR, "MissingInputException"))
    assert noise(message(logging.INFO, "Submitted job 4 with external jobid 'reprune-x'."))
    assert noise(message(logging.INFO, "Job 4 has been submitted with SLURM jobid 2 (log: a.log)."))
    assert noise(message(logging.WARNING, "No SLURM account given, trying to guess."))
    assert not noise(message(logging.WARNING, "Guessed SLURM account: vision"))


def test_attach_filters_the_terminal_and_not_the_log_file(tmp_path: Path, terminal: Terminal) -> None:
    logger = logging.Logger("snakemake under test")
    stream, file = logging.StreamHandler(), logging.FileHandler(tmp_path / "log")
    logger.handlers = [stream, file]
    attach(logger, terminal.progress)
    chatter = logging.makeLogRecord({"levelno": logging.INFO, "msg": "Building DAG of jobs..."})
    assert not stream.filter(chatter)
    assert file.filter(chatter)
    assert logger.handlers == [stream, file, terminal.progress]


def test_attach_leaves_a_verbose_call_alone(terminal: Terminal) -> None:
    logger = logging.Logger("snakemake under test")
    logger.handlers = [stream := logging.StreamHandler()]
    attach(logger, terminal.progress, verbose=True)
    assert stream.filter(logging.makeLogRecord({"levelno": logging.INFO, "msg": "Building DAG of jobs..."}))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_label_names_the_points_in_percent() -> None:
    assert label(factories.spec("gmp", 0.995, seed=1)) == "cifar10 · resnet20_cifar · gmp · 99.5 % · seed 1"
    assert label(factories.spec("dense", None)) == "cifar10 · resnet20_cifar · dense · seed 0"


def test_logs_in_this_folder_are_named_as_one_would_type_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert relative(f"{tmp_path}/results/a.log") == "results/a.log" == relative("results/a.log")
    assert relative("/elsewhere/a.log") == "/elsewhere/a.log"


def test_last_line_of_a_job_that_wrote_nothing(tmp_path: Path) -> None:
    assert last_line([str(tmp_path / "absent.log")]) == ""
