"""What strangers send is read and shown: no record goes away, no other file is copied, nothing blocks."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from bench.base import regular, stores
from bench.commands import cli
from bench.commands.merging import merge
from bench.errors import UserError
from bench.plan.grid import load
from bench.report import kept, origins
from bench.results import manifest
from bench.results.measurements import Source
from bench.sharing.export import export
from tests import factories
from tests.merging.folders import files, results, run, with_result

DIGITS = Path(__file__).parents[2] / "reports" / "reproductions" / "digits"
FIELDS = {"recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"], "methods": ["dense"]}
SECRET = "nobody's business"


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Whatever blocks ends the test."""

    def blocked(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it blocks")

    before = signal.signal(signal.SIGALRM, blocked)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A kept folder with the dense networks of three seeds."""
    found = tmp_path / "kept"
    (found / "records").mkdir(parents=True)
    for path in (DIGITS / "records").glob("digits-convnet_small-dense-s*.json"):
        shutil.copy(path, found / "records")
    (found / "grid.yaml").write_text(json.dumps(FIELDS | {"seeds": [0, 1, 2]}))
    return found


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A private file, and a folder with it."""
    path = tmp_path / "home" / "id_rsa"
    path.parent.mkdir()
    path.write_text(SECRET)
    return path


# -- where records go -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri", ["http://theirs:5000", "postgresql://theirs/x", "databricks", "file:///x", "x-plugin://y"]
)
def test_a_grid_alone_sends_no_record_anywhere(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(stores.VARIABLE, raising=False)
    config = tmp_path / "theirs.yaml"
    config.write_text(json.dumps(FIELDS | {"seeds": [0], "tracking_uri": uri, "results": str(tmp_path)}))
    for words in (["report", str(config)], ["plan", str(config)]):
        assert cli.call(words) == 2
    with pytest.raises(UserError, match="a grid alone does not decide where records are sent, and this one says"):
        load(config)
    assert load(config, {"tracking_uri": uri}).tracking_uri == uri
    monkeypatch.setenv(stores.VARIABLE, "http://ours")
    with pytest.raises(UserError, match="a grid alone does not decide"):
        load(config)
    monkeypatch.setenv(stores.VARIABLE, uri)
    assert stores.store_uri(load(config)) == uri


def test_the_environment_names_the_store_of_a_grid_that_names_none(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv(stores.VARIABLE, "http://ours")
    assert stores.store_uri(factories.grid(tmp_path)) == "http://ours"
    assert stores.store_uri(factories.grid(tmp_path, tracking_uri="sqlite:///x.db")) == "sqlite:///x.db"


# -- links, pipes and devices ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["link", "pipe", "device", "folder", "dangling"])
def test_only_regular_files_are_opened(kind: str, tmp_path: Path, secret: Path) -> None:
    path = tmp_path / "it"
    put(kind, path, secret)
    with pytest.raises(OSError, match="it is a") as error:
        regular.read_bytes(path)
    assert error.value.strerror
    assert not regular.is_there(path)


def test_a_link_above_a_file_is_not_followed_and_the_one_that_was_named_is(tmp_path: Path, secret: Path) -> None:
    named = tmp_path / "named"
    named.symlink_to(secret.parent)
    assert regular.read_bytes(named / "id_rsa", named) == SECRET.encode()
    with pytest.raises(OSError, match="named is a link"):
        regular.read_bytes(named / "id_rsa", tmp_path)
    with pytest.raises(OSError, match="more than 5 bytes"):
        regular.read_bytes(secret, most=5)


def put(kind: str, path: Path, secret: Path) -> None:
    """Something that is no regular file in the place of one."""
    if path.exists():
        path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"link": secret, "device": Path("/dev/zero"), "dangling": Path("/none")}[kind])


@pytest.mark.parametrize("kind", ["link", "pipe"])
@pytest.mark.parametrize("name", ["predictions.npz", "log.txt", "latency.json", "weights.safetensors", "record.json"])
def test_merge_takes_no_such_file(kind: str, name: str, tmp_path: Path, secret: Path) -> None:
    one, two = run(0), run(1)
    source, to = results(tmp_path / "source", one, two), tmp_path / "to"
    put(kind, source / "runs" / one.id / name, secret)
    done = merge([source], to)
    assert (done.copied, list(done.refused)) == ([two.id], [one.id])
    assert "it is a" in done.refused[one.id]
    assert all(SECRET.encode() not in content for content in files(to).values())


def test_merge_takes_no_folder_by_a_link_and_no_name_of_another_file(tmp_path: Path) -> None:
    one = run(0)
    source, to = results(tmp_path / "source", one), tmp_path / "to"
    (source / "runs" / one.id).rename(tmp_path / "elsewhere")
    (source / "runs" / one.id).symlink_to(tmp_path / "elsewhere")
    assert "is a link, and links are not followed" in merge([source], to).refused[one.id]
    named = results(tmp_path / "named", with_result(run(1), predictions="lock"))
    assert "the name lock, which another file has" in merge([named], to).refused[run(1).id]
    assert files(to) == {}


def test_merge_takes_trainings_only_when_asked_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, to = results(tmp_path / "source", run()), tmp_path / "to"
    (source / "stages" / ("a" * 32)).mkdir(parents=True)
    (source / "stages" / ("a" * 32) / "final.pt").write_bytes(b"another network under a right seal")
    words = ["merge", str(source), "--to", str(to)]
    assert cli.call(words) == 0
    assert "1 trainings that runs share were left where they are; --stages takes them" in capsys.readouterr().out
    assert not (to / "stages").exists()
    assert cli.call([*words, "--stages"]) == 0
    assert "left where they are" not in capsys.readouterr().out
    assert len(list(to.glob("stages/*/final.pt"))) == 1


def test_a_record_that_names_its_weights_as_its_predictions_is_refused(tmp_path: Path) -> None:
    one = run()
    source = results(tmp_path / "source", one)
    path = source / "runs" / one.id / "record.json"
    path.write_text(path.read_text().replace("predictions.npz", "weights.safetensors"))
    (path.parent / "weights.safetensors").write_bytes(b"another network")
    assert "is named twice, for different things" in merge([source], tmp_path / "to").refused[one.id]
    assert files(tmp_path / "to") == {}


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_kept_folders_with_such_files_are_one_sentence(kind: str, folder: Path, tmp_path: Path, secret: Path) -> None:
    path = min((folder / "records").iterdir())
    whole = path.read_text()
    words = ["report", str(folder), "-o", str(tmp_path / "out"), "--only", "table"]
    for place in (path, folder / "latency" / path.name, folder / "churn.csv", folder / "grid.yaml"):
        there = place.read_text() if place.exists() else None
        place.parent.mkdir(exist_ok=True)
        put(kind, place, secret)
        assert cli.call(words) == (0 if place.parent.name == "latency" else 2), "measurements are left out, with a note"
        assert cli.call(["export", str(folder), "-o", str(tmp_path / "crate")]) == 2, place
        assert cli.call(["verify", str(folder)]) == (0 if place.parent.name == "latency" else 1), place
        place.unlink()
        if there is not None:
            place.write_text(there)
    assert path.read_text() == whole
    assert not (tmp_path / "crate").exists()
    assert all(SECRET.encode() not in content for content in files(tmp_path / "out").values())


def test_a_linked_folder_of_records_is_not_read(folder: Path, tmp_path: Path) -> None:
    (folder / "records").rename(tmp_path / "elsewhere")
    (folder / "records").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="records is a link, and links are not followed"):
        kept.read(folder)


def test_keep_and_export_copy_no_linked_file(tmp_path: Path, secret: Path) -> None:
    grid = load(FIELDS | {"seeds": [0], "results": str(tmp_path / "results")})
    (path,) = (DIGITS / "records").glob("digits-convnet_small-dense-s0-*.json")
    place = tmp_path / "results" / "runs" / path.stem / "record.json"
    place.parent.mkdir(parents=True)
    shutil.copy(path, place)
    (place.parent / "weights.safetensors").symlink_to(secret)
    from datetime import date

    with pytest.raises(UserError, match=r"weights.safetensors: cannot be copied \(it is a link"):
        export(tmp_path / "x.yaml", grid, tmp_path / "crate", weights=True, today=date(2026, 1, 1))
    (place.parent / "latency.json").symlink_to(secret)
    with pytest.raises(UserError, match=r"latency.json: cannot be read \(it is a link"):
        kept.keep(grid, tmp_path / "kept")
    place.rename(tmp_path / "moved.json")
    place.symlink_to(tmp_path / "moved.json")
    with pytest.raises(UserError, match=r"record.json: cannot be read \(it is a link"):
        kept.keep(grid, tmp_path / "kept")


@pytest.mark.parametrize("kind", ["link", "pipe", "device"])
def test_verify_follows_nothing_and_waits_for_nothing(kind: str, tmp_path: Path, secret: Path) -> None:
    one = run()
    source = results(tmp_path / "source", one)
    stage = source / "stages" / ("a" * 32)
    stage.mkdir(parents=True)
    for place in (
        *(source / "runs" / one.id / name for name in ("weights.safetensors", "predictions.npz")),
        *(stage / "final.pt", source / "mlflow.db", source / manifest.NAME),
    ):
        put(kind, place, secret)
    (source / "data").mkdir()
    os.mkfifo(source / "data" / "cifar10.safetensors")
    from bench.commands.runs.verify import examine

    found = {each.path.name for each in examine(source).problems}
    assert found >= {"weights.safetensors", "predictions.npz", "final.pt", "mlflow.db", manifest.NAME}
    put(kind, source / "runs" / one.id / "record.json", secret)
    assert "record.json" in {each.path.name for each in examine(source).problems}


# -- provenance -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts",
    [
        *({"data_sha256": [[]]}, {"git": "x"}, {"git": {"commit": [1]}}, {"packages": [1]}, {"packages": {"torch": 2}}),
        *({"cpu": 3}, {"gpu": {"name": {"a": 1}}}, {"started": {}}, {"new": [{}]}, {"new": {"a": {"b": {"c": 1}}}}),
    ],
)
def test_a_provenance_that_is_none_is_one_sentence(facts: dict[str, Any], folder: Path, capsys: Any) -> None:
    path = min((folder / "records").iterdir())
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"provenance": values["provenance"] | facts}))
    assert cli.call(["report", str(folder)]) == 2
    sentence = capsys.readouterr().err
    assert sentence.count("\n") == 1 and "'provenance'" in sentence and f"'{next(iter(facts))}" in sentence


def test_records_of_another_source_of_the_engine_are_told_in_provenance_alone(folder: Path, tmp_path: Path) -> None:
    path = min((folder / "records").iterdir())
    values = json.loads(path.read_text())
    values["provenance"]["engine_source_sha256"] = "0" * 64
    path.write_text(json.dumps(values))
    kept.rebuild(folder, tmp_path, figures=False)
    said = "1 of 3 records come from another source of the engine than the one at hand."
    assert said in (tmp_path / "provenance.md").read_text()
    assert all("another source" not in (tmp_path / name).read_text() for name in ("table.md", "table.tex", "table.csv"))
    found = factories.record(factories.spec(), provenance={"engine_source_sha256": origins.provenance.engine_source()})
    assert origins.notices({found.id: Source(found, "0", Path("record.json"))}) == []
