"""The shared laboratory."""

from collections.abc import Iterator

import pytest

from bench.data import DATASETS
from tests.contract.harness import Laboratory


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """One results folder for all contract tests."""
    yield Laboratory(tmp_path_factory.mktemp("contract"))
    DATASETS.pop("tiny", None)
