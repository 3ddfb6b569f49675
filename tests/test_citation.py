"""How to cite: CITATION.cff is valid and says what the package says of itself."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import yaml

import bench
from tests.validators import program

ROOT = Path(__file__).parents[1]


def test_it_says_what_the_package_says() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert cited["version"] == project["version"] == bench.__version__
    assert (cited["license"], cited["keywords"]) == (project["license"], project["keywords"])
    assert cited["authors"] == [{"name": "The reprune developers"}]


def test_its_schema_is_kept() -> None:
    command = [program("cffconvert"), "--validate", "-i", str(ROOT / "CITATION.cff")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid according to schema version 1.2.0" in done.stdout
