"""Addresses of tracking stores: their passwords are told to nobody but the store."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from bench import tracking
from bench.base import stores
from bench.commands.listing import machine
from bench.errors import UserError, discreet
from bench.plan.grid import load
from bench.report import kept, origins
from bench.tracking.failure import failure
from tests import factories

SECRET = "postgresql://me:s3cret%2F!@host:5432/runs"
SHOWN = "postgresql://me:***@host:5432/runs"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (SECRET, SHOWN),
        ("to http://me:a@b:c/d@host/x and on", "to http://me:***@host/x and on"),
        (f"'{SECRET}' or {SECRET}", f"'{SHOWN}' or {SHOWN}"),
        ("postgresql+psycopg2://:s3cret@host/runs", "postgresql+psycopg2://:***@host/runs"),
        ("postgresql:///runs?host=/run&password=s3cret&user=me", "postgresql:///runs?host=/run&password=***&user=me"),
        ("postgresql:///runs?sslpassword=s3cret", "postgresql:///runs?sslpassword=***"),
        ("postgresql://me@host:5432/runs", "postgresql://me@host:5432/runs"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////home/me/a:b@c/mlflow.db", "sqlite:////home/me/a:b@c/mlflow.db"),
    ],
)
def test_discreet(text: str, shown: str) -> None:
    assert discreet(text) == shown


def test_a_password_on_the_command_line_is_refused() -> None:
    with pytest.raises(UserError, match=r"'tracking_uri': a password on a command line .* ~/\.pgpass") as error:
        load(Path("configs/quick.yaml"), {"tracking_uri": SECRET})
    assert "s3cret" not in str(error.value)
    assert load(Path("configs/quick.yaml"), {"tracking_uri": "postgresql://me@host/runs"}).tracking_uri


def test_what_is_written_down_of_a_grid_has_no_password(tmp_path: Path) -> None:
    grid = factories.grid(tmp_path, tracking_uri=SECRET)
    assert tracking.store_uri(grid) == SECRET
    plan, _ = factories.plan({("gmp", 0.9): [91.0]})
    page = origins.page(grid, plan, {})
    assert SHOWN in page
    told = [page, kept.description(grid), str(grid.model_dump()), grid.model_dump_json(), str(machine.store(grid))]
    assert all("s3cret" not in text for text in told)
    assert stores.view(SECRET) == shlex.join(["reprune", "ui", "--uri", SHOWN])


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"no such place: {SECRET}", f"no such place: {SHOWN}"),
        ("s3cret/! is wrong", "*** is wrong"),
        ("s3cret%2F! is wrong", "*** is wrong"),
        ("away\n[SQL: INSERT 1]\n(Background on this error at: https://x)", "away"),
        ("server? (Background on this error at: https://x)", "server"),
    ],
)
def test_what_a_store_says_is_told_without_it(said: str, shown: str) -> None:
    assert str(failure(SECRET, OSError(said))) == (
        f"the tracking store {SHOWN} cannot be used ({shown}); "
        "start it, or name another one by tracking_uri=ADDRESS or in REPRUNE_TRACKING_URI"
    )


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (
            "Detected out-of-date database schema",
            f"run `mlflow db upgrade {SHOWN}` when all who use it",
        ),
        ('password authentication failed for user "me"', "see to user and password, in ~/.pgpass say"),
    ],
)
def test_what_to_do_about_a_database(said: str, advice: str) -> None:
    assert f"; {advice}" in str(failure(SECRET, OSError(said)))


def test_a_database_without_its_driver_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    grid = factories.grid(tmp_path, tracking_uri=SECRET)
    plan, _ = factories.plan({("gmp", 0.9): [91.0]})
    with pytest.raises(tracking.StoreError, match=r"needs the package 'psycopg2'; `pip install 'reprune\[postgres\]'`"):
        tracking.collect(grid, plan)
