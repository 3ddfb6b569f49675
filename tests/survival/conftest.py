"""Results with the data in them, to be copied."""

from pathlib import Path

import pytest

from bench.counting import flops
from bench.data import info, prepare


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder in which nothing is trained yet."""
    results = tmp_path_factory.mktemp("prepared")
    prepare("digits", results / "data")
    flops.count("convnet_small", info("digits"), results / "archs")
    return results
