"""The same report in four formats, with everything escaped that has to be."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench.report import tables, terminal
from bench.report.layout import Block, Number, Report, Section, Text
from tests import factories

BLOCK = Block(
    "Accuracy & more",
    ("Method", "90 %"),
    (
        (Text("gmp[allocation=global]"), Text(Number(91.1, 0.1, 3), best=True, letter="R", notes=("1",))),
        (Text("snip_x"), Text(Number(91.05, 0.12, 3), within=True)),
        (Text("grasp"), Text(Number(85, 9, 3), open=True)),
        (Text("<script>"), Text("failed | 5 %")),
    ),
)
REPORT = Report(
    title="A & B <title>",
    warning="SCALED DOWN: 10 % only",
    facts=("Top-1 in % of 10,000 images.",),
    legend=("{best}: best. {within}: within. {open}: open.",),
    sections=(
        Section("cifar10", "resnet20_cifar", "0.27 M parameters.", (BLOCK,), ("snip_x: failed 100 % | really.",)),
    ),
    comparison=(Block("Published", ("Cell", "Why"), ((Text("gmp"), Text("budget: 0.1")),), numbers=False),),
    comparison_notes=("A note.",),
)


def test_markdown() -> None:
    text = tables.markdown(REPORT)
    assert "**91.10 ± 0.10 (3)** <sup>R 1</sup>" in text
    assert "*91.05 ± 0.12 (3)*" in text
    assert "| 85.00 ± 9.00 (3) ? " in " ".join(text.split())
    assert r"failed \| 5 %" in text  # a bare bar would open another column
    assert "> **SCALED DOWN: 10 % only**" in text
    assert "Bold: best. Italic: within. ?: open." in text
    assert "1. snip_x: failed 100 % \\| really." in text
    assert "* A note." in text
    header, rule = [line for line in text.splitlines() if line.startswith("|")][:2]
    assert header.count("|") == rule.count("|") == 3


def test_comparison() -> None:
    text = tables.comparison(REPORT)
    assert "| gmp" in text
    assert "* A note." in text


def test_no_comparison() -> None:
    empty = Report("A", "", (), (), ())
    assert "No published row is about a cell of this grid." in tables.comparison(empty)


def test_terminal() -> None:
    text = terminal.render(REPORT, [Path("reports/quick/table.md"), Path("reports/quick/a.svg")])
    assert "91.10 ± 0.10 (3) * R,1" in text
    assert "91.05 ± 0.12 (3) =" in text
    assert "85.00 ± 9.00 (3) ?" in text
    assert "*: best. =: within. ?: open." in text
    assert "reports/quick: a.svg, table.md" in text
    assert "A note." in text
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_files(tmp_path: Path) -> None:
    paths = tables.write(REPORT, [factories.result_of("gmp", 0.9, 91.0, 92.0)], tmp_path / "quick")
    names = ["comparison.csv", "comparison.md", "table.csv", "table.md", "table.tex"]
    assert sorted(path.name for path in paths) == names
    assert sorted(path.name for path in (tmp_path / "quick").iterdir()) == names
    (line,) = pd.read_csv(tmp_path / "quick" / "table.csv").to_dict("records")
    assert (line["method"], line["point"], line["n"], line["mean"]) == ("gmp", 0.9, 2, 91.5)
    assert "verdict" in pd.read_csv(tmp_path / "quick" / "comparison.csv").columns


@pytest.mark.parametrize("render", [tables.markdown, tables.latex, tables.comparison])
def test_same_report_same_text(render: object) -> None:
    assert callable(render)
    assert render(REPORT) == render(REPORT)
