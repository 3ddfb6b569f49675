"""Links between pages, as GitHub resolves them: files, anchors and pictures are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.reading import ROOT, anchors, inlines

LINKING = sorted(
    {
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "reports" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "reports" / "reproductions").rglob("*.md"),
    }
)


def dead(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    found = []
    for token in inlines(page.read_text(encoding="utf-8")):
        link = str(token.attrs.get("href") or token.attrs.get("src") or "")
        if not link or re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        inside = target.is_relative_to(ROOT) or not page.is_relative_to(ROOT)
        known = not anchor or (
            target.suffix == ".md" and target.exists() and anchor in anchors(target.read_text("utf-8"))
        )
        if not (target.exists() and inside and known):
            found.append(link)
    return found


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert dead(page) == []


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# One `two`, three\n\n# Again\n\n# Again\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md#one-two-three) [b](there.md#again-1) [c](https://example.org) ![d](no.png)\n"
        "[e](there.md#nothing) [f](missing.md) [g](#here)\n\n## Here\n"
    )
    assert dead(page) == ["no.png", "there.md#nothing", "missing.md"]
