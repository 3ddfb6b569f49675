"""Reports show hostile texts as texts: nothing of a record, grid or published row becomes a tag, mark or command."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from bench.base import stores
from bench.plan.grid import expand, load
from bench.published.obstacles import Kind, Obstacle
from bench.report import origins, summary, terminal
from bench.report.layout import Block, Chapter, Report, Section, Text
from bench.report.page import render
from bench.report.page.material import Material
from bench.report.tables import code, comparison, fenced, latex, markdown, prose
from bench.results import measurements
from bench.results.measurements import Source
from bench.results.record import Record
from bench.statistics import Summary
from bench.tracking import Collected
from bench.workflow import final_rule as closing
from tests import factories
from tests.published.test_verdict import ROW

HOSTILE = (
    *("<script>alert(1)</script>", '<img src=x onerror="alert(1)">', "a|b", "_a_", "*a*", "`a`", "a & b", "&lt;b&gt;"),
    *("[a](javascript:alert(1))", "$x$", "\\input{/etc/passwd}", "\\write18{touch pwned}", "%", "#1", "^^41", "~a~"),
    *(
        "{{ 7*7 }}",
        "<< 7*7 >>",
        "<% raw %>",
        "{% raw %}",
        "a\n\n# title",
        "a\n| b | c |",
        "```\nx",
        "--> <b>",
        "</title>",
    ),
)


def everywhere(text: str) -> Report:
    """A report with the text in every place that takes one."""
    row = (Text(text, notes=("1",)), Text(text, best=True))
    block = Block(text, (text, "other"), (row, (Text("plain"), Text(text, within=True))))
    section = Section(text, text, text, (block,), (text,))
    chapter = Chapter(text, (block,), (text,))
    return Report(
        text,
        text,
        (text,),
        ("{best}, {within} and {open}",),
        (section,),
        chapters=(chapter,),
        claims=(block,),
        claims_notes=(text,),
        comparison=(block,),
        comparison_notes=(text,),
    )


class Tags(HTMLParser):
    """Counts tags, and joins what is shown."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.shown = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag != "wbr":  # stands where a long name may be broken
            self.tags.append((tag, tuple(name for name, _ in attributes)))

    def handle_data(self, text: str) -> None:
        self.shown += text


def page(tmp_path: Path, text: str) -> str:
    """``report.html`` with the text in every place that a record, a grid or a published row can bring it to."""
    plan, made = factories.plan({("gmp", 0.9): [91.0, 92.0], ("snip", 0.9): [90.0]})
    made[0] = made[0].model_copy(update={"outcome": "error", "reason": text, "warnings": [text], "results": []})
    made[1] = made[1].model_copy(update={"warnings": [text], "provenance": {text: text}})
    records = {one.id: Source(one, "0", tmp_path / f"{one.id}.json") for one in made}
    table = measurements.from_records(plan, records, {})
    texts = ("id", "paper", "arxiv", "table", "architecture_printed", "method_printed", "source", "note", "pilot")
    row = ROW.model_copy(update=dict.fromkeys(texts, text))
    told = factories.compared(row, Summary(1, 1.0, 1.0), obstacles=(Obstacle(Kind.PROTOCOL, text),))
    cells = summary.cells(plan, table, [told])
    config = factories.grid(tmp_path, title=text)
    made_of = Material(config, plan, records, cells, [], everywhere(text), tmp_path)
    return render(made_of, "")


@pytest.mark.parametrize("text", HOSTILE)
def test_the_page_has_the_tags_of_a_harmless_one_and_shows_the_text(text: str, tmp_path: Path) -> None:
    found, harmless = page(tmp_path, text), page(tmp_path, "harmless")
    assert Tags(found).tags == Tags(harmless).tags
    assert text in Tags(found).shown
    inside = [re.search(r'id="data">(.*?)</script>', each, re.DOTALL) for each in (found, harmless)]
    values, expected = (json.loads(each[1]) for each in inside if each)
    assert text in [row["reason"] for cell in values["cells"] for row in cell["runs"]]
    assert len(values["cells"]) == len(expected["cells"]) == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_keeps_its_lines_and_escapes_what_has_a_meaning(text: str) -> None:
    for write in (markdown, comparison):
        found, harmless = write(everywhere(text)), write(everywhere("harmless"))
        assert len(found.splitlines()) == len(harmless.splitlines())
        unescaped = re.sub(r"\\.", "", found)
        assert [unescaped.count(mark) for mark in "|`<$"] == [harmless.count(mark) for mark in "|`<$"]
        assert "](" not in unescaped


def test_markdown_leaves_usual_texts_alone() -> None:
    for text in (
        "resnet8_cifar",
        "rigl[schedule.every=10]",
        "96.37 ± 1.47 (3)",
        "a >= b",
        "−0.31",
        "0.078 M",
        "R&D",
        "+0.1",
    ):
        assert prose(text) == text


SIGNS = {"textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "sim"}
"""LaTeX's commands for signs that it would otherwise read itself."""


def commands(source: str) -> set[str]:
    return set(re.findall(r"\\([a-zA-Z]+)", source.replace(r"\\", "")))


@pytest.mark.parametrize("text", [text for text in HOSTILE if "^^" not in text])
def test_latex_has_no_command_that_a_harmless_table_lacks(text: str) -> None:
    kinds = ("harmless", "1", "harmless words of some length", "name[field=value, other.field=0.5]")
    harmless = [latex(everywhere(each)) for each in kinds]
    found = latex(everywhere(text))
    assert commands(found.partition("\n")[2]) <= SIGNS.union(*map(commands, harmless))
    bare, usual = (
        re.sub(r"\\.", "", "\n".join(each.splitlines()[4:])) for each in (found, harmless[0])
    )  # after the head
    assert (bare.count("{"), bare.count("&")) == (bare.count("}"), usual.count("&"))
    assert re.findall(r"[_^#]|%.", bare) == []


def test_code_ends_where_its_text_does() -> None:
    assert code("a `b` ``c``") == "``` a `b` ``c`` ```"
    assert code("a\nb") == "`a b`"
    assert fenced("a\n````\nb", "yaml") == "`````yaml\na\n````\nb\n`````"


def record(tmp_path: Path, text: str) -> Record:
    spec = factories.spec("gmp")
    found = factories.record(spec, outcome="error", reason=text, results=[], warnings=[text], provenance={text: text})
    factories.write(found, tmp_path / "results")
    return found


@pytest.mark.parametrize("text", [*HOSTILE, "\x1b]0;title\x07\x1b[2J"])
def test_a_record_s_reason_is_a_text_on_the_provenance_page_and_the_terminal(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, (plan, _) = record(tmp_path, text), factories.plan({("gmp", 0.9): [91.0]})
    plan = type(plan)([found.spec], [])
    config = factories.grid(tmp_path, title=text if text.isprintable() else "a")
    page = origins.page(config, plan, {found.id: Source(found, "0", tmp_path)})
    outside = re.sub(r"(`{3,})yaml\n.*?\n\1|(`+).*?\2", "", page, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<|\n# title|\]\(", outside)
    (tmp_path / "reports" / "synthetic").mkdir(parents=True)
    (tmp_path / "reports" / "synthetic" / "table.txt").write_text("table")
    assert closing.close(config, plan, "some.yaml") == 1
    assert "\x1b" not in capsys.readouterr().out + terminal.render(everywhere(text), [])


def test_a_grid_s_own_texts_pass_through_yaml_as_they_are(tmp_path: Path) -> None:
    for text in HOSTILE:
        values = {"title": text, "recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"]}
        (tmp_path / "some.yaml").write_text(yaml.safe_dump(values | {"methods": ["dense"], "seeds": [0]}))
        found = load(tmp_path / "some.yaml")
        assert found.title == text
        assert len(expand(found).runs) == 1


# -- servers --------------------------------------------------------------------------------------------------------


def test_every_server_that_is_printed_or_documented_is_for_this_machine_only() -> None:
    root = Path(__file__).parents[2]
    texts = [path for folder in ("docs", "bench", "configs", "profiles") for path in (root / folder).rglob("*")]
    for path in [*texts, root / "CONTRIBUTING.md", root / "Makefile", root / "Snakefile"]:
        if path.suffix in (".md", ".py", ".yaml", ".j2") or path.name in ("Makefile", "Snakefile"):
            for line in path.read_text(encoding="utf-8").splitlines():
                assert not re.search(r"mlflow (ui|server)(?!.*--host 127\.0\.0\.1)|0\.0\.0\.0|http\.server", line), path


def test_the_command_that_shows_the_store_is_quoted_and_binds_to_this_machine() -> None:
    shown = stores.view("sqlite:///it's here; touch pwned/mlflow.db")
    assert shown == """reprune ui --uri 'sqlite:///it'"'"'s here; touch pwned/mlflow.db'"""
    assert shown in Collected("sqlite:///it's here; touch pwned/mlflow.db", 1, 0).describe()
