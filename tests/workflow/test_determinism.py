"""The same grid twice, in another order and with another number of jobs: the same records, but for times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.survival.killing import timeless

CHECKOUT = Path(__file__).parents[2]
LISTS = ("architectures", "methods", "sparsities", "seeds")


def carried_out(folder: Path, cores: int, *, backwards: bool) -> dict[str, Any]:
    """The default grid's records by run, from a clone of its own."""
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(folder)], check=True)
    config = folder / "configs" / "quick.yaml"
    grid = yaml.safe_load(config.read_text())
    if backwards:
        config.write_text(yaml.safe_dump(grid | {name: grid[name][::-1] for name in LISTS}, sort_keys=False))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    found = folder.glob("results/runs/*/record.json")
    return {path.parent.name: timeless(json.loads(path.read_bytes())) for path in found}


@pytest.mark.long
def test_the_default_grid_in_another_order_with_other_numbers_of_jobs_gives_the_same_records(tmp_path: Path) -> None:
    one_by_one = carried_out(tmp_path / "forwards", cores=1, backwards=False)
    two_at_once = carried_out(tmp_path / "backwards", cores=2, backwards=True)
    assert len(one_by_one) == 90
    assert two_at_once == one_by_one
