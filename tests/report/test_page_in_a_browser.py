"""``report.html`` in Chromium: it draws, sorts, filters and opens, by keyboard too, and asks nobody for anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.report import page
from bench.report.page import embed
from tests import pages

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(pages.CHROMIUM is None, reason="there is no Chromium (Debian's package `chromium`)"),
]
pytest.importorskip("playwright")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    material = pages.material(folder)
    path = material.folder / "report.html"
    path.parent.mkdir(parents=True)
    path.write_text(page.render(material, embed.library()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with pages.browser() as found:
        yield found


class Visit:
    """A tab with the page in it, and everything that it complained about or asked for."""

    def __init__(self, chromium: Any, file: Path, **settings: Any) -> None:
        self.context = chromium.new_context(**({"viewport": {"width": 1280, "height": 900}} | settings))
        self.tab = self.context.new_page()
        self.heard: list[str] = []
        self.tab.on("console", lambda message: self.heard.append(f"console: {message.text}"))
        self.tab.on("pageerror", lambda error: self.heard.append(f"error: {error}"))
        self.tab.on("request", lambda request: self._asked(request.url, file))
        self.tab.goto(file.as_uri())

    def _asked(self, url: str, file: Path) -> None:
        if url != file.as_uri():
            self.heard.append(f"request: {url}")

    def column(self, number: int) -> list[str]:
        """The methods of the first table of accuracies that are shown, from top to bottom."""
        rows = self.tab.locator("table.matrix").first.locator("tbody tr:visible")
        return [text.strip() for text in rows.locator(f":nth-child({number})").all_inner_texts()]

    def methods(self) -> list[str]:
        return [str(name) for name in self.tab.locator("table.matrix tbody tr:visible th").all_inner_texts()]

    def in_view(self, selector: str) -> None:
        self.tab.locator(selector).first.scroll_into_view_if_needed()


@pytest.fixture
def visit(chromium: Any, file: Path) -> Iterator[Visit]:
    found = Visit(chromium, file)
    yield found
    found.context.close()
    assert found.heard == []


def test_every_chart_is_drawn_with_a_mark_for_each_cell(visit: Visit) -> None:
    visit.in_view(".charts")
    for kind, marks in (("sparsity", 6), ("macs", 6), ("accuracy", 3 * 48), ("flips", 3 * 48)):
        drawn = visit.tab.locator(f'.chart[data-spec="{kind}"] svg .mark-symbol path')
        drawn.nth(marks - 1).wait_for(state="attached")
        assert drawn.count() == marks


def test_columns_sort_and_say_so(visit: Visit) -> None:
    head = visit.tab.locator("table.matrix thead th").nth(2)
    assert visit.methods() == ["dense", "gmp", "snip"]
    head.get_by_role("button").click()
    assert (head.get_attribute("aria-sort"), visit.methods()) == ("descending", ["gmp", "snip", "dense"])
    head.get_by_role("button").press("Enter")  # what is empty stays last
    assert (head.get_attribute("aria-sort"), visit.methods()) == ("ascending", ["snip", "gmp", "dense"])


def test_rows_are_filtered_by_text_method_and_verdict_and_charts_with_them(visit: Visit) -> None:
    tab = visit.tab
    visit.in_view(".charts")
    marks = '.chart[data-spec="sparsity"] svg .mark-symbol path'
    tab.wait_for_selector(marks)
    tab.fill("#filter-text", "SNIP")
    assert visit.methods() == ["snip"]
    assert tab.locator("#filter-count").inner_text() == "1 of 3 methods"
    tab.wait_for_function(f"() => document.querySelectorAll('{marks}').length === 3")
    tab.fill("#filter-text", "nothing of the kind")
    assert visit.methods() == []
    tab.fill("#filter-text", "")
    tab.select_option("#filter-method", "gmp")
    assert visit.methods() == ["gmp"]
    tab.select_option("#filter-method", "")
    for verdict, methods in (("not comparable", ["snip"]), ("reproduced", ["gmp"]), ("failed", ["snip"])):
        tab.select_option("#filter-verdict", verdict)
        assert visit.methods() == methods
    tab.select_option("#filter-verdict", "")
    assert visit.methods() == ["dense", "gmp", "snip"]


def test_a_cell_opens_and_closes_by_keyboard(visit: Visit) -> None:
    tab = visit.tab
    cell = tab.get_by_role("row", name=re.compile("gmp")).locator("button[data-cell]").nth(1)
    cell.focus()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Shift+Tab")
    assert "Seeds: 91.00, 91.10, 90.90" in tab.locator("#peek").inner_text()
    tab.keyboard.press("Enter")
    dialog = tab.get_by_role("dialog", name="gmp, 90 %")
    assert dialog.is_visible()
    text = dialog.inner_text()
    for part in ("91.00 ± 0.10 % (3 of 3 seeds)", "90.75 to 91.25", "the paper, page 7", "a detail", "reproduced"):
        assert part in text
    assert dialog.get_by_role("link", name="record").count() == 3
    assert tab.locator("dialog .chart svg .mark-symbol path").first.wait_for(state="attached") is None
    tab.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert cell.evaluate("element => element === document.activeElement")


def test_a_cell_that_is_not_comparable_says_why_under_the_pointer(visit: Visit) -> None:
    visit.tab.get_by_role("row", name=re.compile("snip")).locator("button[data-cell]").nth(1).hover()
    text = visit.tab.locator("#peek").inner_text()
    assert "Verdict: not comparable\n· unverified: nobody read this number in a source" in text


def test_a_point_of_a_chart_opens_its_cell(visit: Visit) -> None:
    visit.in_view(".charts")
    visit.tab.locator('.chart[data-spec="sparsity"] svg .mark-symbol path').first.click()
    assert visit.tab.get_by_role("dialog", name="gmp, 80 %").is_visible()


def test_methods_are_highlighted_from_the_legend(visit: Visit) -> None:
    visit.in_view(".charts")
    faded = '.chart[data-spec="sparsity"] svg .mark-symbol path[opacity="0.12"]'
    visit.tab.wait_for_selector('.chart[data-spec="sparsity"] svg .mark-symbol path')
    button = visit.tab.locator(".legend button", has_text="gmp")
    button.click()
    visit.tab.wait_for_function(f"() => document.querySelectorAll('{faded}').length === 3")
    assert button.get_attribute("aria-pressed") == "true"


def test_commands_are_copied(chromium: Any, file: Path) -> None:
    visit = Visit(chromium, file, permissions=["clipboard-read", "clipboard-write"])
    button = visit.tab.get_by_role("button", name="Copy the command", exact=True).last
    button.click()
    visit.tab.wait_for_function("() => [...document.querySelectorAll('.copy')].some((e) => e.textContent === 'Copied')")
    copied = visit.tab.evaluate("() => navigator.clipboard.readText()")
    assert copied == "snakemake --cores all --configfile synthetic.yaml"
    assert visit.heard == []
    visit.context.close()


def colour(visit: Visit) -> str:
    return str(visit.tab.evaluate("() => getComputedStyle(document.body).backgroundColor"))


def test_dark_as_the_system_is_until_the_button_says_otherwise(chromium: Any, file: Path) -> None:
    visit = Visit(chromium, file, color_scheme="dark")
    assert colour(visit) == "rgb(20, 23, 26)"
    visit.tab.get_by_role("button", name="Light or dark").click()
    assert colour(visit) == "rgb(255, 255, 255)"
    visit.tab.reload()
    assert colour(visit) == "rgb(255, 255, 255)"
    assert visit.heard == []
    visit.context.close()


def test_a_phone_scrolls_tables_in_their_boxes_and_not_the_page(visit: Visit) -> None:
    visit.tab.locator(".charts .chart svg").nth(3).wait_for()
    for folded in (True, False):
        for width in (320, 390, 768):
            visit.tab.set_viewport_size({"width": width, "height": 800})
            visit.tab.wait_for_timeout(100)  # charts follow
            assert visit.tab.evaluate("() => document.documentElement.scrollWidth") == width
        if folded:
            visit.tab.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    visit.tab.set_viewport_size({"width": 320, "height": 800})
    visit.tab.locator("button[data-cell]").first.click()
    assert visit.tab.evaluate("() => document.getElementById('detail').scrollWidth") <= 320


def test_it_prints_with_all_charts_and_what_was_folded(visit: Visit) -> None:
    visit.tab.locator(".charts .chart svg").nth(3).wait_for()  # drawn without being scrolled to
    assert visit.tab.pdf().startswith(b"%PDF")
    assert visit.tab.locator("details[data-print]:not([open])").count() == 0


def test_it_can_be_read_without_scripts(chromium: Any, file: Path) -> None:
    visit = Visit(chromium, file, java_script_enabled=False, color_scheme="dark")
    assert visit.methods() == ["dense", "gmp", "snip"]
    assert visit.tab.get_by_role("heading", level=1).inner_text() == "A bit of everything"
    visit.context.close()


ROLES = """() => ({
  main: document.querySelectorAll('main').length,
  nav: document.querySelectorAll('nav[aria-label]').length,
  captions: [...document.querySelectorAll('main table')].every((table) => table.caption?.textContent.trim()),
  scopes: [...document.querySelectorAll('main th')].every((head) => head.scope),
  names: [...document.querySelectorAll('button')].every((button) => button.textContent.trim() || button.ariaLabel),
  labels: [...document.querySelectorAll('select, input')].every((field) => field.ariaLabel || field.labels.length),
  charts: [...document.querySelectorAll('.chart')].every((chart) => chart.role === 'img' && chart.ariaLabel),
  ids: new Set([...document.querySelectorAll('[id]')].map((element) => element.id)).size
    === document.querySelectorAll('[id]').length,
  targets: [...document.querySelectorAll('a[href^="#"]')].every((link) => document.querySelector(link.hash)),
})"""


def test_landmarks_captions_scopes_and_names_are_there(visit: Visit) -> None:
    found = visit.tab.evaluate(ROLES)
    assert found == {"main": 1, "nav": 1} | dict.fromkeys(set(found) - {"main", "nav"}, True)
    visit.tab.keyboard.press("Tab")
    assert visit.tab.evaluate("() => document.activeElement.textContent") == "Skip to the results"


CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
  };
  const linear = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 || !element.parentElement ? own : behind(element.parentElement);
  };
  const low = new Set();
  for (const element of document.querySelectorAll('body *')) {
    const texts = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!texts || !element.getClientRects().length || element.closest('svg, script, .sr, option')) continue;
    const pair = [rgba(getComputedStyle(element).color), behind(element)].map(luminance).sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) low.add(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
  }
  return [...low];
}"""
"""Texts that stand out by less than WCAG's 4.5 to 1."""


def test_every_text_can_be_told_from_what_is_behind_it(visit: Visit) -> None:
    visit.tab.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for scheme in ("light", "dark"):
        visit.tab.emulate_media(color_scheme=scheme)
        assert visit.tab.evaluate(CONTRASTS) == []
