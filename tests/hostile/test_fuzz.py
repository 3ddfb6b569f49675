"""Whatever is read, a person gets a result or one sentence: never a traceback, a hang, or gigabytes of memory.

Damage is drawn by hypothesis over the real files of this project: 200 cases each by default,
10,000 by ``-m long`` (2,000 of the slow ones).
"""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st

from bench import archs, catalog, data, names, published, recipe
from bench.counting import flops
from bench.errors import UserError
from bench.plan import grid
from bench.plan.resolved import changes
from bench.published import search
from bench.recipe import prunable
from bench.report import kept
from bench.results import record
from tests.hostile.fuzzing import KEPT, LONGEST_SENTENCE, ROOT, as_json, cases, expect_refusal_or_result
from tests.hostile.fuzzing import elsewhere as elsewhere
from tests.hostile.fuzzing import real_record as real_record
from tests.hostile.mutations import altered, damaged, texts

GRIDS = sorted((ROOT / "configs").glob("**/*.yaml"))
RECIPES = sorted((ROOT / "configs" / "recipes").glob("*.yaml"))
PAPER = ROOT / "published" / "1911.11134.csv"


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
