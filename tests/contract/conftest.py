"""The shared laboratory."""

from collections.abc import Iterator

import pytest

from bench.data import DATASETS
from tests.contract.harness import Laboratory, in_common


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """One results folder for all contract tests."""
    yield in_common(tmp_path_factory)
    DATASETS.pop("tiny", None)
