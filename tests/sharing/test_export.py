"""A finished grid as a research object: complete, valid, the same again, and telling nothing of the machine."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from rocrate.rocrate import ROCrate

from bench import identity
from bench.commands import cli
from bench.plan import grid
from bench.plan.grid import Grid
from bench.results import record
from bench.sharing import crate as crates
from bench.sharing import export as exporting
from tests import factories, validators

ROOT = Path(__file__).parents[2]
FIRST, LATER = date(2026, 1, 2), date(2027, 3, 4)

# fmt: off
_SCHEMA = (
    "CreateAction", "CreativeWork", "ComputerLanguage", "Dataset", "Organization", "PropertyValue",
    "ScholarlyArticle", "SoftwareApplication", "SoftwareSourceCode", "about", "actionStatus", "additionalType",
    "author", "citation", "contentSize", "creator", "datePublished", "description", "encodingFormat", "error",
    "exampleOfWork", "hasPart", "identifier", "instrument", "keywords", "license", "mainEntity", "mentions", "name",
    "object", "programmingLanguage", "result", "sdDatePublished", "sdPublisher", "softwareRequirements", "startTime",
    "url", "value", "valueRequired", "version", "workExample",
)
# fmt: on
TERMS = {name: f"http://schema.org/{name}" for name in _SCHEMA} | {
    "File": "http://schema.org/MediaObject",
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
}
"""The terms that may be used, as the context of RO-Crate 1.1 (version 1.1.3) defines them."""

UNKNOWN = {
    "process-run-crate-0.5_8.4",  # when a run ended, which no record says
    "process-run-crate-0.5_8.6",  # who ran it
    "ro-crate-1.1_22.3",  # who publishes it
    "process-run-crate-0.5_5.1",  # an address in the web of the software,
    "process-run-crate-0.5_3.2",  # of its parts,
    "ro-crate-1.1_31.2",  # and of its authors
}
"""Recommendations that are not met because nobody told."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    """A grid of four runs with weights, one of which ended in an error."""
    folder = tmp_path_factory.mktemp("finished")
    fields: dict[str, Any] = {"name": "small", "title": "A small <grid> & more", "recipe": "cifar10", "seeds": [0]}
    fields |= {"datasets": ["cifar10"], "architectures": ["resnet20_cifar"], "sparsities": [0.9, 0.95]}
    fields |= {"methods": ["gmp[schedule.every=50]", "lth"]}
    found = grid.load(fields | {"results": str(folder / "results"), "reports": str(folder / "reports")})
    *good, bad = grid.expand(found).runs
    started = {"started": "2026-01-01T00:00:00+00:00", "packages": {"torch": "2.13.0"}, "data_sha256": "f" * 64}
    for index, spec in enumerate(good):
        weights = folder / "results" / "runs" / spec.id / "weights.safetensors"
        weights.parent.mkdir(parents=True)
        weights.write_bytes(b"weights %d" % index)
        sha256 = identity.file_digest(weights)
        results = [factories.result(point, 90.0, weights_sha256=sha256) for point in spec.points or (None,)]
        factories.write(factories.record(spec, results=results, provenance=started), Path(found.results))
    failed = factories.record(bad, outcome="error", reason="ValueError: no", results=[], provenance=started)
    factories.write(failed, Path(found.results))
    return found


def export(found: Grid, output: Path, *, weights: bool = False, today: date = FIRST) -> Path:
    exporting.export(Path("small.yaml"), found, output, weights=weights, today=today)
    return output


@pytest.fixture(scope="module")
def crate(finished: Grid, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported without weights."""
    return export(finished, tmp_path_factory.mktemp("crate") / "small")


@pytest.fixture(scope="module")
def packed(finished: Grid, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same once more, in one file."""
    return export(finished, tmp_path_factory.mktemp("packed") / "small.zip")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crates without tables and figures, which take seconds."""

    def nothing(_: Any, folder: Path) -> None:
        for name in ("table.md", "table.csv", "comparison.csv"):
            (folder / name).write_text("")

    monkeypatch.setattr(exporting, "_add_reports", nothing)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def graph(folder: Path) -> dict[str, dict[str, Any]]:
    """The entities of a crate by their ids."""
    return {entity["@id"]: entity for entity in json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]}


def references(value: Any) -> list[str]:
    """What a property refers to."""
    return [each["@id"] for each in (value if isinstance(value, list) else [value])]


@pytest.mark.parametrize("form", ["packed", pytest.param("crate", marks=pytest.mark.long)])
def test_it_keeps_what_its_profiles_require_and_recommend(form: str, request: pytest.FixtureRequest) -> None:
    found = validators.problems(request.getfixturevalue(form), TERMS)
    assert {check: severity for severity, check, _ in found} == dict.fromkeys(UNKNOWN, "RECOMMENDED")


@pytest.mark.long
def test_a_crate_with_a_fault_is_found_out(finished: Grid, tmp_path: Path, bare: None) -> None:
    folder = export(finished, tmp_path / "small")
    path = folder / "ro-crate-metadata.json"
    path.write_text(path.read_text().replace('"mainEntity"', '"mainEntities"'))
    assert "REQUIRED" in {severity for severity, _, _ in validators.problems(folder, TERMS)}


def test_every_file_is_described_with_its_checksum(crate: Path) -> None:
    entities = graph(crate)
    described = {name: entity for name, entity in entities.items() if "sha256" in entity}
    for name, entity in described.items():
        assert identity.file_digest(crate / name) == entity["sha256"], name
        assert (crate / name).stat().st_size == int(entity["contentSize"]), name
    outside = {name for name in files(crate) if not name.startswith("workflow/")}
    assert outside - set(described) == {"ro-crate-metadata.json"}
    assert {"workflow/Snakefile", "workflow/methods/lth.py", "workflow/configs/recipes/cifar10.yaml"} < set(described)
    assert {"table.md", "table.tex", "report.html", "checklist.md", "accuracy-macs-cifar10.svg"} < set(described)
    assert {name for name in entities if not re.fullmatch(r"[\w./#:%~+@,=-]+", name, re.ASCII)} == set()
    defined = set(entities) | {"https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE", crates.LANGUAGE_PROFILE}
    for entity in entities.values():
        values = [each for value in entity.values() for each in (value if isinstance(value, list) else [value])]
        local = {each["@id"] for each in values if isinstance(each, dict)}
        assert {name for name in local - defined if not name.startswith("http")} == set()


def test_another_reader_finds_the_workflow_and_its_runs(crate: Path, finished: Grid) -> None:
    read = ROCrate(crate)
    assert read.mainEntity.id == "workflow/Snakefile"
    assert read.mainEntity["programmingLanguage"]["name"] == "Snakemake"
    assert read.name == "A small <grid> & more"
    assert [author["name"] for author in [read.root_dataset["author"]]] == ["The reprune developers"]
    runs = [action for action in read.root_dataset["mentions"] if action.id != "#grid"]
    assert [run["name"] for run in runs] == [spec.id for spec in grid.expand(finished).runs]
    assert all(run["instrument"].id == "workflow/bench/training/run.py" for run in runs)
    assert runs[1]["result"].id == f"records/{runs[1]['name']}.json"
    objects = {each.id for each in runs[1]["object"]}
    assert {"workflow/methods/gmp.py", "workflow/configs/recipes/cifar10.yaml", "#seed-0", "#point-0.9"} < objects
    assert f"#data-cifar10-{'f' * 12}" in objects
    assert (runs[1]["startTime"], runs[1].get("endTime")) == ("2026-01-01T00:00:00+00:00", None)
    assert {run["actionStatus"].rpartition("/")[2] for run in runs[:-1]} == {"CompletedActionStatus"}
    assert (runs[-1]["actionStatus"], runs[-1]["error"]) == ("http://schema.org/FailedActionStatus", "ValueError: no")
    papers = {paper.id for paper in read.root_dataset["citation"]}
    assert {"https://arxiv.org/abs/1710.01878", "https://arxiv.org/abs/2003.02389"} <= papers


def test_only_what_the_grid_names_goes_along(crate: Path) -> None:
    names = set(files(crate))
    assert "workflow/methods/lth.py" in names and "workflow/methods/rigl.py" not in names
    assert "workflow/configs/recipes/cifar10.yaml" in names
    assert {name for name in names if name.startswith("workflow/configs/") and name.count("/") == 2} == set()
    assert not [name for name in names if "__pycache__" in name or "/." in name or name.endswith(".pyc")]


def test_the_same_grid_gives_the_same_bytes(crate: Path, packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {exporting.EPOCH}
        assert "records/" in archive.namelist()
        unpacked = {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
    expected = files(crate)
    assert {name for name in expected.keys() | unpacked.keys() if expected.get(name) != unpacked.get(name)} == set()
    assert [path.name for path in packed.parent.glob("*.zip")] == ["small.zip"]


def test_only_the_date_of_publication_changes(finished: Grid, tmp_path: Path, bare: None) -> None:
    first, later = (files(export(finished, tmp_path / str(today), today=today)) for today in (FIRST, LATER))
    assert {name for name in first if first[name] != later[name]} == {"ro-crate-metadata.json", "ro-crate-preview.html"}
    page = later["ro-crate-preview.html"].replace(b"2027-03-04", b"2026-01-02")
    assert page == first["ro-crate-preview.html"]
    lines = [each["ro-crate-metadata.json"].decode().splitlines() for each in (first, later)]
    changed = {line.split('"')[1] for line, other in zip(*lines, strict=True) if line != other}
    assert changed == {"datePublished", "sdDatePublished", "sha256"}  # the last of the page


def test_nothing_tells_where_it_was_made(crate: Path, finished: Grid) -> None:
    places = [ROOT, Path.cwd(), Path.home(), Path(finished.results).parent, crate.parent]
    telling = [str(place).encode() + b"/" for place in places] + [platform.node().encode()] * (len(platform.node()) > 4)
    found = {(name, text) for name, content in files(crate).items() for text in telling if text in content}
    assert found == set()


def test_a_record_that_tells_is_refused(
    finished: Grid, tmp_path: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = grid.expand(finished).runs[-1]
    path = Path(finished.results) / "runs" / bad.id / "record.json"
    before = path.read_bytes()
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "alice"))
    try:
        reason = f"FileNotFoundError: {tmp_path}/home/alice/secret.txt"
        record.write(record.read(path).model_copy(update={"reason": reason}), path)
        with pytest.raises(exporting.UserError, match=rf"records/{bad.id}\.json names the folder .*/home/alice/ of"):
            export(finished, tmp_path / "small")
    finally:
        path.write_bytes(before)
    assert list(tmp_path.iterdir()) == []


def test_weights_go_along_if_asked_for(finished: Grid, crate: Path, tmp_path: Path, bare: None) -> None:
    folder = export(finished, tmp_path / "small", weights=True)
    entities, runs = graph(folder), grid.expand(finished).runs
    assert not any(name.startswith("weights/") for name in files(crate))
    for spec in runs[:-1]:
        name = f"weights/{spec.id}/weights.safetensors"
        sha256 = record.read(folder / "records" / f"{spec.id}.json").results[0].weights_sha256
        assert identity.file_digest(folder / name) == entities[name]["sha256"] == sha256
        assert references(entities[f"#run-{spec.id}"]["result"]) == [f"records/{spec.id}.json", name]


def test_weights_that_are_not_the_recorded_ones_are_refused(finished: Grid, tmp_path: Path, bare: None) -> None:
    weights = Path(finished.results) / "runs" / grid.expand(finished).runs[1].id / "weights.safetensors"
    before = weights.read_bytes()
    try:
        weights.write_bytes(b"others")
        with pytest.raises(exporting.UserError, match=r"has the checksum .*…, not the recorded"):
            export(finished, tmp_path / "small", weights=True)
        weights.unlink()
        with pytest.raises(exporting.UserError, match="are not there any more; export without --weights"):
            export(finished, tmp_path / "small", weights=True)
    finally:
        weights.write_bytes(before)
    assert list(tmp_path.iterdir()) == []


def test_its_code_plans_the_same_runs_and_makes_the_same_tables(crate: Path, tmp_path: Path) -> None:
    script = """
import bench, sys
from bench.plan.grid import expand, load
from bench.report import produce
from pathlib import Path
print(bench.__file__)
print(*(spec.id for spec in expand(load("../grid.yaml")).runs))
produce(Path(".."), [], "table", Path(sys.argv[1]))
"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-P", "-c", script, str(tmp_path / "again")]
    environment = kept | {"PYTHONPATH": str(crate / "workflow"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=crate / "workflow", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    where, runs, *_ = done.stdout.splitlines()
    assert Path(where) == crate / "workflow" / "bench" / "__init__.py"
    assert {f"{run}.json" for run in runs.split()} == {path.name for path in (crate / "records").iterdir()}
    for name in ("table.csv", "comparison.csv", "table.tex"):
        assert (tmp_path / "again" / name).read_bytes() == (crate / name).read_bytes()
    pd.read_csv(crate / "table.csv")


def test_the_page_says_whether_the_code_is_that_of_the_runs(
    crate: Path, finished: Grid, tmp_path: Path, bare: None
) -> None:
    assert "The code in `workflow/` is that of all 4 runs" in (crate / "README.md").read_text()
    kept = tmp_path / "kept"
    exporting.kept.keep(finished, kept)
    (path,) = kept.glob("records/*gmp-0.95-*")
    old = record.read(path)
    spec = old.spec.model_copy(update={"identity": "0" * 64})
    record.write(old.model_copy(update={"id": spec.id, "spec": spec}), path.with_name("renamed by hand.json"))
    path.unlink()
    exporting.export(kept, None, tmp_path / "crate", weights=False, today=FIRST)
    assert "is newer than 1 of the 4 runs" in (tmp_path / "crate" / "README.md").read_text()
    assert graph(tmp_path / "crate")[f"#run-{spec.id}"]["result"] == {"@id": f"records/{spec.id}.json"}


def test_an_unfinished_grid_is_refused(finished: Grid, tmp_path: Path) -> None:
    longer = finished.model_copy(update={"seeds": (0, 1)})
    with pytest.raises(exporting.UserError, match=r"^small\.yaml: 4 of 8 runs have no record yet, first .*-s1-.*; fin"):
        export(longer, tmp_path / "small")
    assert list(tmp_path.iterdir()) == []


def test_what_fails_on_the_way_leaves_nothing(
    finished: Grid, tmp_path: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(crates, "describe", fail)
    for name in ("small", "small.zip"):
        with pytest.raises(KeyboardInterrupt):
            export(finished, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits, there = str(ROOT / "reports" / "reproductions" / "digits"), str(tmp_path)
    for words, sentence in (
        ((digits, "-o", there), f"{there} is there already; remove it, or name another one."),
        (
            (digits, "--weights", "-o", f"{there}/x"),
            f"--weights is for grids; a kept folder ({digits}) has no weights.",
        ),
        ((digits, "seeds=[0]", "-o", f"{there}/x"), f"'seeds=[0]' is for grids; a kept folder ({digits}) is exported"),
        ((f"{there}/no.yaml", "-o", f"{there}/x"), f"{there}/no.yaml: there is no such file."),
        ((there, "-o", f"{there}/x"), f"{there} is not a kept folder, it has no grid.yaml"),
    ):
        assert cli.call(["export", *words]) == 2
        assert capsys.readouterr().err.startswith(f"reprune: {sentence}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_whoever_has_the_crate_trains_the_same_networks(tmp_path: Path) -> None:
    config = tmp_path / "two.yaml"
    fields = {"recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"], "sparsities": [0.9]}
    fields |= {"methods": ["dense", "magnitude"], "seeds": [0], "results": str(tmp_path / "results")}
    config.write_text(yaml.safe_dump(fields | {"reports": str(tmp_path / "reports")}))
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile"]
    subprocess.run([*snakemake, str(config)], cwd=ROOT, check=True, capture_output=True)
    assert cli.call(["export", str(config), "--weights", "-o", str(tmp_path / "crate")]) == 0
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    place = tmp_path / "crate" / "workflow"
    environment = kept | {"PYTHONPATH": str(place)}
    subprocess.run([*snakemake, "../grid.yaml"], cwd=place, env=environment, check=True, capture_output=True)
    again = sorted((place / "results" / "runs").glob("*/weights.safetensors"))
    assert len(again) == 2
    for weights in again:
        assert (
            weights.read_bytes() == (tmp_path / "crate" / "weights" / weights.parent.name / weights.name).read_bytes()
        )
