"""Image folders that fit into memory, on a made-up one of Tiny ImageNet's layout: decoded once, then as CIFAR is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

from bench import data
from bench.data import DataInfo, catalog
from bench.data.batches import batches_of
from bench.errors import UserError
from bench.recipe import Recipe
from bench.recipe.phase import Phase

CLASSES, TRAIN, TEST, SIDE = ("n01443537", "n01629819", "n02999410"), 4, 2, 64


def info(**changes: object) -> DataInfo:
    facts = {"name": "tiny", "classes": 3, "channels": 3, "height": SIDE, "width": SIDE, "train_images": 3 * TRAIN}
    facts |= {"test_images": 3 * TEST, "mean": (0.48, 0.45, 0.4), "std": (0.28, 0.27, 0.28), "sha256": ""}
    return DataInfo(**(facts | {"pictures": "tiny-imagenet-200"} | changes))  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Training images in folders of their own below the class, with boxes beside them; one image is grey."""
    monkeypatch.setitem(catalog.DATASETS, "tiny", info())
    monkeypatch.setenv("REPRUNE_DATA", str(tmp_path))
    random, folder = np.random.default_rng(0), tmp_path / "tiny-imagenet-200"
    for number, name in enumerate(CLASSES):
        below = {"train": folder / "train" / name / "images", "val": folder / "val" / name}
        for part, count in (("train", TRAIN), ("val", TEST)):
            below[part].mkdir(parents=True)
            for index in range(count):
                pixels = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
                grey = (part, number, index) == ("train", 1, 2)
                picture = Image.fromarray(pixels).convert("L") if grey else Image.fromarray(pixels)
                picture.save(below[part] / f"{name}_{index}.JPEG", quality=95)
        (folder / "train" / name / f"{name}_boxes.txt").write_text("0 0 1 1")
    return folder


def prepared(root: Path) -> Path:
    return data.prepare("tiny", root.parent / "results")


def test_images_are_those_that_pillow_decodes_in_torchvisions_order(root: Path) -> None:
    arrays = load_file(prepared(root))
    assert arrays["train_x"].shape == (12, 3, SIDE, SIDE)
    assert arrays["train_y"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert arrays["test_y"].tolist() == [0, 0, 1, 1, 2, 2]
    for row, path in enumerate(sorted((root / "train").rglob("*.JPEG"))):
        with Image.open(path) as picture:
            assert np.array_equal(arrays["train_x"][row], np.asarray(picture.convert("RGB")).transpose(2, 0, 1))


def test_they_are_padded_cropped_and_told_by_what_was_decoded(root: Path) -> None:
    prepared(root)
    images = data.load("tiny", root.parent / "results")
    assert isinstance(images, data.images.Images)
    assert len(images.sha256) == 64
    chosen = Recipe.model_validate(
        {"batch_size": 4, "train": Phase(epochs=1, lr=0.1), "data": {"crop_padding": 4, "flip": True}}
    )
    made, labels = batches_of(images, info(), chosen, 0).train(0, 0)
    assert made.shape == (4, 3, SIDE, SIDE)
    black = torch.tensor([(0 - mean) / std for mean, std in zip(info().mean, info().std, strict=True)])
    assert bool((made - black.view(1, 3, 1, 1)).abs().lt(1e-5).all(1).any()), "what comes in at the border is black"
    assert labels.dtype == torch.int64


def test_an_image_of_another_size_is_named(root: Path) -> None:
    odd = root / "val" / CLASSES[1] / f"{CLASSES[1]}_0.JPEG"
    Image.new("RGB", (32, 64)).save(odd)
    with pytest.raises(UserError, match=r"n01629819_0\.JPEG has 32x64 pixels, not the 64x64 of all others\."):
        prepared(root)


def test_a_damaged_file_of_arrays_is_made_anew_though_none_is_registered(root: Path) -> None:
    path = prepared(root)
    before, arrays = path.read_bytes(), load_file(path)
    arrays["train_x"][0, 0, 0, 0] ^= 1
    save_file(arrays, path, metadata={"sha256": data.load.__module__})
    with pytest.raises(UserError, match="is damaged"):
        data.load("tiny", root.parent / "results")
    assert prepared(root).read_bytes() == before


def test_a_registered_fingerprint_refuses_other_images(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalog.DATASETS, "tiny", info(sha256="0" * 64))
    with pytest.raises(UserError, match=r"fingerprint [0-9a-f]{12}…, not 000000000000…"):
        prepared(root)


def test_descriptions_are_part_of_a_run_s_identity() -> None:
    assert info().identity != info(mean=(0.5, 0.5, 0.5)).identity
    assert info(pictures="", sha256="a").identity == "a"
    tiny = data.info("tiny_imagenet")
    assert (tiny.classes, tiny.height, tiny.train_images, tiny.test_images) == (200, 64, 100_000, 10_000)
    assert (tiny.folder, tiny.pictures) == ("", "tiny-imagenet-200")
