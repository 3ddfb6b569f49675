from __future__ import annotations

import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bench import data
from bench.data.images import fingerprint
from bench.data.prepare import prepare
from bench.data.subset import choose
from bench.errors import UserError
from tests.real_data import folder_with

MODULE = sys.modules["bench.data.prepare"]  # the package shows the function of the same name


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare("digits", tmp_path_factory.mktemp("digits"))


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with nothing said about where data lie."""
    monkeypatch.delenv("REPRUNE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small() -> dict[str, np.ndarray]:
    return {
        "train_x": np.arange(12, dtype=np.uint8).reshape(3, 1, 2, 2),
        "train_y": np.array([0, 1, 0]),
        "test_x": np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2),
        "test_y": np.array([1, 0]),
    }


# -- digits ---------------------------------------------------------------------------------------------------------


def test_digits_are_halved_and_stratified(digits: Path) -> None:
    arrays = load_file(digits)
    assert arrays["train_x"].shape == (898, 1, 8, 8)
    assert arrays["test_x"].shape == (899, 1, 8, 8)
    assert arrays["train_x"].dtype == np.uint8
    assert arrays["train_y"].dtype == np.int64
    counts = np.bincount(arrays["train_y"]) - np.bincount(arrays["test_y"])
    assert np.all(np.abs(counts) <= 1)


def test_digits_are_all_there_once_and_scaled(digits: Path) -> None:
    from sklearn.datasets import load_digits

    arrays, original = load_file(digits), load_digits()
    images = np.concatenate([arrays["train_x"], arrays["test_x"]]).reshape(1797, 64)
    labels = np.concatenate([arrays["train_y"], arrays["test_y"]])
    ours = sorted((label, row.tobytes()) for label, row in zip(labels, images, strict=True))
    # 16 steps of grey: 0 → 0, 8 → 8 · 255 // 16 = 127, 16 → 255.
    scaled = (original.data.astype(int) * 255 // 16).astype(np.uint8)
    theirs = sorted((label, row.tobytes()) for label, row in zip(original.target, scaled, strict=True))
    assert ours == theirs
    assert set(np.unique(images)) >= {0, 127, 255}


def test_statistics_of_digits_are_the_registered_ones(digits: Path) -> None:
    check_statistics("digits", load_file(digits))


def check_statistics(name: str, arrays: dict[str, np.ndarray]) -> None:
    info, pixels = data.info(name), arrays["train_x"] / 255
    assert np.allclose(pixels.mean((0, 2, 3)), info.mean, atol=5e-5)
    assert np.allclose(pixels.std((0, 2, 3)), info.std, atol=5e-5)
    assert arrays["train_x"].shape == (info.train_images, info.channels, info.height, info.width)
    assert arrays["test_x"].shape == (info.test_images, info.channels, info.height, info.width)
    assert set(arrays["train_y"]) == set(arrays["test_y"]) == set(range(info.classes))


# -- the file -------------------------------------------------------------------------------------------------------


def test_a_right_file_is_left_alone(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digits.stat()
    monkeypatch.setattr(MODULE, "_digits", lambda: pytest.fail("decoded again"))
    assert prepare("digits", digits.parent) == digits
    assert (digits.stat().st_ino, digits.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_nothing_else_is_left_in_the_folder(digits: Path) -> None:
    assert [path.name for path in digits.parent.iterdir()] == ["digits.safetensors"]


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "other"])
def test_a_damaged_file_is_made_anew(digits: Path, tmp_path: Path, damage: str) -> None:
    right = digits.read_bytes()
    broken = tmp_path / "digits.safetensors"
    if damage == "other":
        save_file({"train_x": np.zeros(3)}, broken)
    else:
        flipped = right[:-5] + bytes([right[-5] ^ 1]) + right[-4:]
        broken.write_bytes({"flipped": flipped, "truncated": right[:-100], "empty": b""}[damage])
    assert prepare("digits", tmp_path).read_bytes() == right


def test_other_images_are_refused_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "_digits", small)
    with pytest.raises(UserError, match=r"^data set 'digits': the decoded images have the fingerprint .*…, not .*…"):
        prepare("digits", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", ["pixel", "label", "dtype", "shape", "swap"])
def test_the_fingerprint_sees_every_change(change: str) -> None:
    arrays = small()
    if change == "pixel":
        arrays["test_x"][1, 0, 1, 1] += 1
    elif change == "label":
        arrays["train_y"][2] = 1
    elif change == "dtype":
        arrays["train_y"] = arrays["train_y"].astype(np.int32)
    elif change == "shape":
        arrays["train_x"] = arrays["train_x"].reshape(3, 2, 2, 1)
    else:
        arrays["train_x"], arrays["test_x"] = arrays["test_x"], arrays["train_x"]
    assert fingerprint(arrays) != fingerprint(small())


def test_the_fingerprint_is_of_the_values_not_of_their_layout() -> None:
    arrays = small()
    arrays["train_x"] = np.asfortranarray(arrays["train_x"])
    arrays["train_y"] = arrays["train_y"].astype(">i8")
    assert fingerprint(arrays) == fingerprint(small())


# -- where the originals are ----------------------------------------------------------------------------------------


def test_missing_data_are_one_sentence_with_three_ways_out(nowhere: Path) -> None:
    with pytest.raises(UserError) as raised:
        prepare("cifar10", nowhere / "out")
    message = str(raised.value)
    assert message.startswith("data set 'cifar10' was not found whole in data/cifar-10-batches-py (there is no such")
    assert all(way in message for way in ("data_dir", "$REPRUNE_DATA", "download: true"))


def test_the_argument_goes_before_the_variable(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRUNE_DATA", "/from/variable")
    with pytest.raises(UserError, match="/from/variable/cifar-100-python"):
        prepare("cifar100", nowhere)
    with pytest.raises(UserError, match="/from/argument/FashionMNIST/raw"):
        prepare("fashion_mnist", nowhere, Path("/from/argument"))


def test_a_file_with_a_wrong_checksum_is_refused(nowhere: Path) -> None:
    folder = nowhere / "cifar-10-batches-py"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"data_batch_{number}").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"/data_batch_1 is damaged: its MD5 sum is .*; torchvision says: Dataset not"):
        prepare("cifar10", nowhere / "out", nowhere)


def write_fashion(root: Path, cut: int = 0) -> None:
    """Well-formed Fashion-MNIST files with three images in each part, the training images shortened by `cut` bytes."""
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        images = struct.pack(">4i", 2051, 3, 28, 28) + bytes(3 * 28 * 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(images[: len(images) - cut])
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, 3) + bytes(3))


def test_fashion_mnist_has_no_checksums_but_the_fingerprint(nowhere: Path) -> None:
    write_fashion(nowhere)
    with pytest.raises(UserError, match=r"the decoded images of .*FashionMNIST/raw \(.*train-images-idx3-ubyte is dam"):
        prepare("fashion_mnist", nowhere / "out", nowhere)


def test_a_cut_off_file_is_refused(nowhere: Path) -> None:
    write_fashion(nowhere, cut=100)
    with pytest.raises(
        UserError, match=r"train-images-idx3-ubyte is damaged: it has 2,268 bytes instead of 47,040,016"
    ):
        prepare("fashion_mnist", nowhere / "out", nowhere)


def test_a_failed_download_is_one_sentence(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(root: Path, train: bool, download: bool = False) -> Any:
        assert download
        raise URLError("no network")

    monkeypatch.setattr("torchvision.datasets.CIFAR10", offline)
    with pytest.raises(UserError, match=r"torchvision says: <urlopen error no network>\)"):
        prepare("cifar10", nowhere / "out", nowhere, download=True)


def test_a_part_is_what_the_tutorial_of_set_takes() -> None:
    """It seeds numpy with 0, shuffles the training indices, then those of the test, and takes the first of each."""
    state = np.random.get_state()
    np.random.seed(0)
    train, test = np.arange(60_000), np.arange(10_000)
    np.random.shuffle(train)
    np.random.shuffle(test)
    np.random.set_state(state)
    whole = {"train_x": np.arange(60_000), "train_y": -np.arange(60_000), "test_x": np.arange(10_000)}
    found = choose(whole | {"test_y": -whole["test_x"]}, data.info("fashion_mnist_2000"))
    assert np.array_equal(found["train_x"], train[:2000])
    assert np.array_equal(found["test_x"], test[:1000])
    assert np.array_equal(found["train_y"], -train[:2000])
    assert np.array_equal(found["test_y"], -test[:1000])


def test_a_part_is_decoded_from_the_originals_of_the_whole(nowhere: Path) -> None:
    with pytest.raises(UserError, match=r"^data set 'fashion_mnist' was not found whole in data/FashionMNIST/raw"):
        prepare("fashion_mnist_2000", nowhere / "out")
    write_fashion(nowhere)
    with pytest.raises(UserError, match=r"^data set 'fashion_mnist_2000': the decoded images of .*FashionMNIST/raw"):
        prepare("fashion_mnist_2000", nowhere / "out", nowhere)


# -- real data ------------------------------------------------------------------------------------------------------


@pytest.fixture
def big_folder() -> Iterator[Path]:
    """A folder that is removed at once: pytest would keep 200 MB of several sessions."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "mnist", "fashion_mnist", "fashion_mnist_2000"])
def test_real_data_have_the_registered_fingerprint_and_statistics(name: str, big_folder: Path) -> None:
    check_statistics(name, load_file(prepare(name, big_folder, folder_with(name))))
