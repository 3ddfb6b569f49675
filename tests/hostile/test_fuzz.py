"""Whatever is read, a person gets a result or one sentence: never a traceback, a hang, or gigabytes of memory.

Damage is drawn by hypothesis over the real files of this project: 200 cases each by default,
10,000 by ``-m long`` (2,000 of the slow ones).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import pickle
import struct
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from bench import archs, catalog, data, names, published, recipe, weights
from bench.base.malloc import peak
from bench.counting import flops
from bench.errors import UserError
from bench.foreign import fitting, kinds, pickled, states
from bench.plan import grid
from bench.plan.resolved import changes
from bench.published import search
from bench.recipe import prunable
from bench.report import kept
from bench.results import record
from bench.training import checkpoint
from tests.hostile.mutations import altered, damaged, texts

ROOT = Path(__file__).parents[2]
GRIDS = sorted((ROOT / "configs").glob("**/*.yaml"))
RECIPES = sorted((ROOT / "configs" / "recipes").glob("*.yaml"))
PAPER = ROOT / "published" / "1911.11134.csv"
KEPT = ROOT / "reports" / "reproductions" / "pretrained-cifar10"
LONGEST_SENTENCE, LONGEST_TIME, MOST_MEMORY = 3000, 20.0, 1_500_000_000
"""Letters, seconds and bytes of one case."""


def cases(long: int = 10_000) -> pytest.MarkDecorator:
    """200 cases, and so many in the long test."""
    return pytest.mark.parametrize("cases", [200, pytest.param(long, marks=pytest.mark.long)])


def expect_refusal_or_result(cases: int, strategy: st.SearchStrategy[Any], read: Callable[[Any], object]) -> None:
    """Draw so many cases; each is read, or refused by a `UserError` of one sentence, soon and in little memory."""

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=cases < 1000,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def case(drawn: Any) -> None:
        began, before = time.process_time(), peak()  # of each case: hypothesis keeps them all in memory
        try:
            read(drawn)
        except UserError as error:
            assert not {"\n", "\x1b", "\0"} & set(str(error)), str(error)[:200]
            assert len(str(error)) < LONGEST_SENTENCE, str(error)[:200]
        assert time.process_time() - began < LONGEST_TIME
        assert peak() - before < MOST_MEMORY

    case()
    assert not list(Path.cwd().glob("**/pwned*"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in an empty folder, so that what leaks out of a file name is seen."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def files(paths: list[Path]) -> st.SearchStrategy[bytes]:
    """Real YAML files, damaged as bytes and as values."""
    originals = [path.read_bytes() for path in paths]
    trees = [yaml.safe_load(original) for original in originals]
    written = st.sampled_from(trees).flatmap(altered).map(lambda values: yaml.safe_dump(values).encode())
    return st.one_of(st.sampled_from(originals).flatmap(damaged), written)


# -- grids and recipes ----------------------------------------------------------------------------------------------


def open_grid(folder: Path, content: bytes) -> None:
    (folder / "some.yaml").write_bytes(content)
    found = grid.load(folder / "some.yaml")
    size = len(found.datasets) * len(found.architectures) * len(found.methods) * len(found.seeds)
    if size * max(1, len(found.sparsities)) < 40:
        grid.expand(found)


@cases(2_000)
def test_grids(cases: int, tmp_path: Path) -> None:
    small = yaml.safe_dump(
        {
            **{"recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"], "seeds": [0, 1]},
            **{"methods": ["dense", "gmp[schedule.every=10]", "lth"], "sparsities": [0.9], "points": {"gmp": [0.5]}},
            **{"overrides": [{"methods": ["lth"], "points": [0.8]}], "title": "a", "results": "r", "reports": "q"},
            **{"trainings": [{"label": "2x", "methods": ["dense"], "recipe": "digits[train.epochs=32]"}]},
            **{"claims": [{"claim": "lth >= dense", "source": "me"}], "name": "a/b", "budget": 0.5, "threads": 1},
        }
    )
    (tmp_path / "small.yaml").write_text(small)
    paths = [tmp_path / "small.yaml", tmp_path / "small.yaml", *(path for path in GRIDS if path not in RECIPES)]
    expect_refusal_or_result(cases, files(paths), partial(open_grid, tmp_path))


@cases()
def test_recipes(cases: int, tmp_path: Path) -> None:
    def read(content: bytes) -> None:
        (tmp_path / "some.yaml").write_bytes(content)
        recipe.load("some", tmp_path).scaled(0.1)

    expect_refusal_or_result(cases, files(RECIPES), read)


METHODS = [text for path in GRIDS for text in (yaml.safe_load(path.read_text()).get("methods") or [])]
RECIPE_TEXTS = ["digits", "digits[train.epochs=10,train.milestones=[5,8]]", "cifar10[data.mean=[0.1,0.2,0.3]]"]


@cases()
def test_the_mini_language(cases: int) -> None:
    def read(text: str) -> None:
        for parser in (names.parse, catalog.parse, prunable.check, archs.check, data.info, recipe.load):
            try:
                parser(text)
            except UserError as error:
                assert not {"\n", "\x1b", "\0"} & set(str(error)) and len(str(error)) < LONGEST_SENTENCE

    expect_refusal_or_result(
        cases, texts([*METHODS, *RECIPE_TEXTS, "all[exclude=[conv1.weight]]", "resnet50.tv_in1k", "digits"]), read
    )


@cases()
def test_words_of_config(cases: int) -> None:
    words = ["budget=0.1", "seeds=[0, 1]", "methods=[dense, gmp]", "name=a/b", "title='x'", "points={gmp: [0.5]}"]
    source = str(ROOT / "configs" / "quick.yaml")
    expect_refusal_or_result(cases, st.lists(texts(words), max_size=3), lambda drawn: grid.load(source, changes(drawn)))


# -- published rows -------------------------------------------------------------------------------------------------


@cases()
def test_published_rows(cases: int, tmp_path: Path) -> None:
    lines = b"\n".join(PAPER.read_bytes().splitlines()[:8]) + b"\n"
    protocols = (ROOT / "published" / "protocols.yaml").read_bytes()

    def read(contents: tuple[bytes, bytes]) -> None:
        for name, content in zip(("paper.csv", "protocols.yaml"), contents, strict=True):
            (tmp_path / name).write_bytes(content)
        found = published.load(tmp_path)
        search.as_json(found, search.find(found, search.Query("rigl")))
        search.overview(found)
        search.listing(found, found.rows)

    few = yaml.safe_load(protocols)
    few = {name: few[name] for name in {line["protocol"] for line in published_rows(lines)}}
    known = yaml.safe_dump(few).encode()
    rows = st.tuples(damaged(lines), st.just(known))
    rules = st.tuples(st.just(lines), st.one_of(damaged(known), altered(few).map(lambda v: yaml.safe_dump(v).encode())))
    expect_refusal_or_result(cases, st.one_of(rows, rules), read)


def published_rows(lines: bytes) -> list[dict[str, str]]:
    import csv

    return list(csv.DictReader(io.StringIO(lines.decode(), newline="")))


# -- what runs leave ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(min((KEPT / "records").glob("*magnitude*.json")).read_bytes())
    return found


def as_json(values: Any) -> bytes:
    return json.dumps(values).encode("utf-8", "surrogatepass")


@cases(2_000)
def test_kept_folders(cases: int, tmp_path: Path, real_record: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    everything = published.load()
    monkeypatch.setattr(published, "load", lambda: everything)
    monkeypatch.setattr("builtins.print", lambda *_: None)
    folder, original = tmp_path / "kept", as_json(real_record)
    (folder / "records").mkdir(parents=True)
    asked = yaml.safe_load((KEPT / "grid.yaml").read_text())
    asked |= {"methods": ["dense", real_record["spec"]["method"]], "sparsities": real_record["spec"]["points"]}
    (folder / "grid.yaml").write_text(
        yaml.safe_dump({k: v for k, v in asked.items() if k not in ("points", "overrides")})
    )

    def read(content: bytes) -> None:
        (folder / "records" / "one.json").write_bytes(content)
        kept.rebuild(folder, tmp_path / "out", figures=False)

    (folder / "records" / "one.json").write_bytes(original)
    assert len(kept.read(folder).records) == 1
    expect_refusal_or_result(cases, st.one_of(damaged(original), altered(real_record).map(as_json)), read)


@cases()
def test_records_of_a_grid(cases: int, tmp_path: Path, real_record: dict[str, Any]) -> None:
    path = tmp_path / "record.json"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        outcome, reason, accuracies = record.glance(path)
        assert all(isinstance(accuracy, float) for accuracy in accuracies)
        assert outcome and "\x1b" not in reason

    read(as_json(real_record | {"outcome": ""}))
    expect_refusal_or_result(cases, st.one_of(damaged(as_json(real_record)), altered(real_record).map(as_json)), read)


@cases()
def test_counts_of_a_network(cases: int, tmp_path: Path) -> None:
    macs = flops.count("convnet_small", data.info("digits"), tmp_path)
    model = archs.create("convnet_small", 10, 1, 8)
    (path,) = tmp_path.glob("*.json")

    def read(content: bytes) -> None:
        path.write_bytes(content)
        flops.positions(model, flops.count("convnet_small", data.info("digits"), tmp_path))

    expect_refusal_or_result(cases, st.one_of(damaged(path.read_bytes()), altered(macs).map(as_json)), read)


# -- tensors --------------------------------------------------------------------------------------------------------


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
