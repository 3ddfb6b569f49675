"""Snakemake's commands with every hostile character in every field that reaches one: planned, run, and run again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
SHELL = 'it\'s a "b"; touch pwned1 $(touch pwned2) `touch pwned3` & | > *'
GRID = {
    "title": f"{SHELL} {{run}} {{params.grid}} {{{{x}}}} \\ \N{GRINNING FACE}\n; touch pwned4",
    "recipe": "digits[train.epochs=1,train.milestones=[0.5]]",
    "datasets": ["digits"],
    "architectures": ["convnet_small"],
    "methods": ["dense"],
    "seeds": [0],
    "budget": 0.1,
    "results": f"results {SHELL}",
    "reports": f"reports {SHELL}",
    "data_dir": f"data {SHELL}",
    "claims": [{"claim": "dense >= dense", "source": f"{SHELL} {{x}}"}],
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in a folder whose name has everything that a path may have."""
    folder = tmp_path_factory.mktemp('it\'s a "b" $HOME `c`;') / "clone"
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(folder)], check=True)
    return folder


def snakemake(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "configs/tiny.yaml", *words]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=300)


def test_no_field_of_a_grid_reaches_a_shell_as_anything_but_a_word(clone: Path) -> None:
    (clone / "configs" / "tiny.yaml").write_text(yaml.safe_dump(GRID, allow_unicode=True))
    before = {path.name for path in clone.iterdir()}
    planned = snakemake(clone, "-n")
    assert planned.returncode == 0, planned
    assert "1 of 1 runs would be trained" in planned.stdout
    done = snakemake(clone, "--config", f"title={SHELL} again")
    assert done.returncode == 0, done
    assert "1 of 1 runs to train" in done.stdout
    assert {path.name for path in clone.iterdir()} - before <= {GRID["results"], GRID["reports"], ".snakemake"}
    assert (clone / str(GRID["reports"]) / "tiny-budget-0.1" / "report.html").exists()
    assert not list(clone.parent.rglob("pwned*"))


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(
            ("results", "a{run}"),
            ("results", "a\nb"),
            ("reports", "-rf"),
            ("name", "../../x"),
            ("name", "a; touch pwned"),
        ),
        *(
            ("datasets", ["$(touch pwned)"]),
            ("architectures", ["resnet50.$(touch pwned)"]),
            ("methods", ["a; touch x"]),
        ),
        *(("recipe", "../../x"), ("data_dir", "{wildcards}"), ("threads", 10**9), ("seeds", [10**400])),
    ],
)
def test_what_could_leave_a_folder_or_be_a_wildcard_is_one_sentence(clone: Path, field: str, text: object) -> None:
    (clone / "configs" / "tiny.yaml").write_text(yaml.safe_dump(GRID | {field: text}))
    if field == "results" and text == "a{run}":  # once for real; the rest is what Snakemake would call
        done = snakemake(clone, "-n")
        assert done.returncode == 2
        said = [line for line in done.stderr.splitlines() if not line.startswith(("Using workflow", "Config file"))]
        assert len(said) == 1
        assert said[0].startswith("reprune: configs/tiny.yaml: field 'results': ")
    from bench.errors import UserError
    from bench.plan.grid import load

    with pytest.raises(UserError, match=r"tiny\.yaml: "):
        load(clone / "configs" / "tiny.yaml")
