"""Takes docs/images/report.png and report-cell.png: pictures of `report.html`, made of committed records.

``python docs/images/report.py`` from the checkout's folder, with the environment active. Needs Chromium (Debian's
package `chromium`); fonts are the machine's.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # a script finds what lies beside it, and the browser is that of the tests

from bench.report import kept  # noqa: E402
from tests import pages  # noqa: E402

PICTURES = Path(__file__).parent
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
        tab.get_by_role("row", name="dpf").locator("button[data-cell]").first.click()
        tab.locator("dialog .chart svg").last.wait_for()
        tab.wait_for_timeout(500)
        tab.screenshot(path=PICTURES / "report-cell.png")


if __name__ == "__main__":
    main()
