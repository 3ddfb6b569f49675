"""The scripts for a GPU that is at hand for a few minutes, rehearsed where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def call(script, *words, **environment):
    return subprocess.run(
        [sys.executable, f"benchmarks/{script}", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_rehearsal_goes_through_all_pieces_and_the_next_call_through_none(tmp_path):
    words = ("--rehearse", "--out", str(tmp_path))
    first = call("gpu_day.py", *words, REPRUNE_GPUS="fake")
    assert first.returncode == 0, first.stderr
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.json")}
    table = results.pop("gpu")
    runs = [f"run-digits-convnet_small-gmp-0.9-{seed}" for seed in (0, 1)]
    assert set(results) == {"tests", "table", *runs}
    assert [result["status"] for result in results.values()] == [0] * 4
    assert len(list(tmp_path.glob("results/runs/*/record.json"))) == 2
    assert all(row["value"] > 0 and row["held"] is None for row in table["rows"])
    packed = [row["what"] for row in table["rows"] if "on one card" in row["what"]]
    assert packed == ["1 runs on one card", "2 runs on one card"]
    (tmp_path / f"{runs[1]}.json").unlink()
    again = call("gpu_day.py", *words, "--piece", "0.0001")
    assert again.stdout.splitlines() == [
        "tests is done",
        "table is done",
        f"{runs[0]} is done",
        f"{runs[1]} was cut off; the next call goes on",
    ]


@pytest.mark.parametrize("script", ["gpu.py", "gpu_day.py"])
def test_without_a_gpu_it_says_so(script):
    done = call(script, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert "there is no GPU that torch can use" in done.stderr
