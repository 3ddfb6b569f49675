"""What the workflow costs around training: whole commands as a user types them, in seconds of the clock.

``pytest benchmarks/test_workflow.py --benchmark-enable -n0 -s`` takes some ten minutes; the default grid is really run.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import synthetic

ROOT = Path(__file__).parents[1]
WORKERS = 2
ARCHITECTURES = ["resnet20_cifar", "resnet32_cifar", "resnet56_cifar", "wrn22_2_cifar", "vgg19_bn_cifar"]


@pytest.fixture
def note(benchmark: Any) -> Callable[..., None]:
    """Time a function once, and keep its ratio to what it is measured against, with the target, in the JSON."""

    def measure(what: str, work: Callable[[], float | None], against: str, allowed: float, target: float = 1.0) -> None:
        began, used = time.monotonic(), _used()
        base = benchmark.pedantic(work, rounds=1)
        seconds = time.monotonic() - began
        ratio = seconds / (allowed if base is None else base)
        print(f"\n{what}: {seconds:.1f} s, {_used() - used:.1f} of them on a processor; {ratio:.2f} × {against}")
        named = {"what": what, "against": against, "target": target, "better": "lower"}
        benchmark.extra_info.update(named | dict.fromkeys(("ratio", "low", "high"), ratio))

    return measure


def _used() -> float:
    """Processor seconds of all processes that were waited for; forks of `bench.workflow.fork_server` are not."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def command(*words: str, folder: Path) -> str:
    """Run a module of Python in the checkout, and give what it prints."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with (folder / "said").open("w+") as said:
        subprocess.run([sys.executable, "-m", *words], cwd=ROOT, env=environment, stdout=said, stderr=said, check=True)
        said.seek(0)
        return said.read()


def test_the_default_grid(note: Callable[..., None], tmp_path: Path) -> None:
    """Wall × workers against the seconds of training in the records; the target is 1.6."""

    def run() -> float:
        changes = [f"results={tmp_path}/results", f"reports={tmp_path}/reports"]
        command("snakemake", "--cores", str(WORKERS), "--config", *changes, folder=tmp_path)
        records = [json.loads(path.read_bytes()) for path in tmp_path.glob("results/runs/*/record.json")]
        assert len(records) == 90
        return sum(record["cost"]["seconds"] for record in records) / WORKERS

    against = "the seconds of training in the records, divided by the workers"
    note("the default grid on two workers", run, against, 1.0, target=1.6)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 1,000 synthetic records and a file of their grid."""
    folder = tmp_path_factory.mktemp("thousand")
    grid, _ = synthetic.fill(folder)
    (folder / "grid.yaml").write_text(yaml.safe_dump(grid.model_dump(mode="json", exclude_defaults=True)))
    return folder


def test_1_000_records_are_collected_and_tabulated(note: Callable[..., None], thousand: Path) -> None:
    """The first time, with a tracking store to be made."""
    report = ("bench.report", str(thousand / "grid.yaml"))
    note("collect + tables of 1,000 records, first time", lambda: _says("1000 logged", report, thousand), "90 s", 90)


def test_one_of_1_000_records_is_new(note: Callable[..., None], thousand: Path) -> None:
    """After the one above."""
    report = ("bench.report", str(thousand / "grid.yaml"))
    changed = next(thousand.glob("results/runs/*/record.json"))
    changed.write_text(changed.read_text() + "\n")
    note("collect + tables, one record new", lambda: _says("1 logged, 999 unchanged", report, thousand), "10 s", 10)


def _says(wanted: str, words: tuple[str, ...], folder: Path) -> None:
    assert wanted in command(*words, folder=folder)


def test_dry_run_of_5_000_runs(note: Callable[..., None], tmp_path: Path) -> None:
    """Nothing is there yet, so all are listed."""
    grid = synthetic.grid(tmp_path, architectures=ARCHITECTURES)
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(grid.model_dump(mode="json", exclude_defaults=True)))
    words = ("snakemake", "-n", "--cores", "2", "--configfile", str(tmp_path / "grid.yaml"))
    note("dry-run of 5,000 runs", lambda: _says("5000 of 5000 runs would be trained", words, tmp_path), "20 s", 20)
