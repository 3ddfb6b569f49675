"""From a file to an image of the size that a network takes: decoding, then torchvision's transforms.

What is drawn for an image depends on its seed and on nothing else. Importing this module imports neither torch nor PIL.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from bench.recipe import Data

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
"""Kinds of images that are made RGB as torchvision does it; ImageNet has grey ones and CMYK among its JPEG files."""


def decode(path: Path, content: bytes | None = None) -> Image:
    """The image of a file, decoded to the end, as RGB; transparency is dropped.

    Args:
        path: of the file.
        content: its bytes, if they have been read already.

    Raises:
        UserError: if it is empty, truncated, damaged, not an image, or of a kind with more than 8 bits a channel.
    """
    from PIL import Image, UnidentifiedImageError

    content = path.read_bytes() if content is None else content
    if not content:
        raise UserError(f"{path}: the file is empty.")
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as opened:
            warnings.simplefilter("ignore")  # about metadata, and transparency in palettes
            if opened.mode in MODES:
                return opened.convert("RGB")
            mode = opened.mode
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:  # all of them are PIL's
        reason = "it is no image" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        raise UserError(f"{path}: the image cannot be decoded ({reason}).") from None
    raise UserError(f"{path}: an image of kind '{mode}' has no 8 bits a channel to be made RGB; allowed are {MODES}.")


@dataclass(frozen=True)
class Pipeline:
    """What a recipe makes of image files.

    Attributes:
        data: the recipe's settings.
        side: of the resulting squares, in pixels.
        fill: RGB of what a rotation or a shift uncovers, 0 to 255.
    """

    data: Data
    side: int
    fill: tuple[int, ...] = (0, 0, 0)

    def image(self, path: Path, size: int, seed: int | None) -> np.ndarray:
        """One image, uint8, (3, side, side): augmented as `seed` says, or the centre as in evaluation if there is none.

        Raises `UserError` if the file is gone, cannot be decoded or has not the `size` in bytes that was indexed.
        """
        import torch

        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: the image cannot be read ({error.strerror}).") from None
        if len(content) != size:
            raise UserError(f"{path} has {len(content)} bytes, not the {size} it had when the folder was prepared.")
        picture = decode(path, content)
        if seed is None or self.data.photographs.crop_scale is None:
            picture = self._centre(picture)
        if seed is None:
            pixels: np.ndarray = self._finish(picture).numpy()
            return pixels
        with torch.random.fork_rng(devices=[]):  # torchvision's transforms draw from the default generator
            torch.default_generator.manual_seed(seed)
            pixels = self._finish(self._augment(picture)).numpy()
        return pixels

    @cached_property
    def _centre(self) -> Any:
        """As in evaluation: scale the shorter side to side / fraction, and cut out the centre."""
        from torchvision.transforms import v2

        chosen = self.data.photographs
        shorter = int(self.side / chosen.crop_fraction)
        resize = v2.Resize(shorter, v2.InterpolationMode(chosen.interpolation))
        return v2.Compose([resize, v2.CenterCrop(self.side)])

    @cached_property
    def _augment(self) -> Any:
        from torchvision.transforms import v2

        chosen = self.data.photographs
        mode = v2.InterpolationMode(chosen.interpolation)
        steps: list[Any] = []
        if chosen.crop_scale is not None:
            steps.append(v2.RandomResizedCrop(self.side, chosen.crop_scale, chosen.crop_ratio, mode))
        if self.data.flip:
            steps.append(v2.RandomHorizontalFlip())
        if chosen.rand_augment:
            steps.append(v2.RandAugment(magnitude=chosen.rand_augment, interpolation=mode, fill=list(self.fill)))
        return v2.Compose([*steps, v2.Identity()])

    @cached_property
    def _finish(self) -> Any:
        from torchvision.transforms import v2

        return v2.PILToTensor()
