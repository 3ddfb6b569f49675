"""Damaged data: one sentence that names the file, and nothing is trained on what is wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bench import data
from bench.counting import flops
from bench.data.images import FIELDS
from bench.errors import UserError

DIGITS = data.info("digits")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits, prepared."""
    return data.prepare("digits", tmp_path_factory.mktemp("data"))


def assert_refused(folder: Path, sentence: str) -> None:
    """Loading says one sentence that begins with the file, and preparing mends it."""
    with pytest.raises(UserError, match=rf"^{folder}/digits\.safetensors is .*{sentence}.*; delete it and prepare"):
        data.load("digits", folder)


# -- the prepared file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [0, 7, 8, 300, 5_000, -1])
def test_a_truncated_file(whole: Path, tmp_path: Path, left: int) -> None:
    (tmp_path / whole.name).write_bytes(whole.read_bytes()[:left])
    assert_refused(tmp_path, "damaged")
    assert data.prepare("digits", tmp_path).read_bytes() == whole.read_bytes()


def test_the_file_of_another_data_set(whole: Path, tmp_path: Path) -> None:
    save_file(load_file(whole), tmp_path / whole.name, {"sha256": data.info("cifar10").sha256})
    with pytest.raises(UserError, match=r"digits\.safetensors is not the registered data set 'digits'; delete it"):
        data.load("digits", tmp_path)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "digits.safetensors").mkdir()
    assert_refused(tmp_path, "damaged")


CHANGES = {
    "train_x is float32 898x1x8x8 instead of uint8 898x1x8x8": {"train_x": torch.full((898, 1, 8, 8), torch.nan)},
    "test_x is uint8 3x1x8x8 instead of uint8 899x1x8x8": {"test_x": torch.zeros(3, 1, 8, 8, dtype=torch.uint8)},
    "train_y is not 898 labels of type int64": {"train_y": torch.zeros(898)},
    "test_y is not 899 labels of type int64": {"test_y": torch.zeros(3, dtype=torch.int64)},
    "train_y has the label 10, and labels go from 0 to 9": {"train_y": torch.arange(898) % 11},
    "test_y has the label -1, and labels go from 0 to 9": {"test_y": torch.arange(899) % 11 - 1},
    "train_y has no image of class 9": {"train_y": torch.arange(898) % 9},
}


@pytest.mark.parametrize("sentence", CHANGES)
def test_arrays_that_are_not_the_data_set_s_though_the_file_says_so(whole: Path, tmp_path: Path, sentence: str) -> None:
    save_file(load_file(whole) | CHANGES[sentence], tmp_path / whole.name, {"sha256": DIGITS.sha256})
    assert_refused(tmp_path, sentence)


@pytest.mark.parametrize("field", FIELDS)
def test_an_array_that_is_missing(whole: Path, tmp_path: Path, field: str) -> None:
    arrays = load_file(whole)
    del arrays[field]
    save_file(arrays, tmp_path / whole.name, {"sha256": DIGITS.sha256})
    assert_refused(tmp_path, field)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": -1}', '{"a": 1.5}', '{"a": NaN}', '{"a": "1"}', "[" * 9999, "é"]
)
def test_counts_of_a_network_that_are_damaged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "convnet_small-10x1x8x8.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=rf"^{path} is damaged: .*; delete it and count again\.$"):
        flops.count("convnet_small", DIGITS, tmp_path)


# -- downloads ------------------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Serves the same bytes for every address, of `promised` bytes in all."""

    content, promised, status = b"x" * 100_000, 100_000, 200


class Handler(BaseHTTPRequestHandler):
    """Answers HEAD and GET."""

    server: Server

    def do_HEAD(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(self.server.promised))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(self.server.content)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine that torchvision fetches from; it sees no other."""
    from bench.base.imports import torchvision_ops

    torchvision_ops()
    from torchvision.datasets import CIFAR10, CIFAR100, MNIST, FashionMNIST

    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server(("127.0.0.1", 0), Handler) as found:
        address = f"http://127.0.0.1:{found.server_port}"
        for kind in (CIFAR10, CIFAR100):
            monkeypatch.setattr(kind, "url", f"{address}/{kind.filename}")
        for kind in (MNIST, FashionMNIST):
            monkeypatch.setattr(kind, "mirrors", [f"{address}/"])
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


FETCHED = {
    "cifar10": r"cifar-10-python\.tar\.gz was not fetched whole: its MD5 sum is",
    "cifar100": r"cifar-100-python\.tar\.gz was not fetched whole: its MD5 sum is",
    "mnist": r"train-images-idx3-ubyte is missing",
    "fashion_mnist": r"train-images-idx3-ubyte is missing",
}


@pytest.mark.parametrize("name", FETCHED)
@pytest.mark.parametrize("promised", [100_000, 170_498_071], ids=["truncated", "broken off"])
def test_a_download_that_is_not_whole(server: Server, tmp_path: Path, name: str, promised: int) -> None:
    server.promised = promised
    with pytest.raises(UserError, match=rf"^data set '{name}' was not found whole in .*{FETCHED[name]}"):
        data.prepare(name, tmp_path / "out", tmp_path / "data", download=True)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match=f"^data set '{name}' was not found whole in "):  # and is not taken next time
        data.prepare(name, tmp_path / "out", tmp_path / "data")


def test_a_server_that_refuses(server: Server, tmp_path: Path) -> None:
    server.status = 503
    with pytest.raises(UserError, match=r"data_batch_1 is missing; torchvision says: HTTP Error 503"):
        data.prepare("cifar10", tmp_path / "out", tmp_path / "data", download=True)
