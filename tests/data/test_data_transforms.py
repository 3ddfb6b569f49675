from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.data.transforms import by_channel, by_image, crop_and_flip, draw_windows
from bench.recipe import Data


def naive(image: np.ndarray, row: int, column: int, flip: bool, padding: int, mode: str) -> np.ndarray:
    """One image, the way one would explain it: pad it, cut a window out, mirror the window."""
    around = ((0, 0), (padding, padding), (padding, padding))
    padded = np.pad(image, around) if mode == "zeros" else np.pad(image, around, mode=mode)  # type: ignore[call-overload]
    window = padded[:, row : row + image.shape[1], column : column + image.shape[2]]
    return window[:, :, ::-1] if flip else window


@settings(deadline=None)
@given(st.data())
@pytest.mark.parametrize("mode", ["zeros", "reflect", "symmetric"])
def test_crops_and_flips_equal_those_of_single_images(
    mode: Literal["zeros", "reflect", "symmetric"], data: st.DataObject
) -> None:
    count, channels = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([1, 3]))
    height, width = data.draw(st.integers(2, 7)), data.draw(st.integers(2, 7))
    smallest = min(height, width)
    padding = data.draw(st.integers(0, {"zeros": 9, "reflect": smallest - 1, "symmetric": smallest}[mode]))
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    images = random.integers(0, 256, (count, channels, height, width), dtype=np.uint8)
    corners = random.integers(0, 2 * padding + 1, (2, count))
    flips = random.integers(0, 2, count).astype(bool)
    found = crop_and_flip(
        torch.from_numpy(images),
        torch.from_numpy(corners),
        torch.from_numpy(flips),
        Data(crop_padding=padding, padding_mode=mode),
    )
    wanted = [
        naive(image, row, column, flip, padding, mode)
        for image, row, column, flip in zip(images, *corners, flips, strict=True)
    ]
    assert found.dtype == torch.uint8
    assert np.array_equal(found.numpy(), np.stack(wanted))


def test_a_crop_by_hand() -> None:
    # 1 2 3 padded by one zero; the window at row 0, column 2 is   0 0 0   and mirrored   0 0 0
    # 4 5 6                                                        2 3 0                  0 3 2
    image = torch.tensor([[[[1, 2, 3], [4, 5, 6]]]], dtype=torch.uint8)
    found = crop_and_flip(image, torch.tensor([[0], [2]]), torch.tensor([True]), Data(crop_padding=1))
    assert found.tolist() == [[[[0, 0, 0], [0, 3, 2]]]]


def test_reflection_does_not_repeat_the_border() -> None:
    # 1 2 3 reflected by two: 3 2 1 2 3 2 1. The window at column 0 is 3 2 1, at column 4 it is 3 2 1 as well.
    image = torch.tensor([[[[1, 2, 3]] * 3]], dtype=torch.uint8)
    mode = Data(crop_padding=2, padding_mode="reflect")
    for column in (0, 4):
        found = crop_and_flip(image, torch.tensor([[2], [column]]), torch.tensor([False]), mode)
        assert found[0, 0, 0].tolist() == [3, 2, 1]


def test_the_symmetric_mirror_repeats_the_border() -> None:
    # 1 2 3 mirrored by two: 2 1 1 2 3 3 2. The window at column 0 is 2 1 1, at column 4 it is 3 3 2.
    image = torch.tensor([[[[1, 2, 3]] * 3]], dtype=torch.uint8)
    mode = Data(crop_padding=2, padding_mode="symmetric")
    for column, wanted in ((0, [2, 1, 1]), (4, [3, 3, 2])):
        found = crop_and_flip(image, torch.tensor([[2], [column]]), torch.tensor([False]), mode)
        assert found[0, 0, 0].tolist() == wanted


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
def test_mirrors_equal_torchvision_s(mode: Literal["reflect", "symmetric"]) -> None:
    functional = pytest.importorskip("torchvision.transforms.functional", exc_type=(ImportError, RuntimeError))
    image = torch.arange(3 * 5 * 5, dtype=torch.uint8).view(1, 3, 5, 5)
    padded = functional.pad(image, [4] * 4, padding_mode=mode)
    for row, column in ((0, 0), (3, 8), (8, 1)):
        found = crop_and_flip(
            image,
            torch.tensor([[row], [column]]),
            torch.tensor([False]),
            Data(crop_padding=4, padding_mode=mode),
        )
        assert torch.equal(found, padded[:, :, row : row + 5, column : column + 5])


def test_crops_scaled_up_are_those_of_pillow() -> None:
    """To the last bit, whatever the window: it interpolates across and then down, with weights of 22 bits."""
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (64, 3, 12, 16), dtype=np.uint8))
    chosen = Data(resized_crop=(0.08, 1.0))
    windows = draw_windows(64, (12, 16), chosen, torch.Generator().manual_seed(1))
    flips = torch.arange(64) % 2 == 0
    found = crop_and_flip(images, windows, flips, chosen)
    for image, window, flip, one in zip(images, windows.T.tolist(), flips, found, strict=True):
        top, left, height, width = window
        picture = Image.fromarray(image.permute(1, 2, 0).numpy()).crop((left, top, left + width, top + height))
        wanted = np.asarray(picture.resize((16, 12), Image.Resampling.BILINEAR))
        assert np.array_equal(one.permute(1, 2, 0).numpy(), wanted[:, ::-1] if flip else wanted)


@pytest.mark.parametrize(("size", "scale"), [((32, 32), (0.08, 1.0)), ((12, 16), (0.5, 1.0)), ((8, 32), (0.9, 1.0))])
def test_windows_are_drawn_as_torchvision_draws_them(size: tuple[int, int], scale: tuple[float, float]) -> None:
    """Means over 4,000 draws of each; on the last, four times as wide as high, almost no window fits: the centre's."""
    v2 = pytest.importorskip("torchvision.transforms.v2", exc_type=(ImportError, RuntimeError))
    count = 4_000
    ours = draw_windows(count, size, Data(resized_crop=scale), torch.Generator().manual_seed(2)).double()
    assert bool((ours >= 0).all() and (ours[0] + ours[2] <= size[0]).all() and (ours[1] + ours[3] <= size[1]).all())
    with torch.random.fork_rng():
        torch.manual_seed(3)
        image, ratio = torch.zeros(1, *size), [3 / 4, 4 / 3]
        drawn = [v2.RandomResizedCrop(size, scale, ratio).make_params([image]) for _ in range(count)]
    theirs = torch.tensor([[each[key] for each in drawn] for key in ("top", "left", "height", "width")]).double()
    error = ((ours.var(1) + theirs.var(1)) / count).sqrt()
    assert bool(((ours.mean(1) - theirs.mean(1)).abs() <= 4 * error).all())
    assert bool((ours.std(1) - theirs.std(1)).abs().max() <= 0.1 * theirs.std(1).max())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"resized_crop": (0.5, 0.2)}, "'resized_crop' is a range of fractions"),
        ({"resized_crop": (0.5, 2)}, "'resized_crop' is a range of fractions"),
        ({"resized_crop": (0.1, 1), "crop_padding": 4}, "'resized_crop' and 'crop_padding' are two ways"),
    ],
)
def test_there_is_one_way_to_crop(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Data(**changes)


def test_by_channel() -> None:
    images = torch.tensor([0.5, 1.0]).view(1, 2, 1, 1)
    found = by_channel(images, torch.tensor([0.5, 0.5]).view(1, 2, 1, 1), torch.tensor([0.1, 0.25]).view(1, 2, 1, 1))
    assert found.flatten().tolist() == [0.0, 2.0]


def test_by_image_standardises_every_image_alone() -> None:
    images = torch.rand(3, 2, 5, 4, dtype=torch.float64) * torch.tensor([1.0, 0.8, 0.7]).view(3, 1, 1, 1)
    values = by_image(images).flatten(1)
    assert torch.allclose(values.mean(1), torch.zeros(3, dtype=torch.float64))
    assert torch.allclose(values.std(1, correction=0), torch.ones(3, dtype=torch.float64))


def test_by_image_by_hand() -> None:
    # 0 and 1 have mean ½ and standard deviation ½, but four values divide by at least 1/√4 = ½. For 0.2 and 0.4 the
    # deviation 0.1 is replaced by ½: ±0.1 / ½ = ±0.2. A uniform image is 0, not NaN.
    images = torch.tensor([[0.0, 1, 0, 1], [0.2, 0.4, 0.2, 0.4], [0.7, 0.7, 0.7, 0.7]]).view(3, 1, 2, 2)
    wanted = torch.tensor([[-1.0, 1, -1, 1], [-0.2, 0.2, -0.2, 0.2], [0, 0, 0, 0]])
    assert torch.allclose(by_image(images).flatten(1), wanted, atol=1e-6)


def test_by_image_with_the_statistics_of_the_image_before_a_crop() -> None:
    # 0 and 1 in equal shares have mean ½ and deviation ½, so a crop that shows only ones is 1 everywhere, not 0.
    whole = torch.tensor([0.0, 1, 0, 1]).view(1, 1, 2, 2)
    assert by_image(torch.ones(1, 1, 2, 2), whole).flatten().tolist() == [1.0] * 4
