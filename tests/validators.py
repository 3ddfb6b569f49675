"""Checkers of formats, which have an environment of their own (envs/validators.txt)."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The path of a checker; skips the test where it is not installed."""
    found = shutil.which(name, path=str(Path(sys.prefix) / "validators" / "bin")) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; `make validators` does it")
    return found
