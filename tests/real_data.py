"""Published data sets, which not every machine has, and few have all of."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.prepare import VARIABLE, data_root, originals


def folder_with(name: str) -> Path:
    """The folder of downloaded data sets; skips the test where this one is not among them."""
    found = originals(name)
    assert found is not None, f"'{name}' needs no folder"
    if not found.is_dir():
        pytest.skip(f"there is no {found}; ${VARIABLE} names no folder with {name}")
    return data_root()
