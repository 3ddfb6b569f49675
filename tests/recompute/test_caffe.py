"""Caffe's files: written here byte by byte, as the format's wire encoding has them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.recompute import caffe


def message(*fields: tuple[int, bytes]) -> bytes:
    """Length-delimited fields (wire type 2) by their numbers; lengths below 128 take one byte."""
    return b"".join(_varint(number << 3 | 2) + _varint(len(content)) + content for number, content in fields)


def _varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


def blob(shape: tuple[int, ...], *values: float) -> bytes:
    return message((5, struct.pack(f"<{len(values)}f", *values)), (7, message((1, bytes(shape)))))


WEIGHTS, BIAS = blob((2, 3), 1, 2, 3, 4, 5, 6), blob((2,), 0.5, -0.5)
LAYER = message((1, b"ip1"), (2, b"CInnerProduct"), (7, WEIGHTS), (7, BIAS), (141, b"\x08\x01"))
RELU = message((1, b"relu1"), (2, b"ReLU"))


def test_layers_with_weights_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(message((1, b"LeNet"), (100, LAYER), (100, RELU)))
    found = caffe.load(path)
    assert list(found) == ["ip1"]
    assert [each.tolist() for each in found["ip1"]] == [[[1, 2, 3], [4, 5, 6]], [0.5, -0.5]]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xff\xff", "can't be read as a .caffemodel"),
        (message((1, b"LeNet"), (100, RELU)), "there is no layer with weights in it"),
        (message((100, message((1, b"ip1"), (7, blob((2, 2), 1, 2, 3))))), "3 weights do not fill a tensor of 2x2"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"net\.caffemodel: .*{sentence}"):
        caffe.load(path)
