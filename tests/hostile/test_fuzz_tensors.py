"""Checkpoints, weights and decoded data, damaged in every way: a result or one sentence."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from safetensors.torch import save_file

from bench import archs, data, weights
from bench.foreign import fitting, kinds, pickled, states
from bench.training import checkpoint
from tests.hostile.fuzzing import cases, expect_refusal_or_result
from tests.hostile.fuzzing import elsewhere as elsewhere
from tests.hostile.mutations import damaged


@cases()
def test_checkpoints_with_a_right_checksum(cases: int, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"model": {"a": torch.zeros(3, 4)}, "step": 3, "lists": [1, "b"]}, buffer)

    def read(body: bytes) -> None:
        head = {"owner": "me", "sha256": hashlib.sha256(body).hexdigest()}
        (tmp_path / "checkpoint.pt").write_bytes(json.dumps(head).encode() + b"\n" + body)
        checkpoint.load(tmp_path / "checkpoint.pt", "me")

    expect_refusal_or_result(cases, damaged(buffer.getvalue()), read)


@cases()
def test_checkpoints(cases: int, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, "me", {"a": torch.zeros(2)})
    original = path.read_bytes()

    def read(content: bytes) -> None:
        path.write_bytes(content)
        found = checkpoint.load(path, "me")
        assert found is None or content.partition(b"\n")[2] == original.partition(b"\n")[2]

    expect_refusal_or_result(cases, damaged(original), read)


@cases()
@pytest.mark.parametrize("ending", ["safetensors", "pt", "legacy.pt"])
def test_weights(cases: int, ending: str, tmp_path: Path) -> None:
    model = archs.create("convnet_small", 10, 1, 8)
    path = tmp_path / f"weights.{ending}"
    if ending == "safetensors":
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
    else:
        small = {"state_dict": {"fc.weight": torch.zeros(10, 64), "fc.bias": torch.zeros(10)}, "epoch": 3}
        torch.save(small, path, _use_new_zipfile_serialization=ending == "pt")

    def read(content: bytes) -> None:
        path.write_bytes(content)
        model.load_state_dict(weights.fit(model, weights.load_state(path), str(path)))

    expect_refusal_or_result(cases, damaged(path.read_bytes()), read)


def checkpoints() -> dict[str, bytes]:
    """Files of other people's: pruned by torch, averaged, sparse, with settings; and two that are refused."""
    names = {"module.fc.weight_orig": torch.ones(10, 64), "module.fc.weight_mask": torch.eye(10, 64)}
    bias = {"module.fc.bias": torch.ones(10)}
    sparse = {"fc.weight": torch.eye(10, 64).to_sparse(), "fc.bias": torch.ones(10)}
    compressed = sparse | {"fc.weight": torch.eye(10, 64).to_sparse_csr()}
    settings = argparse.Namespace(lr=0.1, path=Path("a"))
    contents: dict[str, Any] = {
        "pruned": names | bias,
        "averaged": {"state_dict": names | bias, "state_dict_ema": sparse, "args": settings},
        "COO": sparse,
        "CSR": {"model": compressed, "epoch": 3},
        "module": torch.nn.Linear(64, 10),
    }
    found = {}
    for name, content in contents.items():
        for old in (False, True):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=not old)
            found[f"{name}, old" if old else name] = buffer.getvalue()
    return found | {"protocol 4": pickle.dumps({"state_dict": {"a": [1.0]}, "args": settings}, 4)}


CHECKPOINTS = checkpoints()


@cases()
def test_checkpoints_of_others(cases: int, tmp_path: Path) -> None:
    model = archs.own("lenet_300_100", num_classes=10, in_chans=1, img_size=(8, 8))
    path = tmp_path / "w.pt"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        found = states.load(path)
        assert all(bool(torch.isfinite(value).all()) for value in found.state.values())
        fitting.fitted(model, found.state)

    expect_refusal_or_result(
        cases, st.sampled_from(sorted(CHECKPOINTS)).flatmap(lambda n: damaged(CHECKPOINTS[n])), read
    )


@cases()
def test_what_a_file_is(cases: int, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    beginnings = [*(magic for _, magic, _ in kinds.MAGIC), b"PK\x03\x04", b"<html>", b"version https://git-lfs", b"{"]
    drawn = st.tuples(st.sampled_from(beginnings), st.binary(max_size=300)).map(b"".join)
    headers = st.binary(max_size=60).map(lambda text: struct.pack("<Q", len(text) + 1) + b"{" + text)

    def read(content: bytes) -> None:
        path.write_bytes(content)
        pickled.classes(content)
        kinds.recognise(path)

    expect_refusal_or_result(cases, st.one_of(drawn, headers, st.binary(max_size=300)), read)


@cases(2_000)
def test_prepared_data(cases: int, tmp_path: Path) -> None:
    path = data.prepare("digits", tmp_path)

    def read(content: bytes) -> None:
        path.write_bytes(content)
        data.load("digits", tmp_path)

    header = path.read_bytes()[:600]
    rest = path.read_bytes()[600:]
    expect_refusal_or_result(cases, damaged(header).map(lambda start: start + rest), read)
