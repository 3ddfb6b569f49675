from __future__ import annotations

import re

import pytest

from bench import data
from bench.errors import UserError


@pytest.mark.parametrize("name", data.DATASETS)
def test_every_entry_is_complete(name: str) -> None:
    info = data.info(name)
    assert info.name == name
    assert re.fullmatch(r"[0-9a-f]{64}", info.sha256)
    assert len(info.mean) == len(info.std) == info.channels
    assert all(0 < value < 1 for value in (*info.mean, *info.std))


def test_fingerprints_tell_the_data_sets_apart() -> None:
    assert len({info.sha256 for info in data.DATASETS.values()}) == len(data.DATASETS)


def test_unknown_name_comes_with_the_closest() -> None:
    with pytest.raises(UserError, match=r"^data set 'cifar-10' is unknown; did you mean 'cifar10' or 'cifar100'\?$"):
        data.info("cifar-10")


def test_unknown_name_far_from_all_has_no_suggestion() -> None:
    with pytest.raises(UserError, match=r"^data set 'zzz' is unknown; there are"):
        data.info("zzz")
