"""A made-up source for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recompute.synthetic import Synthetic


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Synthetic:
    """A source of two files and three cells, all of which agree."""
    return Synthetic(tmp_path, monkeypatch)
