"""Pictures of report.html for README and docs, from committed records: ``python -m tests.bench.screenshots``.

Needs Chromium (Debian's package `chromium`); writes into docs/images/. Fonts are the machine's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.report import kept
from tests.bench import pages

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "images"
RECORDS = ROOT / "reports" / "reproductions"


def opened(browser: Any, folder: str, width: int, height: int) -> Any:
    """A tab with the report of a kept folder, all its charts drawn."""
    with tempfile.TemporaryDirectory() as place:
        kept.rebuild(RECORDS / folder, Path(place))
        tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        tab.goto((Path(place) / "report.html").as_uri())
        tab.locator(".charts .chart svg").last.wait_for()
    return tab


def main() -> None:
    """``report.png``: tables and curves; ``report-cell.png``: what opens when a cell is chosen."""
    with pages.browser() as browser:
        tab = opened(browser, "digits", 1400, 1180)
        tab.evaluate("() => document.getElementById('section-0').scrollIntoView({ behavior: 'instant' })")
        tab.wait_for_timeout(500)
        tab.screenshot(path=PICTURES / "report.png")
        tab = opened(browser, "cifar10-2-epochs", 1200, 860)
        tab.get_by_role("row", name="dpf").locator("button[data-cell]").nth(0).click()
        tab.locator("dialog .chart svg").last.wait_for()
        tab.wait_for_timeout(500)
        tab.screenshot(path=PICTURES / "report-cell.png")


if __name__ == "__main__":
    main()
