"""`reprune verify` looks at anything: what is damaged is a finding or one sentence, never a traceback, hang or bomb."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from pydantic_core import from_json

from bench.base import visible
from bench.commands.runs import check_counts, check_files, check_predictions, check_store
from bench.errors import UNPRINTABLE
from bench.plan.grid import Cell
from bench.report import origins
from bench.results import manifest, measurements
from bench.results.measurements import Slot, Source
from bench.results.record import parse
from bench.tracking import entry
from tests import factories
from tests.hostile.fuzzing import as_json, cases, expect_refusal_or_result
from tests.hostile.fuzzing import elsewhere as elsewhere
from tests.hostile.fuzzing import real_record as real_record
from tests.hostile.mutations import altered, damaged

MARKS = st.sampled_from(["\x1b[2J", "\x07", "\u202e", "\u2066", "\x9b", "\x7f", "\\u001b", "\\", "\ud83d", "中"])


@pytest.mark.parametrize("part", ["provenance", "results"])
@cases()
def test_records(cases: int, part: str, tmp_path: Path, real_record: dict[str, Any]) -> None:
    """Parts on their own, so that damage falls on the places that matter."""

    def read(values: Any) -> None:
        try:
            found = parse(as_json(real_record | {part: values}))
        except ValueError:
            return
        assert not UNPRINTABLE.search(json.dumps(found.provenance, ensure_ascii=False))
        list(check_counts.findings(found, tmp_path / "one.json"))
        origins.blocks({found.id: Source(found, "0", tmp_path / "record.json")})
        for name in ("git", "packages", "cpu", "gpu"):
            assert isinstance(found.provenance.get(name) or {}, dict)

    read(real_record[part])
    expect_refusal_or_result(cases, altered(real_record[part]), read)


@cases()
def test_characters_in_json(cases: int) -> None:
    def read(text: str) -> None:
        for ascii_only in (True, False):
            data = json.dumps({text: [text]}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
            shown = visible.in_json(data)
            try:
                found = from_json(shown)  # as pydantic reads records
            except ValueError:
                assert "\ud83d" in text, "only halves of letters are refused"
                continue
            ((name, (value,)),) = found.items()
            assert name == value and not UNPRINTABLE.search(name)
            if not UNPRINTABLE.search(text):
                assert value == text

    expect_refusal_or_result(cases, st.lists(st.one_of(MARKS, st.text(max_size=5)), max_size=8).map("".join), read)


@cases()
def test_manifests(cases: int, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    (folder / "records").mkdir(parents=True)
    for name in ("table.md", "records/one.json"):
        (folder / name).write_text(name)
    manifest.write(folder)
    original = (folder / manifest.NAME).read_bytes()

    def read(content: bytes) -> None:
        (folder / manifest.NAME).write_bytes(content)
        looks, _ = check_files.listed(folder, True)
        assert all(finding.path.is_relative_to(folder) for look in looks for finding in look())

    expect_refusal_or_result(cases, damaged(original), read)


@cases()
def test_predictions(cases: int, tmp_path: Path, real_record: dict[str, Any]) -> None:
    record, path = parse(as_json(real_record)), tmp_path / "predictions.npz"
    result = record.results[0].model_copy(update={"test_images": 20})
    logits = np.arange(200, dtype=np.float16).reshape(20, 10)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, predictions=np.full(20, 9, np.uint16), logits=logits)
    labels = check_predictions.Labels(tmp_path)
    labels.of = lambda dataset: np.zeros(20, np.int64)  # type: ignore[assignment]

    def read(content: bytes) -> None:
        path.write_bytes(content)
        list(check_predictions.findings(record, result, path, tmp_path, labels))

    read(buffer.getvalue())
    expect_refusal_or_result(cases, damaged(buffer.getvalue()), read)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of one run, with those tables of MLflow that are looked at."""
    folder = tmp_path_factory.mktemp("store")
    path = factories.write(factories.record(factories.spec()), folder)
    content = path.read_bytes()
    found = parse(content)
    cell = Cell(found.spec.dataset, found.spec.architecture, found.spec.method_text, 0.9)
    source = Source(found, hashlib.sha256(content).hexdigest(), path)
    last = measurements.finite(measurements.metrics(found, 0.9))
    points = [(name, step, value) for name, step, value, _ in entry.curve_points(found)]
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE experiments (name)")
        connection.execute("CREATE TABLE runs (run_uuid, lifecycle_stage, status)")
        connection.execute("INSERT INTO runs VALUES ('r', 'active', 'FINISHED')")
        tables = {
            "tags": entry.flat(entry.tags_of(Slot(cell, 0, found.id), source)),
            "params": entry.flat(entry.params_of(found)),
            "latest_metrics": last,
        }
        for name, rows in tables.items():
            connection.execute(f"CREATE TABLE {name} (run_uuid, key, value)")
            connection.executemany(f"INSERT INTO {name} VALUES ('r', ?, ?)", list(rows.items()))
        connection.execute("CREATE TABLE metrics (run_uuid, key, step, value)")
        every = [*((name, 0, value) for name, value in last.items()), *points]
        connection.executemany("INSERT INTO metrics VALUES ('r', ?, ?, ?)", every)
        connection.commit()
    assert check_store.findings(folder) == []
    return folder


@cases(2_000)
def test_tracking_stores(cases: int, store: Path, tmp_path: Path) -> None:
    """Values of every type in every column, and pages of the file."""
    shutil.copytree(store / "runs", tmp_path / "runs")
    path = tmp_path / "mlflow.db"
    original = (store / "mlflow.db").read_bytes()
    values = st.one_of(
        st.none(), st.text(max_size=20), st.binary(max_size=20), st.integers(-(2**63), 2**63 - 1), st.floats()
    )
    columns = ("key", "value", "run_uuid")
    places = st.tuples(st.sampled_from(("tags", "params", "metrics", "latest_metrics")), st.sampled_from(columns))
    pages = st.tuples(st.integers(0, len(original) - 1), st.binary(min_size=1, max_size=8))

    def read(drawn: Any) -> None:
        (table, column), value, page = drawn
        path.write_bytes(original)
        if page is not None:
            at, content = page
            path.write_bytes(original[:at] + content + original[at + len(content) :])
        else:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA ignore_check_constraints = ON")
                connection.execute(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE rowid % 3 = 0", (value,))
                connection.commit()
        check_store.findings(tmp_path)

    expect_refusal_or_result(cases, st.tuples(places, values, st.one_of(st.none(), pages)), read)
