"""Nothing that is read runs code: no call in the source could, and real payloads in every kind of file do not."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from bench import archs, catalog, data, names, published, recipe, weights
from bench.errors import UserError
from bench.plan import grid, resolved
from bench.recipe import prunable
from bench.report import kept
from bench.training import checkpoint

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("bench", "methods", "benchmarks") for path in (ROOT / folder).rglob("*.py"))

FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "pty.spawn"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.safe_load", "yaml.Loader"),
    *("torch.hub.load", "torch.jit.load", "torch.package.PackageImporter", "mlflow.pyfunc.load_model"),
    *("pd.read_pickle", "pandas.read_pickle", "np.fromfile", "joblib.load", "tempfile.mktemp"),
}
"""Calls that run what they read, or take more than they need to. YAML is read by `bench.base.plain_yaml` alone."""

PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
NEEDED = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}


def complaints(source: str) -> list[str]:
    """What a Python source does that it must not, with lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{node.lineno}: imports {name}" for name in modules if name.partition(".")[0] in PICKLES]
        if not isinstance(node, ast.Call):
            continue
        called, given = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
        if called in FORBIDDEN or given.get("shell", "False") != "False" or given.get("pretrained", "False") != "False":
            found.append(f"{node.lineno}: {called}")
        if called in NEEDED and given.get(NEEDED[called][0]) != str(NEEDED[called][1]):
            found.append(f"{node.lineno}: {called} without {NEEDED[called][0]}={NEEDED[called][1]}")
    return found


CONVERTER = ROOT / "bench" / "recompute" / "convert.py"
"""Opens one pickle, of a known checksum, and resolves the names of a list; it is a program of its own."""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_calls_what_runs_its_input(path: Path) -> None:
    found = [each.partition(": ")[2] for each in complaints(path.read_text(encoding="utf-8"))]
    assert found == (["imports pickle"] if path == CONVERTER else [])


def test_nothing_imports_the_program_that_opens_a_pickle() -> None:
    ways = ("recompute.convert import", "recompute import convert", "import bench.recompute.convert")
    importing = [path for path in SOURCES if any(way in path.read_text(encoding="utf-8") for way in ways)]
    assert importing == []


@pytest.mark.parametrize(
    "line",
    [
        *("eval('1')", "exec(x)", "import pickle", "from pickle import loads", "os.system('ls')", "yaml.load(x, L)"),
        *("subprocess.run(x, shell=True)", "torch.load(x)", "torch.load(x, weights_only=False)", "np.load(x)"),
        *("np.load(x, allow_pickle=True)", "torch.load(x, weights_only=flag)", "timm.create_model(n, pretrained=True)"),
    ],
)
def test_the_search_finds_each_kind(line: str) -> None:
    assert len(complaints(line)) == 1


class Payload:
    """Leaves a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, int]]:
        return os.open, (str(self.mark), os.O_CREAT)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """The file that a payload leaves; it is tried out first, so that the tests could fail."""
    path = tmp_path / "pwned"
    os.close(pickle.loads(pickle.dumps(Payload(path))))
    assert path.exists()
    path.unlink()
    return path


def pickled(mark: Path, form: str) -> bytes:
    """A payload as a bare pickle, in PyTorch's two formats, and as an array of objects."""
    buffer = io.BytesIO()
    if form == "npz":
        np.savez(buffer, train_x=np.array([Payload(mark)], object))
    elif form == "pickle":
        return pickle.dumps({"state_dict": Payload(mark)})
    else:
        torch.save({"state_dict": Payload(mark)}, buffer, _use_new_zipfile_serialization=form == "zip")
    return buffer.getvalue()


FORMS = ("pickle", "zip", "legacy", "npz")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ending", ["pt", "th", "safetensors", "npz"])
def test_weights_that_are_pickles_run_nothing(mark: Path, tmp_path: Path, form: str, ending: str) -> None:
    path = tmp_path / f"weights.{ending}"
    path.write_bytes(pickled(mark, form))
    with pytest.raises(UserError, match=rf"weights\.{ending} is (a pickle with|an archive of NumPy)"):
        weights.load_state(path)
    assert not mark.exists()


@pytest.mark.parametrize("form", FORMS)
def test_checkpoints_that_are_pickles_run_nothing(mark: Path, tmp_path: Path, form: str) -> None:
    body = pickled(mark, form)
    head = json.dumps({"owner": "me", "sha256": hashlib.sha256(body).hexdigest()}).encode()
    (tmp_path / "checkpoint.pt").write_bytes(head + b"\n" + body)
    assert checkpoint.load(tmp_path / "checkpoint.pt", "me") is None
    assert not mark.exists()


@pytest.mark.parametrize("form", FORMS)
def test_prepared_data_that_are_pickles_run_nothing(mark: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "digits.safetensors").write_bytes(pickled(mark, form))
    with pytest.raises(UserError, match=r"digits\.safetensors is damaged"):
        data.load("digits", tmp_path)
    assert data.prepare("digits", tmp_path).exists()  # made anew
    assert not mark.exists()


def test_yaml_that_asks_for_python_runs_nothing(mark: Path, tmp_path: Path) -> None:
    payload = f"!!python/object/apply:os.open ['{mark}', {os.O_CREAT}]"
    for loader in (yaml.unsafe_load,):
        os.close(loader(payload))  # it would
    mark.unlink()
    grids = {"grid": f"recipe: {payload}", "whole": payload, "key": f"{payload}: 1", "merge": f"<<: {payload}"}
    for name, text in grids.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "grid.yaml").write_text(f"title: {payload}")
    (tmp_path / "protocols.yaml").write_text(f"a: {payload}")
    readers: list[Callable[[], object]] = [
        *(lambda name=name: grid.load(tmp_path / f"{name}.yaml") for name in grids),
        *(lambda name=name: recipe.load(name, tmp_path) for name in grids),
        *(lambda parse=parse: parse(f"gmp[schedule.every={payload}]") for parse in (names.parse, catalog.parse)),
        lambda: recipe.load(f"digits[name={payload}]"),
        lambda: prunable.check(f"all[exclude={payload}]"),
        lambda: resolved.changes([f"title={payload}"]),
        lambda: kept.read(tmp_path / "kept"),
        lambda: published.load(tmp_path),
        lambda: archs.check(payload),
    ]
    for read in readers:
        with pytest.raises(UserError):
            read()
    assert not mark.exists()


@pytest.fixture
def tiny_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10 as torchvision would take it, with one image a file; returns the folder of its files."""
    from torchvision.datasets import CIFAR10

    import bench.base.imports  # noqa: F401

    folder = tmp_path / "data" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    (folder / "data_batch_1").write_bytes(pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [0]}))
    (folder / "test_batch").write_bytes((folder / "data_batch_1").read_bytes())
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["a"]}))
    sums = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    monkeypatch.setattr(CIFAR10, "train_list", [["data_batch_1", sums["data_batch_1"]]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": sums["batches.meta"]})
    return folder


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch", "batches.meta"])
def test_cifar_pickles_are_compared_with_their_md5_sums_before_they_are_opened(
    tiny_cifar: Path, mark: Path, name: str
) -> None:
    with pytest.raises(
        UserError, match=r"the decoded images of .* have the fingerprint"
    ):  # all is as torchvision wants it
        data.prepare("cifar10", mark.parent / "out", tiny_cifar.parent)
    (tiny_cifar / name).write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(UserError, match=rf"cifar-10-batches-py/{name} is damaged: its MD5 sum is"):
        data.prepare("cifar10", mark.parent / "out", tiny_cifar.parent)
    assert not mark.exists()


@pytest.mark.parametrize("form", ["pickle", "zip", "legacy"])
def test_what_old_versions_of_torchvision_left_of_fashion_mnist_runs_nothing(
    tmp_path: Path, mark: Path, form: str
) -> None:
    (tmp_path / "FashionMNIST" / "raw").mkdir(parents=True)
    (tmp_path / "FashionMNIST" / "processed").mkdir()
    for name in ("training.pt", "test.pt"):
        (tmp_path / "FashionMNIST" / "processed" / name).write_bytes(pickled(mark, form))
    with pytest.raises(UserError, match="data set 'fashion_mnist' was not found whole"):
        data.prepare("fashion_mnist", tmp_path / "out", tmp_path)
    assert not mark.exists()


def test_predictions_are_written_without_pickles(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from bench.training.measure import _save_predictions

    found = SimpleNamespace(predictions=torch.zeros(3, dtype=torch.int64), logits=torch.zeros(3, 10))
    _save_predictions(found, tmp_path / "predictions.npz")  # type: ignore[arg-type]
    assert zipfile.is_zipfile(tmp_path / "predictions.npz")
    assert np.load(tmp_path / "predictions.npz", allow_pickle=False)
