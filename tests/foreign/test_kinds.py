"""Each file that is no file of weights is named in one sentence, by its bytes; one with another ending is read."""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from bench.base.malloc import peak
from bench.errors import UserError
from bench.foreign import pickled
from bench.foreign.kinds import Format, recognise
from bench.weights import load_state

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3)}


def saved(content: object, **settings: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **settings)  # type: ignore[arg-type]
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights"))
    return buffer.getvalue()


def array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"

OTHERS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "LFS pointer": (LFS, r"is a git-LFS pointer to 12,345 bytes that were not fetched"),
    "HTML": (b"\n<!DOCTYPE html><html><title>Sign in\n to x</title>", "is an HTML page, titled 'Sign in to x'"),
    "XML": (b'<?xml version="1.0"?><Error/>', "is an XML document"),
    "JSON": (b'{"error": "not found"}', "is a JSON document"),
    "text": (b"Entry not found", "is a text that begins 'Entry not found'"),
    "gzip": (gzip.compress(b"x"), "is compressed by gzip; unpack it first"),
    "bzip2": (bz2.compress(b"x"), "is compressed by bzip2"),
    "xz": (lzma.compress(b"x"), "is compressed by xz"),
    "tar": (tarred(), "is a tar archive; unpack it first"),
    "zeros": (bytes(100), "is nothing but zeros, as an unfinished download"),
    "noise": (b"\x01\x9c\x00\x02\xff" * 9, "is of a format that is not known here, or damaged"),
    "HDF5": (b"\x89HDF\r\n\x1a\n\0", "is an HDF5 file"),
    "NumPy": (array(), "is a single NumPy array"),
    "image": (b"\x89PNG\r\n\x1a\n", "is a PNG image"),
    "zip": (zipped("a.txt", "b/c.md"), r"is a zip archive of 2 files \(a.txt, b/c.md\)"),
    "npz": (zipped("a.npy"), r"is an archive of NumPy arrays \(\.npz\)"),
    "TorchScript": (zipped("m/data.pkl", "m/constants.pkl"), r"is a TorchScript program \(torch\.jit\.save\)"),
    "a zip archive cut off": (saved(STATE)[:-40], "is a zip archive that is cut off or damaged"),
    "safetensors cut off": (
        save(STATE)[:-4],
        "is a safetensors file that is cut off or damaged: incomplete metadata, file not fully covered",
    ),
    "old pickles cut off": (
        saved(STATE, _use_new_zipfile_serialization=False)[:-4],
        "is a PyTorch file that is cut off",
    ),
}


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize(("content", "said"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_file_of_weights_is_named(tmp_path: Path, content: bytes, said: str, ending: str) -> None:
    path = tmp_path / f"w.{ending}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"^{path} {said}") as caught:
        load_state(path)
    assert str(caught.value).endswith(".")
    assert "torch.load" not in str(caught.value)


def test_the_ending_of_a_name_says_nothing(tmp_path: Path) -> None:
    for name, content, form in (
        ("a.pt", save(STATE), Format.SAFETENSORS),
        ("b.safetensors", saved(STATE), Format.ZIP),
        ("c.bin", saved(STATE, _use_new_zipfile_serialization=False), Format.PICKLES),
    ):
        (tmp_path / name).write_bytes(content)
        assert recognise(tmp_path / name) is form
        assert torch.equal(load_state(tmp_path / name)["fc.weight"], STATE["fc.weight"])


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path / "none", "there is no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "is no regular file"),
    ):
        with pytest.raises(UserError, match=said):
            recognise(path)


# -- pickles --------------------------------------------------------------------------------------------------------


class Mine:
    """A class that no reader should meet."""


@pytest.mark.parametrize("protocol", [1, 2, 4, 5])
def test_classes_in_a_pickle_are_named_and_not_met(protocol: int) -> None:
    content = {"a": Mine(), "b": [Mine(), argparse.Namespace(x=1)], "c": 3}
    found = pickled.classes(pickle.dumps(content, protocol))
    plain = [name for name in found if not name.startswith(("copy_reg.", "copyreg.", "builtins.", "__builtin__."))]
    assert plain == ["tests.foreign.test_kinds.Mine", "argparse.Namespace"]


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_network_is_named_by_its_class(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(saved(nn.Sequential(nn.Linear(1, 1)), _use_new_zipfile_serialization=zipped))
    said = (
        r"is a pickle with 'torch\.nn\.modules\.container\.Sequential' and \d more in it, which is code and is not run"
    )
    with pytest.raises(
        UserError, match=rf"^{path} {said}; write the weights alone with torch\.save\(model\.state_dict"
    ):
        load_state(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_settings_beside_weights_are_passed_over(tmp_path: Path, zipped: bool) -> None:
    settings = argparse.Namespace(model="resnet20", lr=0.1, path=Path("a"))
    checkpoint = {"epoch": 3, "arch": "r", "state_dict": STATE, "args": settings, "metric": np.float64(93.1)}
    (tmp_path / "w.pth.tar").write_bytes(saved(checkpoint, _use_new_zipfile_serialization=zipped))
    assert torch.equal(load_state(tmp_path / "w.pth.tar")["fc.weight"], STATE["fc.weight"])


# -- files that claim what is not there ------------------------------------------------------------------------------


def header(length: int | None = None, data: int = 24, **tensors: object) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(data)


def tensor(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def packed(size: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps({"w": 1}, 2))
        archive.writestr("a/data/0", bytes(size))
    return buffer.getvalue()


def called(function: str, *arguments: object) -> bytes:
    """A pickle of the content `function(*arguments)` under the name of a weight, which would fill the memory."""
    module, name = function.rsplit(".", 1)
    inner = pickle.dumps(arguments, 2)[2:-1]
    return saved_pickle(b"\x80\x02}X\x01\x00\x00\x00a" + f"c{module}\n{name}\n".encode() + inner + b"Rs.")


def saved_pickle(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", content)
        archive.writestr("a/version", b"3\n")
    return buffer.getvalue()


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a header of 100 GB": (lambda: header(10**11, a=tensor([6], 0, 24)), "damaged: header too large"),
    "a header of 500 GB": (lambda: header(2**39, a=tensor([6], 0, 24)), "damaged: header too large"),
    "a shape of 10^12": (lambda: header(a=tensor([10**6, 10**6], 0, 24)), "damaged: invalid shape"),
    "a place beyond the end": (lambda: header(a=tensor([10**9], 0, 4 * 10**9)), "damaged: incomplete metadata"),
    "overlapping tensors": (
        lambda: header(a=tensor([4], 0, 16), b=tensor([4], 8, 24)),
        "invalid offset for tensor `b`",
    ),
    "a negative place": (lambda: header(a=tensor([2], -8, 0)), "damaged: invalid JSON in header"),
    "a deep header": (
        lambda: struct.pack("<Q", 200_005) + b'{"a":' + b"[" * 200_000 + bytes(24),
        "damaged: invalid JSON in header: recursion limit",
    ),
    "a packed archive": (lambda: packed(50_000_000), r"unpacks to 50,000,\d+ bytes from"),
    "bytes of nothing": (lambda: called("builtins.bytearray", 10**11), "is a pickle with 'builtins.bytearray'"),
    "a tensor of nothing": (
        lambda: called("torch.FloatTensor", 10**10),
        "claims 10,000,000,000 values|is a PyTorch file",
    ),
    "a sparse tensor": (
        lambda: saved({"a": torch.sparse_coo_tensor(torch.tensor([[0], [0]]), torch.ones(1), (10**6, 10**6))}),
        "its sparse tensors would have 1,000,000,000,000 values",
    ),
    "a tensor of strides": (
        lambda: saved({"a": torch.zeros(1).as_strided((10**5, 10**5), (0, 0))}),
        "'a' claims 10,000,000,000 values in a file of",
    ),
}


@pytest.mark.parametrize(("make", "said"), BOMBS.values(), ids=BOMBS)
def test_what_would_fill_the_memory_is_one_sentence(tmp_path: Path, make: Callable[[], bytes], said: str) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(make())
    before = peak()
    with pytest.raises(UserError, match=f"^{path}.*({said})"):
        load_state(path)
    assert peak() - before < 300_000_000


def test_a_file_that_breaks_off_behind_a_sparse_tensor_does_not_spoil_the_next(tmp_path: Path) -> None:
    """torch keeps sparse tensors to be checked at the end of a file, for all files of the process together."""
    broken, good = tmp_path / "broken.pt", tmp_path / "good.pt"
    broken.write_bytes(saved({"w": torch.eye(50).to_sparse_csr()}, _use_new_zipfile_serialization=False)[:-200])
    good.write_bytes(saved({"w": torch.ones(2)}))
    with pytest.raises(UserError, match="is cut off, damaged"):
        load_state(broken)
    assert load_state(good)["w"].tolist() == [1, 1]


def test_indices_beyond_a_sparse_tensor_are_not_followed(tmp_path: Path) -> None:
    bad = torch.sparse_coo_tensor(torch.tensor([[10**6]]), torch.ones(1), (3,), check_invariants=False)
    torch.save({"a": bad}, tmp_path / "w.pt")
    with pytest.raises(UserError, match="is a PyTorch file that is cut off, damaged"):
        load_state(tmp_path / "w.pt")


def test_nested_containers_that_refer_to_each_other_end(tmp_path: Path) -> None:
    content: dict[str, object] = {f"{number}": 1 for number in range(1000)}
    for _ in range(30):
        content = dict.fromkeys(map(str, range(1000)), content)
    (tmp_path / "w.pt").write_bytes(saved(content))
    with pytest.raises(UserError, match="expected a state dict"):
        load_state(tmp_path / "w.pt")
