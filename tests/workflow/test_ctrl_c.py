"""Ctrl-C at every stage of a call: what is finished stays, nothing is half-written, and the next call goes on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.counting import flops
from bench.data import info, prepare
from tests.workflow.test_killed_workflow import WAITS, begin, cloned, said, wait_until
from tests.workflow.test_workflow import Clone

STAGES = {
    "prepare": "results/logs/prepare/digits.log",
    "count": "results/logs/count/*.log",
    "train": "results/runs/*waits*/lock",
    "report": "results/logs/tiny-*-report.log",
}
"""What is there once a stage has begun."""


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """What is started in the background of a shell does not hear Ctrl-C, and neither do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.long
@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_loses_nothing_that_is_finished(tmp_path: Path, stage: str) -> None:
    clone = cloned(tmp_path / "clone")
    clone.method("waits", WAITS)
    clone.grid(methods=["dense", "waits"])
    if stage in ("train", "report"):
        prepare("digits", clone.folder / "results" / "data")
        flops.count("convnet_small", info("digits"), clone.folder / "results" / "archs")
    if stage == "report":
        (clone.folder / "mended").touch()
    call = begin(clone, "--until", "all")
    wait_until(lambda: list(clone.folder.glob(STAGES[stage])), stage)
    before = {path: path.read_bytes() for path in clone.records.values()}
    os.killpg(call.pid, signal.SIGINT)
    assert call.wait(timeout=120) != 0
    assert "Traceback" not in said(clone), said(clone)
    assert halves(clone) == []
    assert before.items() <= {path: path.read_bytes() for path in clone.records.values()}.items()

    (clone.folder / "mended").touch()
    again = begin(clone, "--until", "all")
    assert again.wait(timeout=600) == 0, said(clone)
    assert before.items() <= {path: path.read_bytes() for path in clone.records.values()}.items()
    assert {json.loads(path.read_text())["outcome"] for path in clone.records.values()} == {"ok"}
    assert "missing" not in clone.table
    assert halves(clone) == []


def halves(clone: Clone) -> list[Path]:
    """Files that are not whole."""
    return [path for folder in ("results", "reports") for path in (clone.folder / folder).rglob(".*")]
