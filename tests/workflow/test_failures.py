"""One run that fails takes no other along, and the report of the others says why it is missing."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.results import measurements
from bench.workflow import failures
from tests import factories


@pytest.fixture
def contained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snakemake's own functions, which fail as a system does, and ours around them."""
    import snakemake.api  # noqa: F401 - before its parts, which import each other
    from snakemake.dag import DAG
    from snakemake.executors.local import Executor

    def refuse(*_: Any) -> None:
        raise OSError(36, "File name too long", "results/runs/long")

    monkeypatch.setattr(Executor, "run_single_job", refuse)
    monkeypatch.setattr(DAG, "cleanup_workdir", refuse)
    monkeypatch.setattr(DAG, "check_output_mtime", refuse)
    failures.contained()


def test_a_job_whose_folder_cannot_be_made_fails_alone(contained: None) -> None:
    from snakemake.dag import DAG
    from snakemake.executors.local import Executor

    with ThreadPoolExecutor(1) as pool:
        future = Executor.run_single_job(SimpleNamespace(pool=pool), SimpleNamespace())
        problem = future.exception()
    assert str(problem) == "it cannot be started (results/runs/long: File name too long)"
    DAG.cleanup_workdir(SimpleNamespace())


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("2026-01-01 00:00:00,000 train epoch 1/2\nkilled\n", "no record: killed (log: {log})"),
        ("reprune: no space is left on /.\n\n", "no record: no space is left on /. (log: {log})"),
        ("2026-01-01 00:00:00,000 ok \n", "no record: not run yet, still running, or killed"),
        (None, "no record: not run yet, still running, or killed"),
        ("\x1b[2Jreprune: odd\n", "no record: ?[2Jreprune: odd (log: {log})"),
    ],
)
def test_a_run_without_a_record_says_in_the_table_what_its_job_said_last(
    tmp_path: Path, log: str | None, reason: str
) -> None:
    plan, _ = factories.plan({("gmp", 0.9): [91.0]})
    path = tmp_path / "logs" / "train" / f"{plan.runs[0].id}.log"
    if log is not None:
        path.parent.mkdir(parents=True)
        path.write_text(log)
    table = measurements.explained(measurements.from_records(plan, {}, {}), tmp_path)
    assert list(table["outcome"]) == ["missing"]
    assert list(table["reason"]) == [reason.format(log=path)]


@pytest.mark.parametrize(
    ("failed", "stopped", "rules", "record", "made"),
    [
        ({"a"}, False, ["train", "report"], True, True),
        ({"a"}, True, ["train", "report"], True, False),  # Ctrl-C
        (set(), False, ["train", "report"], True, False),  # prepare failed, or the last step
        ({"a"}, False, ["train"], True, False),  # `--until train`
        ({"a"}, False, ["train", "report"], False, False),  # nothing to show
    ],
)
def test_the_report_is_made_where_runs_failed_and_something_is_there_to_show(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failed: set[str],
    stopped: bool,
    rules: list[str],
    record: bool,
    made: bool,
) -> None:
    calls: list[list[str]] = []

    def run(words: list[str], **_: Any) -> SimpleNamespace:
        calls.append(words[2:])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(failures, "subprocess", SimpleNamespace(run=run))
    (tmp_path / "there.json").touch()
    records = [str(tmp_path / ("there.json" if record else "absent.json"))]
    flow = SimpleNamespace(records=records, logs=str(tmp_path / "logs"), name="tiny", resolved="x.resolved.json")
    jobs = [SimpleNamespace(rule=SimpleNamespace(name=name)) for name in rules]
    workflow = SimpleNamespace(dag=SimpleNamespace(jobs=jobs))
    failures.tell(workflow, flow, SimpleNamespace(failed=failed, stopped=stopped))  # type: ignore[arg-type]
    expected = [["bench.report", "x.resolved.json"], ["bench.workflow.final_rule", "x.resolved.json"]]
    assert calls == (expected if made else [])


def test_an_output_that_looks_older_than_its_input_is_no_error(contained: None) -> None:
    from snakemake.dag import DAG

    asyncio.run(DAG.check_output_mtime(SimpleNamespace(), SimpleNamespace(input=["later"]), ["record.json"]))
