"""Two clones train different seeds for real, on the digits; their results come together in one folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import data, latency
from bench.commands.merging import merge
from bench.plan.grid import Plan, expand, load
from bench.report import kept
from bench.results import measurements
from bench.results.record import Record
from bench.training.run import execute
from tests.merging.folders import files

FIELDS = {
    "recipe": "digits",
    "budget": 0.05,
    "datasets": ["digits"],
    "architectures": ["convnet_small"],
    "methods": ["magnitude"],
    "sparsities": [0.9],
}


@dataclass(frozen=True)
class Clones:
    """Results of two clones, one seed each, and the plan of both seeds."""

    one: Path
    two: Path
    plan: Plan
    records: dict[str, Record]


def planned(seeds: list[int], **changes: object) -> Plan:
    return expand(load(FIELDS | {"seeds": seeds} | changes))


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Clones:
    one, two = (tmp_path_factory.mktemp(name) / "results" for name in ("one", "two"))
    records = {}
    for seed, results in enumerate((one, two)):
        data.prepare("digits", results / "data")
        records |= {spec.id: execute(spec, results) for spec in planned([seed]).runs}
    assert {record.outcome for record in records.values()} == {"ok"}
    return Clones(one, two, planned([0, 1]), records)


def test_all_runs_are_there_with_weights_predictions_dates_and_stages(clones: Clones, tmp_path: Path) -> None:
    done = merge([clones.one, clones.two], tmp_path, stages=True)
    assert sorted(done.copied) == sorted(clones.records)
    assert done.complete
    assert done.outdated == []
    found, problems = measurements.read_records(clones.plan, tmp_path)
    assert problems == {}
    assert {run: source.record for run, source in found.items()} == clones.records
    for results in (clones.one, clones.two):
        for folder in ("runs", "stages"):
            theirs = files(results / folder)
            assert {name: files(tmp_path / folder)[name] for name in theirs} == theirs
        for path in (results / "runs").glob("*/record.json"):
            copy = tmp_path / path.relative_to(results)
            assert copy.stat().st_mtime_ns == path.stat().st_mtime_ns, "when it ended is told in the tracking store"
            assert {"weights.safetensors", "predictions.npz", "log.txt"} & {each.name for each in copy.parent.iterdir()}


def test_a_run_starts_from_the_dense_network_of_another_machine(clones: Clones, tmp_path: Path) -> None:
    merge([clones.one, clones.two], tmp_path, stages=True)
    data.prepare("digits", tmp_path / "data")
    (dense,) = (spec for spec in planned([1]).runs if spec.method == "dense")
    stages = {path: path.stat().st_mtime_ns for path in tmp_path.glob("stages/*/final.pt")}
    spec = next(spec for spec in planned([1], sparsities=[0.5]).runs if spec.method == "magnitude")
    here, there = execute(spec, tmp_path), execute(spec, clones.two)
    assert here.results[0].weights_sha256 == there.results[0].weights_sha256
    assert {path: path.stat().st_mtime_ns for path in stages} == stages, "no dense network was trained again"
    assert dense.id in clones.records


def test_a_run_of_both_machines_with_the_same_bits_is_one(clones: Clones, tmp_path: Path) -> None:
    again = tmp_path / "again"
    data.prepare("digits", again / "data")
    spec = planned([0]).runs[0]
    repeated = execute(spec, again)
    assert repeated != clones.records[spec.id], "the clock went on"
    done = merge([clones.one, again], tmp_path / "merged")
    assert done.same == [spec.id]
    assert done.complete


def test_a_kept_folder_brings_records_and_results_complete_them(clones: Clones, tmp_path: Path) -> None:
    folder, to = tmp_path / "kept", tmp_path / "results"
    run, *_ = ids = sorted(path.parent.name for path in clones.one.glob("runs/*/record.json"))
    source = tmp_path / "source"
    shutil.copytree(clones.one, source)
    measured = latency.beside(source / "runs" / run / "record.json")
    measured.write_text("{}")
    kept.keep(load(FIELDS | {"seeds": [0], "results": str(source)}), folder)

    assert sorted(merge([folder], to).copied) == ids
    assert set(files(to / "runs")) == {*(f"{each}/record.json" for each in ids), f"{run}/latency.json"}
    done = merge([source], to)
    assert (done.copied, sorted(done.same), sorted(done.completed)) == ([], ids, ids)
    assert files(to / "runs") == files(source / "runs")
    assert merge([source, folder], to).completed == []
