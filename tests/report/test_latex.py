"""Tables in LaTeX: what is printed, that nothing in a text is a command, and that everything compiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report import tables
from bench.report.latex import LINES
from bench.report.layout import Block, Chapter, Number, Reason, Report, Section, Text
from bench.report.tex import breakable, tex
from tests.report.test_tables import REPORT

REPRODUCTIONS = Path(__file__).parents[2] / "reports" / "reproductions"

DOCUMENT = r"""\documentclass{article}
\usepackage{array,booktabs,graphicx}
\begin{document}
\input{table.tex}
\end{document}
"""


def body(*rows: tuple[Text, ...], head: tuple[str, ...] = ("Method", "90 %"), numbers: bool = True) -> list[str]:
    """The lines between the rules, and what stands under them, of a report with this block only."""
    block = Block("Title", head, rows, numbers)
    text = tables.latex(Report("A", "", (), (), (), chapters=(Chapter("Chapter", (block,)),)))
    return re.findall(r"^(?:.* \\\\|\\addlinespace|.*\\par)$", text, re.MULTILINE)


def test_a_table_as_papers_have_it() -> None:
    text = tables.latex(REPORT)
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert text.count(rule) == 1
    assert r"\caption{Accuracy \& more: resnet20\_cifar on cifar10. \textbf{SCALED DOWN: 10 \% only}}" in text
    assert r"\label{tab:cifar10-resnet20-cifar-1}" in text
    # the best is bold, its spread is small, the number of seeds that all have is said once
    assert r"& \textbf{91.10}{\scriptsize\,$\pm$\,0.10}\textsuperscript{R 1} \\" in text
    assert r"snip\_x & \underline{91.05}{\scriptsize\,$\pm$\,0.12} \\" in text
    assert "Each mean is over 3 values.\\par" in text
    assert r"\textsuperscript{1}~snip\_x: failed 100 \% \textbar{} really.\par" in text
    assert "Bold: best. Underlined: within. ?: open." in text


def test_different_numbers_of_seeds_stay_in_the_cells() -> None:
    lines = body((Text("gmp"), Text(Number(91.1, 0.1, 3))), (Text("dpf"), Text(Number(92, n=2))))
    assert lines[1] == r"gmp & 91.10{\scriptsize\,$\pm$\,0.10}{\scriptsize (3)} \\"
    assert lines[2] == r"dpf & 92.00{\scriptsize (2)} \\"
    assert not any("Each mean" in line for line in lines)


def test_spreads_of_a_column_are_aligned() -> None:
    lines = body((Text("gmp"), Text(Number(91.1, 0.1))), (Text("dpf"), Text(Number(52, 11.31))))
    assert lines[1] == r"gmp & 91.10{\scriptsize\,$\pm$\,0.10\phantom{0}} \\"
    assert lines[2] == r"dpf & 52.00{\scriptsize\,$\pm$\,11.31} \\"


def test_a_unit_of_all_cells_stands_in_the_head() -> None:
    lines = body(
        (Text("gmp"), Text(Number(90, unit="%")), Text(Number(1, unit="%"))),
        (Text("dpf"), Text("–"), Text(Number(2, unit="kB"))),
        head=("M", "a", "b"),
    )
    assert lines[0] == r"M & a (\%) & b \\"
    assert lines[1:] == [r"gmp & 90.00 & 1.00 \% \\", r"dpf & -- & 2.00 kB \\"]


def test_reasons_are_footnotes() -> None:
    published = (Text("dpf"), Text("published"), Text(Number(93, remark="best epoch")), Text("no published number"))
    reason = Reason("not comparable", "unverified")
    verdicts = (Text(""), Text("verdict"), Text(reason), Text(reason))
    lines = body(published, verdicts, head=("Method", "", "90 %", "95 %"))
    mark = r"\rlap{\textsuperscript{%s}}"
    assert lines[1] == rf"dpf & {{\scriptsize published}} & 93.00{mark % 'a'} & --{mark % 'b'} \\"
    assert lines[2].count(rf"{{\scriptsize not comparable}}{mark % 'c'}") == 2
    assert [line for line in lines if line.endswith(r"\par")] == [
        r"\textsuperscript{a}~best epoch.\par",
        r"\textsuperscript{b}~no published number.\par",
        r"\textsuperscript{c}~not comparable: unverified.\par",
    ]


def test_a_name_stands_once_beside_its_rows() -> None:
    rows = [
        (Text(method), Text(Number(point, form="{:.0f}".format))) for method in ("gmp", "dpf") for point in (90, 95)
    ]
    assert body(*rows)[1:] == [r"gmp & 90 \\", r" & 95 \\", r"\addlinespace", r"dpf & 90 \\", r" & 95 \\"]


def test_a_row_cannot_begin_with_an_argument() -> None:
    assert body((Text("[x]"), Text("1")), (Text("*"), Text("2")))[1:] == [r"{}[x] & 1 \\", r"{}* & 2 \\"]


def test_long_tables_go_on_in_another_one() -> None:
    rows = [(Text(f"method{one // 2}"), Text(str(one))) for one in range(3 * LINES)]
    text = tables.latex(
        Report("A", "", (), (), (), chapters=(Chapter("Chapter", (Block("B", ("M", "x"), tuple(rows)),), ("Note.",)),))
    )
    parts = text.split(r"\begin{table}")[1:]
    assert len(parts) == 4  # two rows and half a line between groups: 16 groups to a table
    assert [part.count("(continued)") for part in parts] == [0, 1, 1, 1]
    assert len(set(re.findall(r"\\label\{.*\}", text))) == 4
    assert [part.count("Note.") for part in parts] == [0, 0, 0, 1]
    assert sum(part.count(r" \\") for part in parts) == 3 * LINES + 4


def test_only_what_fits_on_no_page_is_torn_apart() -> None:
    rows = tuple((Text("gmp"), Text(f"{one}")) for one in range(LINES + 10))
    text = tables.latex(Report("A", "", (), (), (), claims=(Block("B", ("M", "x"), rows),)))
    first, second = text.split(r"\begin{table}")[1:]
    assert (first.count(r" \\"), second.count(r" \\")) == (LINES + 1, 10 + 1)
    assert second.count("gmp &") == 10  # each row says whose it is


@given(st.text(alphabet="ab\\&%$#_{}~^<>±−×|éΔ中\u0301", max_size=20))
def test_escaped_text_has_no_active_character(text: str) -> None:
    for escaped in (tex(text), breakable(text)):
        bare = re.sub(r"\\[a-z]+\{\}|\$\\[A-Za-z]+\$|\$-\$|\\[&%$#_{}]|\\'\{[a-z]\}", "", escaped)
        assert re.findall(r"[\\&%$#_{}~^]", bare) == []
        assert escaped.isascii()


def test_letters_by_hand() -> None:
    assert tex("Łukasz Müller, ≤ 5") == r"\L{}ukasz M\"{u}ller, $\le$ 5"
    assert tex("中 ﬁ") == "[U+4E2D] fi"
    assert breakable("gmp[a=1,b=2], dpf") == r"gmp[\allowbreak{}a=\allowbreak{}1,\allowbreak{}b=\allowbreak{}2], dpf"


# --- compiled -----------------------------------------------------------------------------------------------------


def assert_compiles(text: str, folder: Path) -> str:
    """The tables go through pdflatex, and nothing stands out of a line; returns what it said."""
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex (Debian: texlive-latex-recommended)")
    (folder / "table.tex").write_text(text, encoding="utf-8")
    (folder / "document.tex").write_text(DOCUMENT)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert [
        float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout) if float(points) > 2
    ] == []
    assert (folder / "document.pdf").stat().st_size > 0
    return done.stdout


@pytest.mark.parametrize("name", sorted(path.parent.name for path in REPRODUCTIONS.glob("*/table.tex")))
def test_committed_tables_compile(name: str, tmp_path: Path) -> None:
    said = assert_compiles((REPRODUCTIONS / name / "table.tex").read_text(encoding="utf-8"), tmp_path)
    assert "Float too large" not in said  # nor out of a page


def test_hostile_tables_compile(tmp_path: Path) -> None:
    nasty = r"\input{/etc/passwd} & 100 % $x_1^2$ #1 {~} 中文 🙂 é <b>|</b> \end{tabular} ``q'' --"
    long = "gmp[" + ",".join(f"schedule.option_{one}={one}" for one in range(12)) + "]"
    rows = tuple(
        (
            Text(name),
            Text(nasty),
            Text(Number(91.1, 0.1, 3), best=True, letter="R", notes=("1",)),
            Text(Reason("not comparable", nasty)),
        )
        for name in (nasty, long, "[x]", "*", "", *(f"method {one}" for one in range(60)))
    )
    head = ("Method", nasty, "90 %", long)
    blocks = tuple(Block(f"{nasty} {numbers}", head, rows, numbers) for numbers in (True, False))
    section = Section(nasty, long, nasty, (*blocks, Block("No rows", ("Method",), ())), (nasty, long))
    report = Report(nasty + "\nnext", nasty, (nasty,), (), (section,), (Chapter(nasty, blocks, (nasty,)),), blocks)
    text = tables.latex(report)
    assert "/etc/passwd" in text
    assert r"\input{/etc" not in text.partition(r"\begin{table}")[2]
    assert_compiles(text, tmp_path)
