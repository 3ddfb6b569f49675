"""Commands called in another folder than the checkout, and packages that were installed without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.commands.cli import call
from bench.plan.files import locate

ROOT = Path(__file__).parents[2]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = call(words)
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize("grid", [(), ("quick",), ("configs/quick.yaml",), ("quick.yaml",)])
def test_a_grid_is_found_by_its_name_anywhere(
    grid: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = said(capsys, "plan", "quick", "--no-probe", "budget=0.01")
    monkeypatch.chdir(tmp_path)
    elsewhere = said(capsys, "plan", *(grid or ("quick",)), "--no-probe", "budget=0.01")
    assert (here[0], elsewhere[0], elsewhere[2]) == (0, 0, "")
    assert here[1].splitlines()[0] == elsewhere[1].splitlines()[0]


def test_a_grid_in_this_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate(Path("rigl")) == Path("configs/papers/rigl.yaml")
    assert locate(Path("papers/rigl")) == Path("configs/papers/rigl.yaml")
    monkeypatch.chdir(tmp_path)
    assert locate(Path("quick")) == ROOT / "configs" / "quick.yaml"
    (tmp_path / "quick.yaml").touch()
    assert locate(Path("quick")) == Path("quick.yaml")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("quik", "quik: there is no such file; did you mean 'quick'?"),
        ("configs/quik.yaml", "configs/quik.yaml: there is no such file; did you mean 'quick'?"),
        ("zzzzzz", "zzzzzz: there is no such file."),
    ],
)
def test_a_grid_that_is_nowhere_comes_with_the_nearest(
    name: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("plan", "status", "report", "doctor"):
        assert said(capsys, command, name) == (2, "", f"reprune: {sentence}\n")


def test_doctor_looks_at_the_folder_it_is_called_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = said(capsys, "doctor", "--json")
    assert (status, err) == (0, "")
    assert '"ok": true' in out


def run(words: list[str], folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, env=os.environ | changes, capture_output=True, text=True, check=False)


def test_snakemake_is_started_from_elsewhere(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-n", "--config", "seeds=[0]"]
    done = run(words, tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_packages_without_their_checkout_say_so_in_one_sentence(tmp_path: Path) -> None:
    """As ``pip install .`` leaves them: `bench` and `methods`, and nothing of what lies beside them."""
    site = tmp_path / "site"
    for package in ("bench", "methods"):
        shutil.copytree(ROOT / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    for words in (["doctor"], ["plan", str(ROOT / "configs" / "quick.yaml")]):
        done = run([sys.executable, "-m", "bench.commands.cli", *words], tmp_path, PYTHONPATH=str(site))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"reprune: reprune is installed in {site} without its configs/ and published/; "
            "install it from a clone that stays where it is, by `pip install -e .` there.\n"
        )
    assert run([sys.executable, "-m", "bench.commands.cli", "--help"], tmp_path, PYTHONPATH=str(site)).returncode == 0
