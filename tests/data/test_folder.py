"""Image folders: what is refused, each time in one sentence that names the file, and what the index says."""

from __future__ import annotations

import io
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import data
from bench.data import catalog, folder
from bench.data.photographs import decode
from bench.errors import UserError
from tests import photographs


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographs.draw(tmp_path_factory.mktemp("drawn"))


@pytest.fixture
def root(tmp_path: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, which a test may spoil."""
    monkeypatch.setitem(catalog.DATASETS, "photos", photographs.info())
    monkeypatch.setenv("REPRUNE_DATA", str(tmp_path))
    shutil.copytree(drawn, tmp_path / "photos")
    return tmp_path / "photos"


def prepared(root: Path) -> Path:
    return data.prepare("photos", root.parent / "results")


# -- the index ------------------------------------------------------------------------------------------------------


def test_files_and_labels_are_torchvision_s(root: Path) -> None:
    from torchvision.datasets import ImageFolder

    (root / "train" / "class1" / "notes.txt").write_text("no image")
    prepared(root)
    opened = data.load("photos", root.parent / "results")
    assert isinstance(opened, folder.Folder)
    for part, below in (("train", opened.train), ("val", opened.test)):
        samples = ImageFolder(str(root / part)).samples
        assert [str(root / path) for path in below.paths] == [path for path, _ in samples]
        assert below.labels.tolist() == [label for _, label in samples]
        assert below.sizes == [Path(path).stat().st_size for path, _ in samples]


def test_an_index_is_made_once_and_to_the_same_bytes(root: Path) -> None:
    path = prepared(root)
    content, written = path.read_bytes(), path.stat().st_mtime_ns
    assert prepared(root).stat().st_mtime_ns == written
    path.unlink()
    assert prepared(root).read_bytes() == content


def change(root: Path, how: str) -> None:
    image = root / "train" / "class1" / "2.jpg"
    if how == "is gone":
        image.unlink()
    elif how == "is new":
        shutil.copy(image, root / "train" / "class1" / "1b.jpg")
    else:
        image.write_bytes(image.read_bytes() + b"0")


@pytest.mark.parametrize("how", ["is gone", "is new", "has another size"])
def test_a_folder_that_changed_is_noticed(root: Path, how: str) -> None:
    prepared(root)
    change(root, how)
    with pytest.raises(UserError, match=rf"no longer as it was prepared: {root}/train/class1/\w+\.jpg {how}; put"):
        prepared(root)


def test_other_bytes_of_the_same_size_have_another_fingerprint(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = prepared(root)
    said = folder.summary(path, photographs.info())
    found = said.partition("fingerprint is ")[2][:64]
    monkeypatch.setitem(catalog.DATASETS, "photos", photographs.info(sha256=found))
    assert prepared(root) == path
    path.unlink()
    image = root / "val" / "class0" / "0.jpg"
    content = bytearray(image.read_bytes())
    content[-20] ^= 1
    image.write_bytes(content)
    with pytest.raises(UserError, match=rf"the files in {root} have the fingerprint \w+…, not {found[:12]}…"):
        prepared(root)
    assert not path.exists()


def test_an_index_of_other_files_than_registered_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = prepared(root)
    monkeypatch.setitem(catalog.DATASETS, "photos", photographs.info(sha256="0" * 64))
    with pytest.raises(UserError, match=f"{path} is not the registered data set 'photos'"):
        data.load("photos", path.parent)


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(path.read_bytes()[:200]), lambda path: path.unlink()])
def test_an_index_that_is_damaged_or_missing_is_one_sentence(root: Path, spoil: Callable[[Path], object]) -> None:
    path = prepared(root)
    spoil(path)
    with pytest.raises(UserError, match=rf"{path}.* (is damaged|makes it)") as caught:
        data.load("photos", path.parent)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "names", [("1", "2", "3"), ("1", "10", "7"), ("é ü", "日本", "z 'quoted'")], ids=["from 1", "gaps", "not ASCII"]
)
def test_labels_are_the_places_of_the_classes_names(root: Path, names: tuple[str, ...]) -> None:
    from torchvision.datasets import ImageFolder

    for part in ("train", "val"):
        for number, name in enumerate(names):
            (root / part / f"class{number}").rename(root / part / name)
    prepared(root)
    opened = data.load("photos", root.parent / "results")
    assert isinstance(opened, folder.Folder)
    assert set(opened.train.labels.tolist()) == {0, 1, 2}
    assert opened.train.labels.tolist() == ImageFolder(str(root / "train")).targets
    assert opened.train.paths[0].split("/")[1] == sorted(names)[0]


def test_classes_may_have_one_image_and_others_many(root: Path) -> None:
    for number in range(1, photographs.TRAIN):
        image = next((root / "train" / "class1").glob(f"{number}.*"))
        image.rename(root / "train" / "class2" / f"more{image.name}")
    prepared(root)
    opened = data.load("photos", root.parent / "results")
    assert opened.train.labels.bincount().tolist() == [8, 1, 15]  # type: ignore[union-attr]


# -- what is refused ------------------------------------------------------------------------------------------------


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8))

HUGE = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 1, 1, 0, 0)
"""The head of a bitmap of 3.6 billion pixels."""

DAMAGED = {
    "empty": (b"", "the file is empty"),
    "truncated": (jpeg(NOISE)[:-300], r"cannot be decoded \(image file is truncated"),
    "text": (b"<html>404</html>", r"cannot be decoded \(it is no image\)"),
    "only a head": (jpeg(NOISE)[:30], "cannot be decoded"),
    "a huge size": (HUGE, "cannot be decoded"),
}


@pytest.mark.parametrize(("content", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_is_no_whole_image_is_named(root: Path, content: bytes, reason: str) -> None:
    image = root / "val" / "class2" / "1.JPEG"
    image.write_bytes(content)
    with pytest.raises(UserError, match=f"^{image}: .*{reason}") as caught:
        prepared(root)
    assert "\n" not in str(caught.value)
    assert not (root.parent / "results" / "photos.safetensors").exists()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_other_kinds_of_images_become_rgb_as_torchvision_makes_them(root: Path, mode: str) -> None:
    from torchvision.datasets.folder import default_loader

    image = root / "train" / "class0" / "0.jpg"
    NOISE.convert("L").convert(mode).save(image, "TIFF")
    prepared(root)
    assert decode(image).mode == "RGB"
    assert decode(image).tobytes() == default_loader(str(image)).tobytes()


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_images_with_more_than_8_bits_are_refused(root: Path, mode: str) -> None:
    image = root / "train" / "class0" / "0.jpg"
    Image.new(mode, (30, 30)).save(image, "TIFF")
    with pytest.raises(UserError, match=f"^{image}: an image of kind '{mode}' has no 8 bits a channel"):
        prepared(root)


def dangling(root: Path) -> str:
    (root / "train" / "class0" / "0.jpg").unlink()
    (root / "train" / "class0" / "0.jpg").symlink_to("nowhere.jpg")
    return rf"{root}/train/class0/0\.jpg: there is no regular file behind this link"


def pipe(root: Path) -> str:
    (root / "train" / "class0" / "0.jpg").unlink()
    os.mkfifo(root / "train" / "class0" / "0.jpg")  # opening it would wait for somebody who writes
    return rf"{root}/train/class0/0\.jpg: there is no regular file"


def loop(root: Path) -> str:
    (root / "train" / "class0" / "again").symlink_to(root / "train")
    return f"{root}/train/class0/again: the link leads back to a folder that it lies in"


def empty(root: Path) -> str:
    for image in (root / "train" / "class1").iterdir():
        image.unlink()
    return rf"{root}/train/class1: the class folder holds no image \(\.jpg"


def one_class_less(root: Path) -> str:
    shutil.rmtree(root / "val" / "class1")
    return f"{root}/val: 2 class folders, and 'photos' has 3"


def another_class(root: Path) -> str:
    (root / "val" / "class1").rename(root / "val" / "other")
    return f"{root}/train/class1: this class is only in train, not in both train and val"


def one_image_less(root: Path) -> str:
    (root / "train" / "class1" / "0.jpg").unlink()
    return f"{root}/train: 23 images, and 'photos' has 24"


def no_part(root: Path) -> str:
    shutil.rmtree(root / "val")
    return rf"{root}/val: it should hold a folder for each class \(No such file"


def nothing(root: Path) -> str:
    shutil.rmtree(root)
    return f"data set 'photos': there is no folder {root}; name the one that holds photos as data_dir"


@pytest.mark.parametrize(
    "spoil",
    [
        *(empty, one_class_less, another_class, one_image_less, no_part, nothing),
        *(dangling, pipe, loop),
    ],
)
def test_folders_that_do_not_fit_are_one_sentence(root: Path, spoil: Callable[[Path], str]) -> None:
    said = spoil(root)
    with pytest.raises(UserError, match=f"^{said}") as caught:
        prepared(root)
    assert "\n" not in str(caught.value)


# -- the description ------------------------------------------------------------------------------------------------


def test_one_s_own_folder_is_a_file_in_configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "FOLDERS", tmp_path)
    photographs.describe(tmp_path)
    assert data.info("photos") == photographs.info()
    assert "photos" in data.names()


FACTS = "classes: 3\nsize: 24\ntrain_images: 3\ntest_images: 3\nmean: [0, 0, 0]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("size: 24", "the field 'classes' is missing"),
        ("classes: 3\nsize: 0", "field 'size' has to be above 0, not 0"),
        (f"{FACTS}std: [0, 1, 1]", "field 'std"),
        (f"{FACTS}std: [.nan, 1, 1]", "field 'std"),
        ("classes: [", "not valid YAML"),
        ("", "expected fields with values"),
    ],
)
def test_a_wrong_description_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr(catalog, "FOLDERS", tmp_path)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError, match=f"{tmp_path}/mine.yaml: {said}"):
        data.info("mine")


@pytest.mark.parametrize("name", ["../recipes/digits", "/etc/passwd", "a/b", ".", ""])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(UserError, match="is unknown"):
        data.info(name)


def test_what_a_description_says_is_part_of_the_identity() -> None:
    one = photographs.info(sha256="1" * 64)
    others = [
        photographs.info(sha256="2" * 64),
        photographs.info(sha256="1" * 64, mean=(0.5, 0.5, 0.5)),
        photographs.info(sha256="1" * 64, height=32, width=32),
    ]
    assert len({found.identity for found in (one, *others)}) == 4
    assert photographs.info(sha256="1" * 64, folder="moved", name="renamed").identity == one.identity
    assert data.info("cifar10").identity == data.info("cifar10").sha256
