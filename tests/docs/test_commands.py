"""Every command of README, CONTRIBUTING and docs/ is carried out, page by page, in a fresh copy of the checkout."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bench.plan import grid
from tests.docs.reading import PAGES, ROOT, Block, blocks, inlines, missing

LONG = {"tutorial.md", "add-a-method.md"}
"""Pages that train for minutes."""

MARK = "# line "
"""What is printed before the commands of a fence, with its line in the page."""


def _id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _commands(page: Path) -> list[Block]:
    return [block for block in blocks(page.read_text(encoding="utf-8")) if block.language == "bash"]


RUN = [
    pytest.param(page, marks=pytest.mark.long if page.name in LONG else (), id=_id(page))
    for page in PAGES
    if any("untested" not in block.remarks for block in _commands(page))
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that git knows or would not ignore, without results."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / "copy" / name)
    return tmp_path / "copy"


def environment(checkout: Path) -> dict[str, str]:
    """As if the environment were active: its programs, and the copy's code before an installed one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "SNAKEMAKE", "MLFLOW"))}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    return kept | {"PATH": path, "PYTHONPATH": str(checkout), "COLUMNS": "160", "NO_COLOR": "1"}


def script(page: Path) -> tuple[str, list[str]]:
    """A page as one script for bash, and what it leaves out for want of an environment variable or a program."""
    lines, left_out = ["set -euo pipefail"], []
    for block in blocks(page.read_text(encoding="utf-8")):
        if "file" in block.remarks:
            path = shlex.quote(block.remarks["file"])
            lines.append(f"mkdir -p $(dirname {path})\ncat > {path} <<'END OF FILE'\n{block.text}END OF FILE")
        if block.language != "bash" or "untested" in block.remarks:
            continue
        if absent := [needed for needed in block.remarks.get("needs", "").split() if not _is_there(needed)]:
            left_out.append(f"line {block.line} needs {' and '.join(absent)}")
            continue
        lines += [f"echo; echo '{MARK}{block.line}'", block.text]
    return "\n".join(lines), left_out


def _is_there(needed: str) -> bool:
    """Whether a file or folder exists, an environment variable is set, or a program is on the path."""
    if "/" in needed:
        return Path(os.path.expandvars(needed)).exists()
    return bool(os.environ.get(needed) or shutil.which(needed))


def check_page(page: Path, checkout: Path) -> None:
    """Run a page's commands; fail with the fence's output if one fails or does not print what the page shows."""
    text, left_out = script(page)
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=checkout,
        env=environment(checkout),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    parts = re.split(rf"^{MARK}(\d+)\n", done.stdout, flags=re.MULTILINE)
    printed = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
    assert done.returncode == 0, (
        f"{_id(page)}, line {max(printed, default=0)}: exit {done.returncode}\n{parts[-1][-4000:]}"
    )
    for block in _commands(page):
        if block.line in printed:
            lost = missing(block.shown, printed[block.line])
            assert lost == [], f"{_id(page)}, line {block.line}: not printed any more; it prints\n{printed[block.line]}"
    if left_out:
        pytest.skip(f"the rest of {_id(page)} was carried out, but {'; '.join(left_out)}")


@pytest.mark.parametrize("page", RUN)
def test_the_commands_of_a_page_work(page: Path, checkout: Path) -> None:
    check_page(page, checkout)


def test_a_page_with_a_mistake_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.test_commands.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("```bash\necho one\n```\n\n```bash\nfalse\necho two\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md, line 5: exit 1"):
        check_page(page, tmp_path)
    page.write_text("```bash\necho accuracy 91.73 of 3\n```\n\n```text\naccuracy 91.80 of …\nverdict\n```\n")
    with pytest.raises(AssertionError, match=r"not printed any more(.|\n)*verdict"):
        check_page(page, tmp_path)
    page.write_text("<!-- file: a/b.txt -->\n```yaml\nx: $y\n```\n\n```bash\ncat a/b.txt\n```\n```text\nx: $y\n```\n")
    check_page(page, tmp_path)


def test_what_needs_something_that_is_missing_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.test_commands.ROOT", tmp_path)
    monkeypatch.setenv("FOLDER", str(tmp_path))
    page = tmp_path / "page.md"
    page.write_text("<!-- needs: bash $FOLDER/data NOT_SET_HERE -->\n```bash\nfalse\n```\n")
    with pytest.raises(pytest.skip.Exception, match=r"line 2 needs \$FOLDER/data and NOT_SET_HERE"):
        check_page(page, tmp_path)
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("NOT_SET_HERE", "is set")
    with pytest.raises(AssertionError, match="line 2: exit 1"):
        check_page(page, tmp_path)


SHOWN = """\
fc.weight  720  31.25 % ███▊
train, 24 epochs  accuracy, %  27.03  ▁▆▇███  95.11
cost  24 epochs, 7 s of training
95 %  accuracy, %  95.1057  94.5495  −0.5562
dpf  94.77 ± 0.58 (3) *
"""
"""What a page shows of a training."""

ELSEWHERE = """\
fc.weight  720   4.10 % ▍
train, 24 epochs  accuracy, %   9.00  ▁▂▅▆▇▇█  95.00
cost  24 epochs, 1 h 2 min of training
95 %  accuracy, %  94.5495  95.1057   +0.5562
dpf  95.12 ± 1.03 (3)
"""
"""The same with the numbers of another processor, busy with other things."""


def test_numbers_times_and_what_is_drawn_may_differ() -> None:
    assert missing(SHOWN, ELSEWHERE) == []


@pytest.mark.parametrize("word", ["weight", "%", "epochs", "accuracy", "training", "±", "(3)"])
def test_words_may_not_differ(word: str) -> None:
    lost = missing(SHOWN, ELSEWHERE.replace(word, "else"))
    assert lost == [line for line in SHOWN.splitlines() if word in line]


def test_a_number_may_not_become_a_word() -> None:
    printed = ELSEWHERE.replace("+0.5562", "=").replace("95.12", "diverged").replace(" ▍", "")
    assert missing(SHOWN, printed) == [SHOWN.splitlines()[line] for line in (0, 3, 4)]


def test_commands_stand_in_fences() -> None:
    """Indented code has no language: nobody could tell commands from a formula."""
    found = [
        f"{_id(page)}:{block.line}"
        for page in PAGES
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language in ("indented", "", "sh", "shell", "console")
    ]
    assert found == []


def test_what_is_not_run_says_why() -> None:
    for page in PAGES:
        for block in _commands(page):
            reason = block.remarks.get("untested")
            tests = re.findall(r"(?:tests|benchmarks)/[\w/.]+\.py", reason or "")
            assert reason is None or len(reason.split()) > 1, f"{_id(page)}:{block.line}: no reason"
            assert all((ROOT / test).exists() for test in tests), f"{_id(page)}:{block.line}: {reason}"


def _written() -> list[tuple[str, str]]:
    """(place, command line) of every call of `reprune` in inline code and in fences that are not run."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [token.content for token in inlines(text) if token.type == "code_inline"]
        lines += [line for block in _commands(page) if "untested" in block.remarks for line in block.text.splitlines()]
        found += [(_id(page), line.partition("  #")[0]) for line in lines if line.startswith("reprune ")]
    return found


def test_commands_in_the_text_exist_with_their_options() -> None:
    root = typer.main.get_command(importlib.import_module("bench.commands.cli").app)
    wrong = []
    for place, line in _written():
        command, words = root, shlex.split(line)[1:]
        words = words[: words.index("--")] if "--" in words else words  # behind it are another program's
        while hasattr(command, "commands") and words and words[0] in command.commands:
            command, words = command.commands[words[0]], words[1:]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown = command is root and bool(words) and not words[0].startswith("-")
        options = [word.partition("=")[0] for word in words if word.startswith("-")]
        free = command.ignore_unknown_options
        if unknown or (not free and not set(options) <= {*known, "--help"}):
            wrong.append(f"{place}: {line}")
    assert wrong == []
    assert len(_written()) > 20


def test_the_grid_and_the_method_of_the_readme_are_complete(checkout: Path) -> None:
    found = {block.language: block.text for block in blocks((ROOT / "README.md").read_text(encoding="utf-8"))}
    (checkout / "configs" / "readme.yaml").write_text(found["yaml"])
    assert grid.load(checkout / "configs" / "readme.yaml").recipe == "cifar10"
    (checkout / "methods" / "ramp.py").write_text(found["python"])
    done = subprocess.run(
        [sys.executable, "-m", "bench.commands.cli", "methods", "ramp"],
        cwd=checkout,
        env=environment(checkout),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "cubic" in done.stdout
