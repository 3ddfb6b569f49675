"""Zip archives, looked at before torch reads any: which of them torch wrote, and whether their sizes can be true."""

from __future__ import annotations

import zipfile
from pathlib import Path

from bench.errors import UserError


def check(path: Path) -> None:
    """Raise a `UserError` that says what is in an archive unless torch.save wrote it, and it is whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except Exception as error:  # zipfile raises whatever it knows at damage
        raise UserError(f"{path} is a zip archive that is cut off or damaged.") from error
    if foreign := _foreign([part.filename for part in parts]):
        raise UserError(f"{path} is {foreign}, and not what torch.save makes of a state dict.")
    # torch stores as they are: what is packed, or lies in one place under two names, is there to fill a memory
    size, claimed = path.stat().st_size, sum(part.file_size for part in parts)
    if claimed > size or any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise UserError(
            f"{path} is a zip archive that unpacks to {claimed:,} bytes from {size:,}, and torch.save packs nothing."
        )


def pickle_in(path: Path, most: int) -> bytes:
    """The first bytes of the pickle in an archive of torch's, at most so many. Raises `UserError` if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = filter(_is_pickle, archive.namelist())  # of several, others might read another one
            with archive.open(name) as file:
                return file.read(most)
    except Exception as error:  # zipfile raises whatever it knows at damage
        raise UserError(f"{path} is a zip archive that is cut off or damaged.") from error


def _is_pickle(name: str) -> bool:
    return name.rpartition("/")[2] == "data.pkl"


def _foreign(names: list[str]) -> str:
    """What an archive is that has other parts than those of torch.save; empty if it has these."""
    last = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in last or any("/code/" in name for name in names):
        return "a TorchScript program (torch.jit.save)"
    if any("/models/" in name or name.endswith("archive_format") for name in names):
        return "an exported program (torch.export.save)"
    if any(map(_is_pickle, names)):
        return ""
    if names and all(name.endswith(".npy") for name in names):
        return "an archive of NumPy arrays (.npz)"
    if "[Content_Types].xml" in last:
        return "an office document"
    if any(name.endswith(".weights.h5") for name in names):
        return "a Keras model"
    some = ", ".join(sorted(names)[:3])
    return f"a zip archive of {len(names)} files ({some[:100]}{' …' if len(names) > 3 else ''})"
