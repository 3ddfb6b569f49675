"""Draws docs/images/mlflow.png: MLflow's page of runs, filled from the committed records of the digits.

``python docs/images/mlflow_ui.py [FOLDER]`` from the checkout's folder, with the environment active (`pip install -e
'.[dev]'`, Debian's package `chromium`). Looked at with MLflow 3.17. A run's page, its curves and its artifacts are
drawn into FOLDER too, if one is named.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench import tracking
from bench.report import kept

RECORDS = Path("reports/reproductions/digits")
PICTURE = Path(__file__).with_name("mlflow.png")
SIZE = {"width": 1440, "height": 720}
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def collected(folder: Path) -> tuple[str, str]:
    """Fill a store in `folder`; its address, and the id in it of a run whose curves are worth a look."""
    found = kept.read(RECORDS)
    for run, source in found.records.items():
        (folder / "runs" / run).mkdir(parents=True)
        shutil.copy2(source.path, folder / "runs" / run / "record.json")
    grid = found.grid.model_copy(update={"results": str(folder)})
    tracking.collect(grid, found.plan)
    logged = tracking.rows.logged(tracking.store_uri(grid), [f"reprune/{name}" for name in grid.datasets])
    return tracking.store_uri(grid), next(run.run for run in logged if "-gmp-0.95-" in run.key)


@contextmanager
def served(uri: str) -> Iterator[str]:
    """Serve the store; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    own = {"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(words, env=os.environ | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _answers(f"http://127.0.0.1:{port}/health"):
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/#/experiments/1/runs"
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def draw(page: Page, address: str, picture: Path) -> None:
    """A page as it looks once everything on it has come."""
    page.goto(address)
    page.wait_for_timeout(12_000)  # it is never idle: it asks for news again and again
    for button in page.get_by_role("button", name="Close").all():  # of hints
        if button.is_visible():
            button.click()
    page.add_style_tag(content="[role='alert'] { display: none !important }")  # a hint about views
    page.wait_for_timeout(1500)
    page.screenshot(path=picture)


def main() -> None:
    """Draw the picture, and the others into the folder that the command line names."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        uri, run = collected(Path(folder))
        page = playwright.chromium.launch(executable_path=chromium, args=QUIET).new_page(viewport=SIZE)
        with served(uri) as address:
            draw(page, f"{address}?workflowType=machine_learning&viewStateShareKey=reprune", PICTURE)
            for name, path in {"run": "", "curves": "/model-metrics", "artifacts": "/artifacts/curves.svg"}.items():
                if sys.argv[1:]:
                    draw(page, f"{address}/{run}{path}", Path(sys.argv[1]) / f"{name}.png")


if __name__ == "__main__":
    main()
