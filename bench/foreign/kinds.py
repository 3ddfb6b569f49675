"""What a file is, by its first bytes and whatever its name is. Needs no torch, and opens nothing that could block."""

from __future__ import annotations

import re
from enum import Enum, auto
from pathlib import Path

from bench.errors import UserError
from bench.foreign import archives, headers

BEGINNING = 4096
"""Bytes that tell what a file is."""

READABLE = "weights are read from safetensors and from what torch.save makes of a state dict"


class Format(Enum):
    """The files that weights are read from."""

    SAFETENSORS = auto()
    ZIP = auto()
    """What torch.save writes since PyTorch 1.6: a zip archive of a pickle and the tensors' bytes."""
    PICKLES = auto()
    """What it wrote before: pickles one after another, then the tensors' bytes. Any other pickle looks alike."""


MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1f\x8b", "compressed by gzip; unpack it first"),
    (0, b"BZh", "compressed by bzip2; unpack it first"),
    (0, b"\xfd7zXZ\0", "compressed by xz; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (0, b"Rar!", "a RAR archive; unpack it first"),
    (257, b"ustar", "a tar archive; unpack it first"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them"),
    (0, b"\x93NUMPY", "a single NumPy array"),
    (0, b"GGUF", "a GGUF file"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"MATLAB 5.0", "a MATLAB file"),
    (0, b"\x7fELF", "a program"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
)
"""Where which bytes stand in files that are no weights, and what those are."""


def recognise(path: Path) -> Format:
    """How the weights in a file are stored.

    Raises:
        UserError: there is no such file, or it is something else: the sentence says what.
    """
    if not path.exists():
        raise UserError(f"{path}: there is no such file.")
    if not path.is_file():
        raise UserError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}; {READABLE}.")
    try:
        with path.open("rb") as file:
            head = file.read(BEGINNING)
    except OSError as error:
        raise UserError(f"{path}: the file can't be read ({error.strerror}).") from None
    if head.startswith(b"PK\x03\x04"):
        archives.check(path)
        return Format.ZIP
    if headers.looks_like_one(head):
        headers.check(path)
        return Format.SAFETENSORS
    if len(head) > 1 and head[0] == 0x80 and 1 <= head[1] <= 5:  # PROTO, with the numbers there are
        return Format.PICKLES
    raise UserError(f"{path} is {_described(head)}; {READABLE}.")


def _described(head: bytes) -> str:
    """What a file is that no weights are read from."""
    if not head:
        return "empty"
    if head.startswith(b"version https://git-lfs"):
        size = re.search(rb"\nsize (\d{1,18})\n", head)
        whole = f" to {int(size[1]):,} bytes" if size else ""
        return f"a git-LFS pointer{whole} that were not fetched (`git lfs pull` does)"
    known = next((what for place, magic, what in MAGIC if head[place:].startswith(magic)), None)
    return known or _text(head) or "of a format that is not known here, or damaged"


def _text(head: bytes) -> str:
    """What a text is; empty for anything else."""
    if not any(head):
        return "nothing but zeros, as an unfinished download leaves them"
    if b"\0" in head or sum(byte < 9 for byte in head):
        return ""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    lowered = text.lower()
    if "<html" in lowered[:1000] or lowered.startswith("<!doctype html"):
        title = re.search(r"<title[^>]*>([^<]{1,80})", text, re.IGNORECASE)
        about = f", titled '{' '.join(title[1].split())}'" if title else ""
        return f"an HTML page{about}, which a download may give instead of a file"
    if lowered.startswith("<"):
        return "an XML document"
    if lowered[:1] in ("{", "["):
        return "a JSON document"
    return f"a text that begins '{' '.join(text[:40].split())}'" if text.count("\ufffd") < 2 else ""
