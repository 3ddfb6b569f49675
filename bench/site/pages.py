"""Which pages the site has: those of the repository, at the same paths, so that links hold here and there alike."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.base import plain_yaml
from bench.base.atomic import write_atomic
from bench.errors import UserError
from bench.site import commands, fields, hooks, methods, recipes

SETTINGS = Path("docs/site.yml")
CONFIG = "site.yml"
SINGLE = ("README.md", "CONTRIBUTING.md", "reports/README.md")
FOLDERS = ("docs", "reports/reproductions")
LEFT_OUT = ("records", "site.yml", "table.html", "*.py")
"""Names not copied: records are data for `reprune report`, and `table.md` becomes the site's own `table.html`."""

UNSEARCHED = b"---\nsearch: {exclude: true}\n---\n\n"
"""Stands before tables of results, which would answer every search with the same words."""

_LINK = re.compile(r"\]\(([^)#:\s]+)")

REFERENCE = "docs/reference"


def lay_out(root: Path, into: Path) -> None:
    """Copy the pages of the checkout `root` to ``<into>/pages``, add those made from the code and the settings.

    Raises `UserError` if the navigation names a page that is not there, or leaves one of `docs/` out.
    """
    pages = into / "pages"
    for name in SINGLE:
        _copy(root, pages, name)
    for name in FOLDERS:
        shutil.copytree(root / name, pages / name, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
    for name in sorted(_linked(root, pages)):
        _copy(root, pages, name)
    for page in (pages / "reports" / "reproductions").glob("*/**/*.md"):
        write_atomic(page, UNSEARCHED + page.read_bytes())
    for name, text in generated(root):
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(pages / name, text.encode())
    settings = plain_yaml.parse((root / SETTINGS).read_text(encoding="utf-8"))
    settings["nav"] = [_expanded(entry, pages) for entry in settings["nav"]]
    _check(settings["nav"], pages)
    settings |= {"docs_dir": "pages", "site_dir": "site"}
    write_atomic(into / CONFIG, yaml.safe_dump(settings, allow_unicode=True, sort_keys=False).encode())


def _copy(root: Path, pages: Path, name: str) -> None:
    (pages / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(root / name, pages / name)


def _linked(root: Path, pages: Path) -> set[str]:
    """Files of the checkout that the pages link to, and that are none of them: a licence, a configuration."""
    found = set()
    for page in pages.rglob("*.md"):
        beside = (root / page.relative_to(pages)).parent
        for link in _LINK.findall(page.read_text(encoding="utf-8")):
            target = Path(os.path.normpath(beside / link))
            if target.is_file() and target.is_relative_to(root):
                found.add(target.relative_to(root).as_posix())
    return {name for name in found if not (pages / name).exists()}


def generated(root: Path) -> Iterator[tuple[str, str]]:
    """(path, Markdown) of every page made from the code. A method's card gets what the code states beneath it."""
    yield f"{REFERENCE}/methods.md", methods.overview()
    for name in methods.usable():
        card = root / "docs" / "methods" / f"{name}.md"
        yield f"docs/methods/{name}.md", methods.page(name, card.read_text(encoding="utf-8") if card.exists() else "")
    if (about := root / "docs" / "commands.md").exists():
        yield "docs/commands.md", commands.page(about.read_text(encoding="utf-8"))
    yield f"{REFERENCE}/interface.md", hooks.page()
    yield f"{REFERENCE}/recipes.md", recipes.page()
    yield f"{REFERENCE}/grid.md", fields.grid()
    yield f"{REFERENCE}/recipe.md", fields.recipe()
    yield f"{REFERENCE}/record.md", fields.record()


def _expanded(entry: dict[str, Any], into: Path) -> dict[str, Any]:
    """An entry of the navigation, with a folder (``docs/methods/``) replaced by its pages in alphabetical order."""
    ((title, where),) = entry.items()
    if isinstance(where, list):
        return {title: [_expanded(each, into) for each in where]}
    if where.endswith("/"):
        return {title: [{page.stem: where + page.name} for page in sorted((into / where).glob("*.md"))]}
    return entry


def _check(nav: list[dict[str, Any]], into: Path) -> None:
    """Raise `UserError` unless the navigation has every page of `docs/`, and nothing that is not there."""
    listed = set(_files(nav))
    missing = sorted(page for page in listed if not (into / page).exists())
    if missing:
        raise UserError(f"{SETTINGS}: nav: there is no page '{missing[0]}'.")
    pages = {page.relative_to(into).as_posix() for page in (into / "docs").rglob("*.md")}
    left_out = sorted(pages - listed)
    if left_out:
        raise UserError(f"{SETTINGS}: nav: the page '{left_out[0]}' is not in it.")


def _files(nav: list[dict[str, Any]]) -> Iterator[str]:
    for entry in nav:
        for where in entry.values():
            yield from _files(where) if isinstance(where, list) else (where,)
