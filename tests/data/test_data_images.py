from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from bench import data
from bench.data.images import FIELDS
from bench.errors import UserError


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data.prepare("digits", tmp_path_factory.mktemp("digits"))


def test_load_gives_what_was_prepared(digits: Path) -> None:
    images, arrays = data.load("digits", digits.parent), load_file(digits)
    for field in FIELDS:
        assert np.array_equal(getattr(images, field).numpy(), arrays[field])
    assert images.train_x.dtype == torch.uint8
    assert images.train_y.dtype == torch.int64


def test_data_not_prepared_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^data set 'cifar10' is not prepared: there is no .*cifar10\.safetensors; "):
        data.load("cifar10", tmp_path)


def test_a_truncated_file_is_refused(digits: Path, tmp_path: Path) -> None:
    (tmp_path / digits.name).write_bytes(digits.read_bytes()[:-1])
    with pytest.raises(UserError, match="is damaged"):
        data.load("digits", tmp_path)


def test_one_flipped_bit_in_the_pixels_is_found(digits: Path, tmp_path: Path) -> None:
    content = bytearray(digits.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / digits.name).write_bytes(content)
    with pytest.raises(UserError, match=r"digits\.safetensors is damaged \(its checksum does not match\); delete it"):
        data.load("digits", tmp_path)


@pytest.mark.parametrize("metadata", [None, {"sha256": "0" * 64}])
def test_a_file_of_another_data_set_is_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    save_file({field: np.zeros(3) for field in FIELDS}, tmp_path / "digits.safetensors", metadata)
    with pytest.raises(UserError, match="is not the registered data set 'digits'"):
        data.load("digits", tmp_path)


def test_planning_needs_no_heavy_package() -> None:
    code = "import sys; from bench import data; data.info('digits'); print({'torch', 'numpy'} & sys.modules.keys())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"
