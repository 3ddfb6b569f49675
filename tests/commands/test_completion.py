"""What a shell is told after a tab, asked as bash asks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import archs, catalog, data
from bench.commands import completion
from bench.recipe import RECIPES

ROOT = Path(__file__).parents[2]


def completed(line: str, cwd: Path = ROOT) -> list[str]:
    """The words that bash is offered for the last word of a line."""
    words = line.split(" ")
    asked = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1), "_REPRUNE_COMPLETE": "complete_bash"}
    program = "from bench.commands.cli import main; main()"
    environment = os.environ | asked | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=cwd, capture_output=True, text=True, check=True
    )
    return ended.stdout.split()


def test_commands_and_options() -> None:
    assert {"doctor", "methods", "plan", "report"} <= set(completed("reprune "))
    assert completed("reprune new-") == ["new-method"]
    assert completed("reprune report --o") == ["--only", "--output"]
    assert completed("reprune report x --only ") == ["collect", "table"]


def test_names_of_every_kind() -> None:
    assert completed("reprune methods gr") == ["granet", "grasp", "grasp_it", "grasp_reversed", "greg"]
    assert completed("reprune archs resnet20") == ["resnet200", "resnet200d", "resnet20_cifar", "resnet20a_cifar"]
    assert completed("reprune recipes rigl") == ["rigl_cifar10", "rigl_imagenet"]
    assert completed("reprune prepare cifar") == ["cifar10", "cifar100"]
    assert completed("reprune published --method sn") == ["snfs", "snip"]
    assert completed("reprune run sn") == ["snfs", "snip"]
    assert completed("reprune run snip --arch convnet_st") == ["convnet_strided"]


def test_grids_kept_folders_and_runs(tmp_path: Path) -> None:
    for file in ("configs/mine.yaml", "configs/papers/other.yaml", "reports/reproductions/kept/grid.yaml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    for file in ("results/runs/digits-gmp-s0/record.json", "results/runs/digits-unfinished/log.txt"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    assert completed("reprune plan ", tmp_path) == ["configs/mine.yaml", "configs/papers/other.yaml"]
    assert completed("reprune report ", tmp_path)[-1] == "reports/reproductions/kept"
    assert completed("reprune extract dig", tmp_path) == ["digits-gmp-s0"]
    assert completed("reprune extract --results elsewhere ", tmp_path) == []
    assert completed("reprune compare digits-gmp-s0 ", tmp_path) == [
        "digits-gmp-s0",
        *completed("reprune report ", tmp_path),
    ]


def test_lists_are_those_of_the_suite() -> None:
    assert completion.methods("") == catalog.names()
    assert completion.recipes("") == sorted(file.stem for file in RECIPES.glob("*.yaml"))
    assert completion.datasets("") == sorted(data.names())
    assert completion.archs("") == sorted(archs.OWN)  # timm's 1,371 only once a letter is there
    assert "resnet50" in completion.archs("resnet5")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `reprune` on the path, as an installation makes it."""
    program = tmp_path / "bin" / "reprune"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom bench.commands.cli import main\nmain()\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_bash_itself_completes(installed: None) -> None:
    script = (
        'eval "$(_REPRUNE_COMPLETE=source_bash reprune)"; COMP_WORDS=(reprune methods rig); COMP_CWORD=2; '
        '_reprune_completion reprune; echo "${COMPREPLY[@]}"'
    )
    ended = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "rigl\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(shell: str, installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_REPRUNE_COMPLETE", f"source_{shell}")
    ended = subprocess.run(["reprune"], capture_output=True, text=True, check=True)
    assert f"_REPRUNE_COMPLETE=complete_{shell}" in ended.stdout


def test_a_tab_is_quick_and_imports_nothing_big() -> None:
    program = (
        "import sys; from bench.commands.cli import main; from bench.commands import completion\n"
        "completion.archs('res'); completion.methods(''); completion.datasets('')\n"
        "print(sorted({'torch', 'timm', 'pandas', 'mlflow', 'snakemake'} & set(sys.modules)))\n"
        "import time; print(time.process_time())"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported, seconds = ended.stdout.splitlines()
    assert imported == "[]"
    assert float(seconds) < 1  # of the processor; 0.3 where this was written
