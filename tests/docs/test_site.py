"""The site: built strictly, whole, asking nothing of the network, with a reference that says what the code says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from bench import catalog
from bench.commands.listing.methods import brief, settings
from bench.errors import UserError
from bench.method import Method
from bench.plan.grid import Grid
from bench.recipe import RECIPES, Recipe
from bench.results.record import Record
from bench.site import pages
from bench.site.__main__ import ROOT, build, generate
from bench.site.fields import models
from bench.site.markdown import described, split, table
from tests.docs.reading import PAGES, tokens

pytest.importorskip("zensical", reason="the generator is missing: pip install -e '.[docs]'")

FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""Elements that a browser loads by itself, and the attribute that says from where."""


class Page(HTMLParser):
    """What an HTML page links to, what it loads, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in FETCHED and FETCHED[tag] in found:
            self.loaded.append(found[FETCHED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("build")
    assert build(ROOT, into) == 0
    return into / "site"


@pytest.fixture(scope="module")
def read(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if "reproductions" not in path.parts or _made(path)}


def _made(path: Path) -> bool:
    """Whether a page under reports/ is the generator's; `table.html` and its like are the reports' own."""
    return 'content="zensical' in path.read_text(encoding="utf-8")


def test_every_page_of_the_repository_is_there(site: Path) -> None:
    wanted = [page.relative_to(ROOT).with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")]
    wanted += [Path("index.html"), Path("CONTRIBUTING.html"), Path("reports/reproductions/digits/table.html")]
    assert [page for page in wanted if not (site / page).exists()] == []


def test_links_lead_somewhere_and_anchors_are_there(site: Path, read: dict[Path, Page]) -> None:
    dead = []
    for path, page in read.items():
        for link in (*page.links, *page.loaded):
            if re.match(r"[a-z]+:", link) or path.name == "404.html":
                continue
            name, _, anchor = unquote(link).partition("#")
            target = (path.parent / name).resolve() if name else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (anchor and target in read and anchor not in read[target].anchors):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert dead == []
    assert len(read) > 60


def test_nothing_is_fetched_from_elsewhere(site: Path, read: dict[Path, Page]) -> None:
    loaded = {link for page in read.values() for link in page.loaded}
    assert sorted(link for link in loaded if re.match(r"([a-z]+:)?//", link)) == []
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import\s*)[\"']?(?:https?:)?//[^\"')]*", styles) == []


def test_a_dead_link_is_an_error(tmp_path: Path, site: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(site.parent, tmp_path / "build", ignore=shutil.ignore_patterns("site"))
    page = tmp_path / "build" / "pages" / "docs" / "counting.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n[nowhere](nowhere.md)\n", encoding="utf-8")
    assert generate(tmp_path / "build") == 1
    assert re.search(r"page does not exist\n.*docs/counting\.md", capfd.readouterr().err)


def test_a_page_that_is_not_in_the_navigation_is_an_error(tmp_path: Path) -> None:
    for name in (*pages.FOLDERS, *pages.SINGLE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name, target_is_directory=(ROOT / name).is_dir())
    (tmp_path / "docs").unlink()
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "docs" / "forgotten.md").write_text("# Forgotten\n")
    with pytest.raises(UserError, match=r"docs/site\.yml: nav: the page 'docs/forgotten\.md' is not in it\."):
        pages.lay_out(tmp_path, tmp_path / "build")


SHAPES = {
    "list_item_open": "<li",
    "tr_open": "<tr",
    "heading_open": "<h[1-6]",
    "strong_open": "<strong",
    "em_open": "<em>",
    "code_inline": "<code",
}
"""What markdown-it, which reads as GitHub does, calls what the site's HTML has."""


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "commands.md"], ids=lambda page: page.name)
def test_the_site_understands_a_page_as_github_does(site: Path, page: Path) -> None:
    """A list without a blank line before it, for one, is a list here and a paragraph there."""
    name = "index" if page.name == "README.md" else page.relative_to(ROOT).with_suffix("").as_posix()
    article = re.search(r"<article.*?</article>", (site / f"{name}.html").read_text(encoding="utf-8"), re.DOTALL)
    assert article is not None
    html = re.sub(r"<pre.*?</pre>", "", article[0], flags=re.DOTALL)
    stream = tokens(page.read_text(encoding="utf-8"))
    kinds = [token.type for top in stream for token in (top, *(top.children or []))]
    assert {kind: len(re.findall(tag, html)) for kind, tag in SHAPES.items()} == {
        each: kinds.count(each) for each in SHAPES
    }


def _text(path: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", path.read_text(encoding="utf-8")).split())


def test_every_method_has_a_page_with_all_its_defaults(site: Path) -> None:
    overview = _text(site / "docs" / "reference" / "methods.html")
    for name in catalog.names():
        text = _text(site / "docs" / "methods" / f"{name}.html")
        assert f" {name} " in overview
        for field, value, _ in settings(catalog.create(name, {})):
            assert f" {field} {brief(value)} " in text.replace("&lt;", "<"), (name, field)


def test_every_recipe_and_field_is_listed(site: Path) -> None:
    recipes = _text(site / "docs" / "reference" / "recipes.html")
    assert all(f" {path.stem} " in recipes for path in RECIPES.glob("*.yaml"))
    for page, top in {"grid": Grid, "recipe": Recipe, "record": Record}.items():
        text = _text(site / "docs" / "reference" / f"{page}.html")
        assert all(f" {field} " in text for field in top.model_fields), page


def test_every_hook_is_listed(site: Path) -> None:
    text = _text(site / "docs" / "reference" / "interface.html")
    hooks = [name for name in vars(Method) if not name.startswith("_")]
    assert "on_after_step" in hooks
    assert [name for name in hooks if f" {name} " not in text and f" Method.{name} " not in text] == []
    assert all(f" {name} " in text for name in ("ERK", "Cubic", "Run.hessian_product", "Masks.keep"))


def _undescribed() -> Iterator[str]:
    for model in {each for top in (Grid, Recipe, Record) for each in models(top)}:
        yield from (f"{model.__name__}.{field}" for field in model.model_fields if field not in described(model))


def test_every_field_says_what_it_means() -> None:
    assert sorted(_undescribed()) == []


def test_docstrings_become_text_and_sections() -> None:
    text, sections = split(
        "What it is::\n\n    code(1)\n\nAttributes:\n    a, b: two\n        things.\n    c: ``x``.\n\nMore."
    )
    assert text == "What it is:\n\n    code(1)\n\nMore."
    assert sections == {"Attributes": {"a": "two things.", "b": "two things.", "c": "``x``."}}


def test_a_cell_does_not_end_its_row() -> None:
    assert table(("a",), [("x | y\nz",)]) == "| a |\n| --- |\n| x \\| y z |\n"
