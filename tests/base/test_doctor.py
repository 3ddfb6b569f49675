"""What the doctor says, and when it says that something has to be done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import methods
from bench import catalog
from bench.commands.listing import machine as doctor
from bench.plan.grid import Grid
from tests import factories


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    return factories.grid(tmp_path, datasets=("cifar10",), data_dir=str(tmp_path / "data"))


def found(findings: list[doctor.Check], what: str) -> doctor.Check:
    return next(finding for finding in findings if finding.what == what)


def test_data_that_the_grid_needs_are_missed_and_others_mentioned(grid: Grid) -> None:
    assert "!" in found(doctor.datasets(grid), "cifar10").mark
    assert found(doctor.datasets(grid), "cifar100").mark == "–"
    assert "✓" in found(doctor.datasets(grid), "digits").mark


def test_data_are_found_as_originals_and_decoded(grid: Grid, tmp_path: Path) -> None:
    (tmp_path / "data" / "cifar-10-batches-py").mkdir(parents=True)
    assert found(doctor.datasets(grid), "cifar10").found == f"originals in {tmp_path}/data/cifar-10-batches-py"
    decoded = Path(grid.results) / "data" / "cifar10.safetensors"
    decoded.parent.mkdir(parents=True)
    decoded.touch()
    assert found(doctor.datasets(grid), "cifar10").found == f"decoded in {decoded}"


def test_the_folder_of_originals_is_said(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(doctor.datasets(grid), "data").found == f"{tmp_path}/data (data_dir in the grid) is not there"
    monkeypatch.setenv("REPRUNE_DATA", str(tmp_path))
    unsaid = grid.model_copy(update={"data_dir": None})
    assert found(doctor.datasets(unsaid), "data").found == f"{tmp_path} ($REPRUNE_DATA)"
    monkeypatch.delenv("REPRUNE_DATA")
    assert "the default" in found(doctor.datasets(unsaid), "data").found


def test_room_for_results_is_needed(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.folder(grid).advice == ""
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**8))
    assert "make room" in doctor.folder(grid).advice
    (tmp_path / "file").touch()
    blocked = doctor.folder(grid.model_copy(update={"results": f"{tmp_path}/file"}))
    assert blocked.needed and blocked.advice and f"{tmp_path}/file" in blocked.found


def test_data_that_may_be_fetched_are_not_missed(grid: Grid) -> None:
    allowed = grid.model_copy(update={"download": True})
    assert found(doctor.datasets(allowed), "cifar10").mark == "–"


def test_a_pretended_gpu_that_torch_cannot_use_is_reported(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("REPRUNE_GPUS", "")
    assert found(doctor.hardware(grid), "GPU").advice == ""
    monkeypatch.setenv("REPRUNE_GPUS", "a")
    assert "CUDA build" in found(doctor.hardware(grid), "GPU").advice


def test_gpus_and_their_slots(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda index: f"card {index}")
    shared = grid.model_copy(update={"slots_per_gpu": 3})
    assert found(doctor.hardware(shared), "GPU").found == "card 0, card 1: 6 slots with slots_per_gpu: 3"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A method file that cannot be loaded."""
    (tmp_path / "unsound.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    catalog.method_class.cache_clear()
    yield
    catalog.method_class.cache_clear()


@pytest.mark.usefixtures("broken")
def test_a_broken_method_is_named() -> None:
    assert "unsound" not in found(doctor.methods(), "methods").found
    assert "no_such_module_anywhere" in found(doctor.methods(), "unsound").found


def test_the_store_is_the_one_of_the_grid(grid: Grid) -> None:
    assert doctor.store(grid).found == f"sqlite:///{grid.results}/mlflow.db, which the first call creates"
    elsewhere = grid.model_copy(update={"tracking_uri": "postgresql://somewhere"})
    assert doctor.store(elsewhere).found == "postgresql://somewhere"


def test_the_exit_status_says_whether_something_is_missing(
    grid: Grid, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "software", lambda: [doctor.Check("Python", "3.13.0")])
    assert doctor.examine(grid) == 1
    assert "REPRUNE_DATA" in capsys.readouterr().out
    assert doctor.examine(grid.model_copy(update={"datasets": ("digits",)})) == 0
    capsys.readouterr()
    assert doctor.examine(grid, as_json=True) == 1
    printed = json.loads(capsys.readouterr().out)
    missed = [each["what"] for each in printed["findings"] if each["advice"] and each["needed"]]
    assert (printed["ok"], missed) == (False, ["cifar10"])


def test_the_software_here_is_looked_at() -> None:
    findings = doctor.software()
    assert found(findings, "Python").advice == ""
    assert found(findings, "torch").found
    assert found(findings, "torchvision").found
