"""Network files of authors, which a machine has where somebody brought them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.recompute import cells
from bench.recompute.files import find


def brought(source: str, file: str) -> Path:
    """The checked file of a source by its key; skips the test where it is not there."""
    found = find(cells.load(source).facts)
    if file not in found.files:
        pytest.skip(found.missing[file])
    return found.files[file]
