"""The site in headless Chromium, opened from disk: the search works, nothing is requested, phones suffice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from bench.site.__main__ import ROOT, build

pytest.importorskip("zensical", reason="the generator is missing: pip install -e '.[docs]'")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install -e '.[dev]'")

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the path")

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> str:
    into = tmp_path_factory.mktemp("build")
    assert build(ROOT, into) == 0
    return (into / "site").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        yield started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a phone's width that remembers what it asked for and complained about."""
    with browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark") as context:
        opened = context.new_page()
        opened.asked, opened.complaints = [], []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
        opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
        yield opened


def _elsewhere(page: Any, site: str) -> list[str]:
    return [url for url in page.asked if not url.startswith((f"{site}/", "data:", "blob:", "about:"))]


@pytest.mark.parametrize(
    "name", ["index", "docs/comparing", "docs/reference/grid", "docs/methods/rigl", "CONTRIBUTING"]
)
def test_a_page_fits_a_phone_and_asks_nobody_for_anything(page: Any, site: str, name: str) -> None:
    page.goto(f"{site}/{name}.html")
    page.wait_for_load_state("load")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("h1").count() == 1
    assert (_elsewhere(page, site), page.complaints) == ([], [])
    assert any(url.endswith("site.css") for url in page.asked)


def test_the_search_works_from_disk(page: Any, site: str) -> None:
    page.set_viewport_size({"width": 1200, "height": 800})
    page.goto(f"{site}/index.html")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+k")
    page.locator("input:focus").wait_for()
    page.keyboard.type("four denominators")
    page.get_by_text("Sparsity has four denominators").first.wait_for(timeout=60_000)
    assert (_elsewhere(page, site), page.complaints) == ([], [])


def test_dark_is_dark_and_light_is_light(browser: Any, site: str) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        with browser.new_context(color_scheme=scheme) as context:
            opened = context.new_page()
            opened.goto(f"{site}/index.html")
            colour = opened.evaluate("getComputedStyle(document.body).backgroundColor")
            shades[scheme] = int(colour.partition("(")[2].partition(",")[0])
    assert shades["light"] > 240
    assert shades["dark"] < 40
