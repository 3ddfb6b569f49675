"""Locks on a machine that others use, too: folders in /tmp that are another's, files that one may only read."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.base import locks
from bench.base.devices import device_slot
from bench.errors import UserError
from bench.tracking.store import single_writer

NOBODY = 65534


@pytest.fixture
def common() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def another_user() -> Iterator[None]:
    """Be somebody who may read and not write; whoever is not root is that already where nothing may be written."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def theirs(path: Path) -> None:
    """Make it what another user made under the umask 022."""
    path.chmod(0o555 if path.is_dir() else 0o444)


def test_the_folder_of_locks_is_the_same_every_time_and_nobody_elses(tmp_path: Path) -> None:
    first = locks.own_folder(tmp_path)
    assert first == locks.own_folder(tmp_path) == tmp_path / f"reprune-{os.getuid()}"
    assert first.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
def test_what_another_made_of_that_name_is_passed_over(tmp_path: Path, kind: str) -> None:
    name = tmp_path / f"reprune-{os.getuid()}"
    if kind == "file":
        name.touch()
    else:
        name.symlink_to(tmp_path / "aim")
    if kind == "link":
        (tmp_path / "aim").mkdir()
    for _ in range(2):
        assert locks.own_folder(tmp_path) == tmp_path / f"reprune-{os.getuid()}-1"


def test_anothers_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = os.getuid() + 1  # what we make is another's to somebody with this number
    monkeypatch.setattr(os, "getuid", lambda: user)
    with pytest.raises(UserError, match=rf"reprune-{user} and 99 more names are taken by others"):
        locks.own_folder(tmp_path)


def test_a_slot_is_held_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRUNE_GPUS", "a")
    (tmp_path / f"reprune-{os.getuid()}").touch()
    own_folder = locks.own_folder
    monkeypatch.setattr("bench.base.devices.own_folder", lambda: own_folder(tmp_path))
    with device_slot(1) as device:
        assert device == "cpu"
        assert (tmp_path / f"reprune-{os.getuid()}-1" / "a.0.lock").exists()


def test_another_users_lock_is_waited_for_though_it_may_only_be_read(common: Path) -> None:
    lock = common / "lock"
    lock.touch()
    theirs(lock)
    theirs(common)
    with lock.open() as holder, another_user():
        with locks.held(lock, lambda: pytest.fail("nobody has it")):
            pass
        fcntl.flock(holder, fcntl.LOCK_EX)

        def busy() -> None:
            fcntl.flock(holder, fcntl.LOCK_UN)

        with locks.held(lock, busy), pytest.raises(BlockingIOError):
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    common.chmod(0o755)


def test_a_lock_that_is_not_there_is_not_made_where_one_may_only_read(common: Path) -> None:
    theirs(common)
    lock = locks.held(common / "lock", lambda: None)
    with another_user(), pytest.raises(UserError, match="could not be written: you are not allowed to"):
        lock.__enter__()
    common.chmod(0o755)


def test_one_may_collect_into_results_whose_lock_is_another_users(common: Path) -> None:
    (common / "mlflow.lock").touch()
    theirs(common / "mlflow.lock")
    entered = False
    with another_user(), single_writer(common, "http://localhost"):
        entered = True
    assert entered
