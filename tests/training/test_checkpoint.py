"""Checkpoints: whole or not there; damaged or foreign ones are passed over."""

import hashlib
import json
import logging
import struct

import pytest
import torch

from bench.results import seal
from bench.training import checkpoint


def content(value):
    return {"tensor": torch.full((3,), float(value)), "nested": {"step": value, "names": ["a"]}}


def test_round_trip(tmp_path):
    path = tmp_path / "c.pt"
    checkpoint.save(path, "me", content(1))
    loaded = checkpoint.load(path, "me")
    assert torch.equal(loaded["tensor"], content(1)["tensor"])
    assert loaded["nested"] == {"step": 1, "names": ["a"]}


def test_nothing_there_is_none(tmp_path):
    assert checkpoint.load(tmp_path / "c.pt", "me") is None


def damage(path, how):
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    path.write_bytes({"truncated": data[: len(data) // 2], "flipped": bytes(flipped), "empty": b""}[how])


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, caplog):
    path = tmp_path / "c.pt"
    for how in ("truncated", "flipped", "empty"):
        checkpoint.save(path, "me", content(1))
        checkpoint.save(path, "me", content(2))
        damage(path, how)
        with caplog.at_level(logging.WARNING):
            assert checkpoint.load(path, "me")["nested"]["step"] == 1
        assert "c.pt is passed over" in caplog.text
        checkpoint.remove(path)


def test_a_kill_between_the_two_renames_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "c.pt"
    checkpoint.save(path, "me", content(1))
    monkeypatch.setattr(checkpoint, "write_atomic", killed)
    with pytest.raises(SystemExit):
        checkpoint.save(path, "me", content(2))
    assert not path.exists()
    assert checkpoint.load(path, "me")["nested"]["step"] == 1


def killed(path, data):
    raise SystemExit


@pytest.mark.parametrize("how", ["truncated", "flipped", "empty"])
def test_a_damaged_one_never_takes_the_place_of_the_last_that_is_whole(tmp_path, monkeypatch, how):
    path = tmp_path / "c.pt"
    checkpoint.save(path, "me", content(1))
    checkpoint.save(path, "me", content(2))
    damage(path, how)
    checkpoint.load(path, "me")
    monkeypatch.setattr(checkpoint, "write_atomic", killed)
    with pytest.raises(SystemExit):
        checkpoint.save(path, "me", content(3))
    assert checkpoint.load(path, "me")["nested"]["step"] == 1


def test_one_written_by_another_version_of_the_code_is_refused(tmp_path, monkeypatch, caplog):
    path = tmp_path / "c.pt"
    checkpoint.save(path, "me", content(1))
    monkeypatch.setattr(seal, "FORMAT", seal.FORMAT + 1)
    assert checkpoint.load(path, "me") is None
    assert "was written by another version of the code (format 1, not 2)" in caplog.text


def test_one_from_before_there_was_a_format_is_of_the_first(tmp_path):
    path = tmp_path / "c.pt"
    checkpoint.save(path, "me", content(1))
    head, _, body = path.read_bytes().partition(b"\n")
    fields = json.loads(head)
    del fields["format"]
    path.write_bytes(json.dumps(fields).encode() + b"\n" + body)
    assert checkpoint.load(path, "me")["nested"]["step"] == 1


def test_another_runs_checkpoint_is_refused(tmp_path, caplog):
    path = tmp_path / "c.pt"
    checkpoint.save(path, "somebody else", content(1))
    assert checkpoint.load(path, "me") is None
    assert "belongs to another run (somebody els)" in caplog.text


def test_remove_takes_both(tmp_path):
    path = tmp_path / "c.pt"
    checkpoint.save(path, "me", content(1))
    checkpoint.save(path, "me", content(2))
    checkpoint.remove(path)
    assert list(tmp_path.iterdir()) == []


def state(**changes):
    """A stage's state of one weight and its mask."""
    weight = torch.arange(24.0).reshape(2, 3, 2, 2)
    parts = {"model": {"conv.weight": weight}, "masks": {}, "extras": {}, "state": {}, "progress": {"seconds": 1.0}}
    return parts | changes


def test_the_digest_of_a_state_is_that_of_its_bits():
    bits = struct.pack("<24f", *range(24))
    by_hand = hashlib.sha256(b"model: conv.weight torch.float32 (2, 3, 2, 2)\n" + bits).hexdigest()
    assert checkpoint.content_digest(state()) == by_hand


@pytest.mark.parametrize(
    "changes",
    [
        {"progress": {"seconds": 2.0}},
        {"parents": [{"reference": "pretrain"}]},
        {"model": {"conv.weight": state()["model"]["conv.weight"].to(memory_format=torch.channels_last)}},
        {"masks": {"conv.weight": torch.ones(2, 3, 2, 2, dtype=torch.bool)}},
    ],
    ids=["a clock", "what it began from", "the memory format", "a mask that prunes nothing"],
)
def test_what_no_later_stage_starts_from_is_not_in_it(changes):
    assert checkpoint.content_digest(state(**changes)) == checkpoint.content_digest(state())


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"conv.weight": state()["model"]["conv.weight"].flip(0)}},
        {"model": {"conv.weight": state()["model"]["conv.weight"].double()}},
        {"model": {"conv.weight": state()["model"]["conv.weight"].reshape(3, 2, 2, 2)}},
        {"model": {"other.weight": state()["model"]["conv.weight"]}},
        {"masks": {"conv.weight": torch.zeros(2, 3, 2, 2, dtype=torch.bool)}},
        {"extras": {"threshold": torch.tensor(0.0)}},
        {"state": {"kept": torch.tensor(1)}},
    ],
    ids=["values", "a type", "a shape", "a name", "a mask", "an extra", "a tensor of the method's"],
)
def test_what_a_later_stage_starts_from_is_in_it(changes):
    assert checkpoint.content_digest(state(**changes)) != checkpoint.content_digest(state())


def test_what_is_no_state_has_no_digest():
    with pytest.raises(checkpoint.Unusable, match="it holds no stage's state"):
        checkpoint.content_digest({"model": torch.zeros(3)})
