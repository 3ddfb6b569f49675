"""The workflow as a user meets it: commands in a fresh clone, with a grid of two runs that take a second each."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
LONG = pytest.mark.long
"""Of what only the grid decides, a case or two go through Snakemake by default."""
GRID = {
    "title": "Tiny",
    "recipe": "digits",
    "datasets": ["digits"],
    "architectures": ["convnet_small"],
    "methods": ["dense", "random"],
    "sparsities": [0.9],
    "seeds": [0],
    "budget": 0.02,
}


@dataclass(frozen=True)
class Ended:
    """What a command left on the terminal, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """The lines of our own on standard error; Snakemake names its profile and changes of the configuration."""
        return [line for line in self.err.splitlines() if not line.startswith(("Using workflow", "Config file"))]


@dataclass(frozen=True)
class Clone:
    """A clone of this checkout in which commands can be run."""

    folder: Path

    def run(self, *words: str) -> Ended:
        """Run a Python module with the clone's code, whatever is installed."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def snakemake(self, *words: str) -> Ended:
        """`snakemake --cores 2` on the tiny grid."""
        return self.run("snakemake", "--cores", "2", "--configfile", "configs/tiny.yaml", *words)

    def reprune(self, *words: str) -> Ended:
        """The command line."""
        return self.run("bench.commands.cli", *words)

    def grid(self, **changes: object) -> None:
        """Write the tiny grid, with fields changed."""
        (self.folder / "configs" / "tiny.yaml").write_text(yaml.safe_dump(GRID | changes))

    def method(self, name: str, body: str) -> None:
        """Drop in a method whose saliency begins with `body`, or a whole file if it is one."""
        (self.folder / "methods" / f"{name}.py").write_text(body if "class " in body else METHOD.format(body=body))

    @property
    def records(self) -> dict[str, Path]:
        """Records by run id."""
        return {path.parent.name: path for path in self.folder.glob("results/runs/*/record.json")}

    @property
    def table(self) -> str:
        """The table, as Markdown."""
        return (self.folder / "reports" / "tiny-budget-0.02" / "table.md").read_text()

    @property
    def printed(self) -> str:
        """The table as it is printed."""
        return (self.folder / "reports" / "tiny-budget-0.02" / "table.txt").read_text().rstrip()

    def files(self) -> dict[str, int]:
        """When each result and report was written; the log of what was printed last is no result."""
        found = [path for folder in ("results", "reports") for path in (self.folder / folder).rglob("*")]
        return {str(path): path.stat().st_mtime_ns for path in found if path.is_file() and path.suffix != ".log"}


METHOD = '''"""A method that is dropped in."""

import os
import signal
from pathlib import Path

from bench.method import Method


class DroppedIn(Method):
    """Fails until a file called "mended" lies in the checkout."""

    def saliency(self, run):
        if not Path("mended").exists():
            {body}
        return run.weights.abs()
'''


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, Ended]:
    """A clone in which the tiny grid has been run, and what that printed."""
    folder = tmp_path_factory.mktemp("workflow") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(folder)], check=True)
    clone = Clone(folder)
    clone.grid()
    return clone, clone.snakemake()


@pytest.fixture
def clone(finished: tuple[Clone, Ended], tmp_path: Path) -> Clone:
    """A copy of the finished clone, to be changed."""
    assert finished[1].status == 0, finished[1]
    return Clone(Path(shutil.copytree(finished[0].folder, tmp_path / "clone", symlinks=True)))


def test_the_first_call_trains_tabulates_and_says_where_the_reports_lie(finished: tuple[Clone, Ended]) -> None:
    clone, ended = finished
    assert ended.status == 0, ended
    lines = ended.out.splitlines()
    assert lines[0] == "2 of 2 runs to train"
    assert re.search(r"^\[1/2\] digits · convnet_small · .*seed 0 → \d+\.\d %   \d+ s left$", ended.out, re.MULTILINE)
    assert re.search(r"^\[2/2\] digits · convnet_small · .*seed 0 → \d+\.\d %$", ended.out, re.MULTILINE)
    assert clone.printed in ended.out
    assert "\nreports/tiny-budget-0.02: " in ended.out
    assert "accuracy-sparsity-digits.svg" in ended.out
    assert {json.loads(path.read_text())["outcome"] for path in clone.records.values()} == {"ok"}
    assert ended.said == []


def test_a_second_call_does_nothing(clone: Clone) -> None:
    before = clone.files()
    ended = clone.snakemake()
    assert ended.status == 0, ended
    assert ended.out.startswith("Every run is finished.\n")
    assert clone.printed in ended.out
    assert clone.files() == before


def test_snakemakes_own_report_holds_page_tables_and_figures(clone: Clone) -> None:
    before = clone.files()
    ended = clone.snakemake("--report", "snakemake.html")
    assert ended.status == 0, ended
    assert "WARNING" not in ended.err  # from a caption, say
    text = (clone.folder / "snakemake.html").read_text()
    folder = "reports/tiny-budget-0.02"
    for name in ("report.html", "table.csv", "comparison.csv", "accuracy-sparsity-digits.svg", "provenance.md"):
        assert f"{folder}/{name}" in text
    for said in ("accuracy against multiply-adds", "Only runs that ended well count", "Runs of a grid"):
        assert said in text
    assert re.findall(r"""<(?:script|link|img)[^>]*(?:src|href)=["']https?:""", text) == []
    assert clone.files() == before


def test_another_seed_trains_only_what_is_new(clone: Clone) -> None:
    before = {run: path.stat().st_mtime_ns for run, path in clone.records.items()}
    clone.grid(seeds=[0, 1])
    ended = clone.snakemake("--until", "train")
    assert ended.status == 0, ended
    assert ended.out.startswith("2 of 4 runs to train\n")
    after = {run: path.stat().st_mtime_ns for run, path in clone.records.items()}
    assert before.items() <= after.items()
    assert len(after) == 4


@pytest.mark.parametrize(
    ("change", "first", "listed"),
    [
        ({"methods": ["dense", "random", "snip"]}, "1 of 3 runs would be trained", "snip · 90 %"),
        pytest.param({"sparsities": [0.9, 0.5]}, "1 of 3 runs would be trained", "random · 50 %", marks=LONG),
        pytest.param({"budget": 0.04}, "2 of 2 runs would be trained", "random · 90 %", marks=LONG),
        ({"title": "Another"}, "Every run is finished.", ""),
    ],
)
def test_a_dry_run_lists_what_a_changed_grid_would_train(clone: Clone, change, first: str, listed: str) -> None:
    clone.grid(**change)
    before = clone.files()
    ended = clone.snakemake("-n")
    assert ended.status == 0, ended
    assert first in ended.out.splitlines()
    assert listed in ended.out
    assert clone.files() == before


def test_a_grid_given_by_configfile_is_not_merged_with_the_default_one(clone: Clone) -> None:
    words = [*GRID["methods"], *GRID["architectures"]]
    listed = clone.snakemake("-n", "--forceall").out
    assert "resnet8_cifar" not in listed
    assert all(word in listed for word in words)


def test_a_field_can_be_changed_for_one_call(clone: Clone) -> None:
    assert "seed 7" in clone.snakemake("-n", "--config", "seeds=[7]").out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("methods=[randon]", "there is no method 'randon' in methods/; did you mean 'random'?"),
        pytest.param("architectures=[resnet8_cifr]", "resnet8_cifar", marks=LONG),
        pytest.param("datasets=[digit]", "did you mean 'digits'?", marks=LONG),
        pytest.param("sparsities=[1.5]", "1.5 is not in [0, 1)", marks=LONG),
        ("sparsity=[0.5]", "unknown field 'sparsity'"),
        pytest.param("recipe=absent", "recipe 'absent'", marks=LONG),
    ],
)
def test_a_wrong_grid_is_one_sentence_before_anything_starts(clone: Clone, change: str, sentence: str) -> None:
    ended = clone.snakemake("--config", change)
    assert ended.status == 2
    assert len(ended.said) == 1
    assert ended.said[0].startswith("reprune: configs/tiny.yaml: ")
    assert sentence in ended.said[0]
    assert ended.out == ""


def test_the_method_of_the_readme_and_the_skeleton_are_complete(clone: Clone) -> None:
    readme = (CHECKOUT / "README.md").read_text()
    (source,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(source.splitlines()) <= 15
    clone.method("ramp", source)
    assert clone.reprune("new-method", "my_idea").status == 0
    clone.grid(methods=["dense", "random", "ramp[schedule.every=1]", "my_idea"])
    ended = clone.snakemake()
    assert ended.status == 0, ended
    assert ended.out.startswith("2 of 4 runs to train\n")
    assert "ramp" in clone.table
    assert "my_idea" in clone.table
    listed = {method["name"]: method["summary"] for method in json.loads(clone.reprune("methods", "--json").out)}
    assert listed["ramp"].startswith("Prune the smallest weights while training")


def test_an_error_is_a_result_that_fails_the_call_and_can_be_retried(clone: Clone) -> None:
    clone.method("failing", 'raise ValueError("no such layer")')
    clone.grid(methods=["dense", "failing", "random"])
    ended = clone.snakemake()
    assert ended.status == 1
    assert "failing · 90 % · seed 0 → error: ValueError: no such layer" in ended.out
    assert "1 of 3 runs ended in an error:" in ended.out
    assert "no such layer" in clone.table
    assert "Traceback" not in ended.out + ended.err
    outcomes = {run: json.loads(path.read_text())["outcome"] for run, path in clone.records.items()}
    assert sorted(outcomes.values()) == ["error", "ok", "ok"]

    assert clone.snakemake().status == 1  # an error stays one until it is cleared
    assert clone.reprune("retry", "configs/tiny.yaml").status == 0
    assert set(clone.records) == {run for run, outcome in outcomes.items() if outcome == "ok"}

    (clone.folder / "mended").touch()
    ended = clone.snakemake()
    assert ended.status == 0, ended
    assert ended.out.startswith("1 of 3 runs to train\n")
    assert "no such layer" not in clone.table


def test_a_job_that_is_killed_leaves_no_record_and_is_run_again(clone: Clone) -> None:
    clone.method("killed", "os.kill(os.getpid(), signal.SIGKILL)")
    clone.grid(methods=["dense", "killed", "snip"])
    ended = clone.snakemake("--until", "train")
    assert ended.status == 1
    assert re.search(r"killed · 90 % · seed 0 → failed: .*results/logs/train/", ended.out)
    assert re.search(r"snip · 90 % · seed 0 → \d", ended.out)  # the others went on
    assert not any("killed" in run for run in clone.records)

    (clone.folder / "mended").touch()
    ended = clone.snakemake("--until", "train")
    assert ended.status == 0, ended
    assert ended.out.startswith("1 of 3 runs to train\n")


@pytest.mark.long
def test_a_tracking_server_that_is_away_costs_no_run_and_no_table(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    clone.grid(seeds=[3], tracking_uri="http://127.0.0.1:1")
    ended = clone.snakemake()
    assert ended.status == 2 and "a grid alone does not decide where records are sent" in ended.err
    monkeypatch.setenv("REPRUNE_TRACKING_URI", "http://127.0.0.1:1")
    ended = clone.snakemake()
    assert ended.status == 0, ended
    assert "the tracking store was out of reach (`reprune report` tries again)" in " ".join(ended.out.split())
    assert {json.loads(path.read_text())["outcome"] for path in clone.records.values()} == {"ok"}
    (log,) = clone.folder.glob("results/logs/*-report.log")
    assert "Connection refused" in log.read_text()
    refused = clone.snakemake("--", "collect")
    assert refused.status == 1
    assert "collect failed: reprune: the tracking store http://127.0.0.1:1 cannot be used" in refused.out

    (clone.folder / "results" / "mlflow.db").unlink()  # it came from another folder
    monkeypatch.delenv("REPRUNE_TRACKING_URI")
    clone.grid(seeds=[3])  # with a store again
    assert "2 logged, 0 unchanged" in clone.reprune("report", "configs/tiny.yaml").out
    assert "2 unchanged" in clone.reprune("report", "configs/tiny.yaml").out
    assert "equal to the records" in clone.table


def test_missing_data_are_named_before_anything_is_trained(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPRUNE_DATA", raising=False)
    ended = clone.snakemake("--config", "datasets=[cifar10]", "recipe=cifar10")
    assert ended.status == 1
    assert "prepare failed: reprune: data set 'cifar10' was not found whole in data/cifar-10-batches-py" in ended.out


def test_lint_is_clean(clone: Clone) -> None:
    ended = clone.snakemake("--lint")
    assert ended.status == 0, ended
