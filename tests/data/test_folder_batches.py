"""Batches of image folders: what they depend on, and that worker processes change nothing but the time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from bench.data import DataInfo
from bench.data import folder as folders
from bench.data.batches import Batches, batches_of
from bench.data.folder_batches import FolderBatches
from bench.errors import UserError
from bench.recipe import Data, Photographs, Recipe, Scoring
from bench.recipe.phase import Phase
from bench.seeds import seed_for
from tests import photographs

INFO = photographs.info()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> folders.Folder:
    data_dir = tmp_path_factory.mktemp("photographs")
    root = photographs.draw(data_dir)
    folders.save(data_dir / "photos.safetensors", folders.index(INFO, root))
    return folders.load(data_dir / "photos.safetensors", INFO, root)


Make = Callable[..., FolderBatches]


@pytest.fixture
def batches(opened: folders.Folder) -> Iterator[Make]:
    """Makes batches of 7, whose processes end with the test."""
    made = []

    def make(seed: int = 0, workers: int = 0, info: DataInfo = INFO, **fields: Any) -> FolderBatches:
        top = {name: fields.pop(name) for name in ("scoring", "precision", "batch_size") if name in fields}
        data = Data(**({"flip": True} | fields))
        recipe = Recipe(**({"name": "test", "batch_size": 7, "train": Phase(epochs=2, lr=0.1), "data": data} | top))
        found = batches_of(opened, info, recipe, seed, workers=workers)
        assert isinstance(found, FolderBatches)
        made.append(found)
        return found

    yield make
    for each in made:
        each.close()


Batch = tuple[torch.Tensor, torch.Tensor]


def equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def sequence(made: Batches) -> list[Batch]:
    """What a run asks for: steps, scoring in between, the end of an epoch, an evaluation, and another stage."""
    found = [made.train(0, 1), made.train(0, 2), made.scoring(0, "stage", 1), made.train(0, 3)]
    found += [*made.evaluation("test"), made.train(1, 0), made.train(0, 0, phase="finetune")]
    return [*found, made.scoring(1, "stage", 1), made.balanced(1, 0, "stage")]


# -- worker processes -----------------------------------------------------------------------------------------------


def test_the_number_of_workers_changes_no_bit(batches: Make) -> None:
    photos = Photographs(rand_augment=9, mixup=0.8, cutmix=1.0, interpolation="bicubic")
    alone = sequence(batches(photographs=photos))
    for workers in (1, 2):
        made = batches(photographs=photos, workers=workers)
        found = sequence(made)
        assert all(equal(one, other) for one, other in zip(alone, found, strict=True)), workers
        made.close()
        assert [process.poll() for process in made._decoder._processes] == [-signal.SIGKILL] * workers


def test_a_worker_says_which_file_it_cannot_use_and_goes_on_until_it_is_killed(
    batches: Make, opened: folders.Folder
) -> None:
    made = batches(workers=1, batch_size=24)
    first = made.train(0, 0)
    image = opened.root / opened.train.paths[5]
    content = image.read_bytes()
    try:
        image.write_bytes(b"x" * len(content))
        with pytest.raises(UserError, match=rf"^{image}: the image cannot be decoded \(it is no image\)"):
            made.train(3, 0)
        image.write_bytes(content[:-1])
        said = rf"^{image} has {len(content) - 1} bytes, not the {len(content)} it had when the folder was prepared"
        with pytest.raises(UserError, match=said):
            made.train(6, 0)
        image.unlink()
        with pytest.raises(UserError, match=rf"^{image}: the image cannot be read \(No such file"):
            made.train(9, 0)
    finally:
        image.write_bytes(content)
    assert equal(made.train(0, 0), first)
    (process,) = made._decoder._processes
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(MemoryError, match="a process that decodes images is gone, exit status -9, as when memory"):
        for index in range(1, 4):  # those that were begun may have been finished
            made.train(index, 0)


# -- what a batch depends on ----------------------------------------------------------------------------------------


def test_a_batch_does_not_depend_on_what_was_drawn_before(batches: Make) -> None:
    used = batches()
    sequence(used)
    torch.rand(3)
    before = torch.random.get_rng_state()
    assert equal(used.train(1, 3), batches().train(1, 3))
    assert equal(used.scoring(2, "stage", 7), batches().scoring(2, "stage", 7))
    assert torch.equal(torch.random.get_rng_state(), before), "torch's own generator is left alone"


@pytest.mark.parametrize("what", ["seed", "epoch", "index", "phase", "copy"])
def test_a_batch_depends_on(batches: Make, what: str) -> None:
    usual: dict[str, Any] = {"seed": 0, "epoch": 1, "index": 0, "phase": "train", "copy": 0}
    other = usual | {what: "finetune" if what == "phase" else usual[what] + 1}
    one, another = (batches(seed=place.pop("seed")).train(**place)[0] for place in (usual, other))
    assert not torch.equal(one, another)


def test_an_image_s_augmentation_does_not_depend_on_its_batch(batches: Make) -> None:
    """The same epoch in batches of 7 and of 5 holds the same images."""
    seven, five = batches(), batches(batch_size=5)
    epochs = [torch.cat([each.train(1, index)[0] for index in range(each.steps_per_epoch)]) for each in (seven, five)]
    assert torch.equal(*epochs)


def test_shares_of_a_batch_are_its_images(opened: folders.Folder) -> None:
    recipe = Recipe(name="test", batch_size=7, train=Phase(epochs=2, lr=0.1), data=Data(flip=True))
    whole, *shares = (
        batches_of(opened, INFO, recipe, 0, share=slice(*part)) for part in ((None,), (0, None, 2), (1, None, 2))
    )
    for draw in (
        lambda each: each.train(1, 0),
        lambda each: each.scoring(0, "a"),
        lambda each: each.balanced(2, 0, "a"),
    ):
        images, labels = draw(whole)
        for number, share in enumerate(shares):
            assert equal(draw(share), (images[number::2], labels[number::2]))
    assert len(next(shares[1].evaluation("test"))[1]) == 6, "evaluation is not shared out"


def test_an_epoch_holds_every_training_image_once(batches: Make) -> None:
    made = batches()
    labels = torch.cat([made.train(0, index)[1] for index in range(made.steps_per_epoch)])
    assert labels.bincount().tolist() == [photographs.TRAIN] * photographs.CLASSES
    with pytest.raises(IndexError, match="batch 4 of an epoch with 4 batches"):
        made.train(0, 4)


def test_every_image_is_evaluated_once_also_in_parts(batches: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = batches().evaluation("test")
    monkeypatch.setattr(FolderBatches, "evaluation_batch", 4)
    parts = list(batches().evaluation("test"))
    assert [len(labels) for _, labels in parts] == [4, 2]
    assert equal(whole, (torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])))


def test_held_out_images_are_not_trained_on(batches: Make) -> None:
    made = batches(validation=6, batch_size=18, photographs=Photographs(crop_scale=None), flip=False)
    held_out, trained = next(made.evaluation("validation")), made.train(0, 0)
    assert held_out[1].bincount().tolist() == [2, 2, 2]
    assert not {image.numpy().tobytes() for image in held_out[0]} & {image.numpy().tobytes() for image in trained[0]}


# -- what is done to the images -------------------------------------------------------------------------------------


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    from torchvision.transforms import functional

    return functional.normalize(pixels.float().div(255), INFO.mean, INFO.std)


def picture(opened: folders.Folder, number: int, part: str = "train") -> Image.Image:
    files = getattr(opened, part)
    return Image.open(opened.root / files.paths[number]).convert("RGB")


@pytest.mark.parametrize(("fraction", "shorter"), [(0.875, 27), (1.0, 24), (0.5, 48)])
def test_evaluation_is_resize_and_centre_crop(
    batches: Make, opened: folders.Folder, fraction: float, shorter: int
) -> None:
    from torchvision.transforms import v2

    (found, _) = next(batches(photographs=Photographs(crop_fraction=fraction)).evaluation("test"))
    steps = v2.Compose([v2.Resize(shorter), v2.CenterCrop(24), v2.PILToTensor()])
    wanted = [normalised(steps(picture(opened, number, "test"))) for number in range(6)]
    assert torch.allclose(found, torch.stack(wanted), atol=1e-6)


def test_training_images_are_torchvision_s_under_their_own_seeds(batches: Make, opened: folders.Folder) -> None:
    from torchvision.transforms import v2

    made = batches(batch_size=24, photographs=Photographs(crop_scale=(0.3, 0.9), interpolation="bicubic"))
    found, _ = made.train(4, 0)
    steps = v2.Compose(
        [
            v2.RandomResizedCrop(24, (0.3, 0.9), interpolation=v2.InterpolationMode.BICUBIC),
            v2.RandomHorizontalFlip(),
            v2.PILToTensor(),
        ]
    )
    wanted = []
    for number in made._order("order", "train", 0, 4).tolist():
        with torch.random.fork_rng():
            torch.manual_seed(seed_for(0, "augmentation", "train", 0, 4, number))
            wanted.append(normalised(steps(picture(opened, number))))
    assert torch.allclose(found, torch.stack(wanted), atol=1e-6)


def test_rand_augment_changes_images_beyond_the_crop(batches: Make) -> None:
    plain, more = (batches(photographs=Photographs(rand_augment=m), flip=False).train(0, 0) for m in (0, 9))
    assert torch.equal(plain[1], more[1])
    assert not torch.allclose(plain[0], more[0])


def test_scoring_may_leave_augmentation_out(batches: Make) -> None:
    made = batches(scoring=Scoring(augment=False))
    centre = batches(photographs=Photographs(crop_scale=None), flip=False).scoring(0, "a")
    assert equal(made.scoring(0, "a"), centre)
    assert not equal(batches().scoring(0, "a"), centre)


@pytest.mark.parametrize("way", ["mixup", "cutmix"])
def test_mixed_batches_have_shares_of_classes_for_labels(batches: Make, way: str) -> None:
    plain, labels = batches().train(0, 0)
    mixed, shares = batches(photographs=Photographs(**{way: 1.0})).train(0, 0)
    share = float(shares[0, labels[0]]) if labels[0] != labels[-1] else float(shares[1, labels[1]])
    hot = torch.nn.functional.one_hot(labels, photographs.CLASSES).float()
    assert torch.allclose(shares, share * hot + (1 - share) * hot.roll(1, 0))
    assert 0 < share < 1
    if way == "mixup":
        assert torch.allclose(mixed, share * plain + (1 - share) * plain.roll(1, 0), atol=1e-5)
    else:
        kept = (mixed == plain).all(1).float().mean((1, 2))
        assert torch.allclose(kept, torch.full_like(kept, share), atol=0.02)
    loss = torch.nn.functional.cross_entropy(torch.zeros(7, 3), shares, label_smoothing=0.1)
    assert float(loss) == pytest.approx(torch.log(torch.tensor(3.0)).item(), rel=1e-5)


def test_only_training_is_mixed(batches: Make) -> None:
    made = batches(photographs=Photographs(mixup=1.0))
    assert made.scoring(0, "a")[1].dtype == next(made.evaluation("test"))[1].dtype == torch.int64


def test_the_type_follows_the_precision(batches: Make) -> None:
    images, shares = batches(precision="fp64", photographs=Photographs(cutmix=1.0)).train(0, 0)
    assert images.dtype == shares.dtype == torch.float64


# -- recipes that do not fit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"crop_padding": 4}, "field 'data.crop_padding': photographs of an image folder are not padded"),
        ({"normalise": "whole_image"}, "field 'data.normalise': an image folder's photographs have no size in common"),
        ({"mean": (0.5,)}, "field 'data.mean' has 1 values for 3 channels"),
        ({"validation": 24}, "field 'data.validation': 24 leaves 0 of 24 images to train on"),
    ],
)
def test_a_recipe_that_does_not_fit_is_one_sentence(batches: Make, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=f"^recipe 'test' with data set 'photos': {said}"):
        batches(**fields)


def test_photographs_settings_are_refused_elsewhere() -> None:
    from tests.data.test_batches import images, info

    recipe = Recipe(
        name="test",
        batch_size=8,
        train=Phase(epochs=1, lr=0.1),
        data=Data(photographs=Photographs(interpolation="bicubic")),
    )
    with pytest.raises(UserError, match=r"data set 'fake': field 'data\.photographs' is for image folders"):
        Batches(images(), info(), recipe, 0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"crop_scale": (0.5, 0.1)}, "'crop_scale' is a range of positive numbers, the smaller first"),
        ({"crop_scale": (0.5, 1.5)}, "'crop_scale' is a fraction of the area, at most 1, not 1.5"),
        ({"crop_ratio": (0, 1)}, "'crop_ratio' is a range of positive numbers"),
    ],
)
def test_ranges_are_checked(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Photographs.read(fields, "r.yaml")


def test_files_of_a_data_set_stay_inside_its_folder(opened: folders.Folder) -> None:
    assert not any(Path(path).is_absolute() or ".." in Path(path).parts for path in opened.train.paths)
