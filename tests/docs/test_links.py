"""Links between pages, as GitHub resolves them: files, anchors and pictures are there."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

from tests.docs.reading import PAGES, ROOT, anchors, inlines

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


NAMED = re.compile(r"(?:bench|benchmarks|configs|docs|envs|methods|profiles|published|tests)/[\w./-]+[\w/]")
"""A path of the checkout in inline code; what has a placeholder in it is not one."""

MADE = {"configs/my_lamp.yaml", "configs/my-table.yaml", "methods/my_lamp.py", "methods/my_idea.py"}
"""Files that a reader makes."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_a_page_names_are_there(page: Path) -> None:
    code = [token.content for token in inlines(page.read_text(encoding="utf-8")) if token.type == "code_inline"]
    named = {
        path for text in code for path in NAMED.findall(text) if NAMED.fullmatch(text) or text.startswith("pytest")
    }
    assert sorted(path for path in named - MADE if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_names_of_the_code_that_a_page_gives_exist(page: Path) -> None:
    code = [token.content for token in inlines(page.read_text(encoding="utf-8")) if token.type == "code_inline"]
    for name in (text for text in code if re.fullmatch(r"bench(\.\w+)+", text)):
        assert pkgutil.resolve_name(name) is not None
