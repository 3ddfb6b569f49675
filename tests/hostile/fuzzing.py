"""What all fuzz tests do: draw damaged input, and expect a result or one sentence, soon and in little memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.base.malloc import peak
from bench.errors import UserError

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "reports" / "reproductions" / "pretrained-cifar10"

LONGEST_SENTENCE, LONGEST_TIME, MOST_MEMORY = 3000, 20.0, 1_500_000_000
"""Letters, seconds and bytes of one case."""


def cases(long: int = 10_000) -> pytest.MarkDecorator:
    """200 cases, and so many in the long test."""
    return pytest.mark.parametrize("cases", [200, pytest.param(long, marks=pytest.mark.long)])


def expect_refusal_or_result(cases: int, strategy: st.SearchStrategy[Any], read: Callable[[Any], object]) -> None:
    """Draw so many cases; each is read, or refused by a `UserError` of one sentence, soon and in little memory."""

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=cases < 1000,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def case(drawn: Any) -> None:
        began, before = time.process_time(), peak()  # of each case: hypothesis keeps them all in memory
        try:
            read(drawn)
        except UserError as error:
            assert not {"\n", "\x1b", "\0"} & set(str(error)), str(error)[:200]
            assert len(str(error)) < LONGEST_SENTENCE, str(error)[:200]
        assert time.process_time() - began < LONGEST_TIME
        assert peak() - before < MOST_MEMORY

    case()
    assert not list(Path.cwd().glob("**/pwned*"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in an empty folder, so that what leaks out of a file name is seen."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def real_record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(min((KEPT / "records").glob("*magnitude*.json")).read_bytes())
    return found


def as_json(values: Any) -> bytes:
    return json.dumps(values).encode("utf-8", "surrogatepass")
