"""The script that prints the table of a GPU, rehearsed where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = [sys.executable, "benchmarks/gpu.py"]


def call(*words, **environment):
    return subprocess.run(
        [*SCRIPT, *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_rehearsal_measures_every_row(tmp_path):
    done = call("--small", "--seconds", "0.01", "--json", str(tmp_path / "gpu.json"), REPRUNE_GPUS="fake")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))["rows"]
    assert all(row["value"] > 0 and row["held"] is None for row in rows)
    assert [row["what"] for row in rows if "on one card" in row["what"]] == ["1 runs on one card", "2 runs on one card"]
    assert "price of deterministic mode" in done.stdout


def test_without_a_gpu_it_says_so():
    done = call(CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert "there is no GPU that torch can use" in done.stderr
