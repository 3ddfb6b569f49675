"""Identities: what changes them, what must not, and that they are the same under every Python.

``PYTHONPATH=. python tests/vocabulary/test_identity.py`` writes ``method_digests.csv`` anew. Do so when a method came,
or was meant to become another one: whoever has records of it trains it again. A method without a line is not looked at,
so that anybody may drop one in.
"""

from __future__ import annotations

import ast
import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import methods
from bench import catalog, identity
from bench.identity import Package, digest, skeletons, source_digest

TABLE = Path(__file__).with_name("method_digests.csv")

KNOWN = {line["method"]: line["digest"] for line in csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines())}
"""The digests of the project's methods, by name."""

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"

OTHERS = [version for version in ("3.11", "3.12", "3.13") if version != RUNNING]
"""The other versions of Python that the README promises."""

ALONE = """
import importlib.util, json, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("identity", sys.argv[1])
identity = importlib.util.module_from_spec(spec)
spec.loader.exec_module(identity)
package = identity.Package("methods", (Path(sys.argv[2]),))
print(json.dumps({path.stem: identity.source_digest(path, package) for path in map(Path, sys.argv[3:])}))
"""
"""Prints the digests of files, with nothing but `bench/identity.py` and the standard library."""

EVERYTHING = '''# Whatever some version of Python writes otherwise.
from methods.snip import Snip

class Other(Snip):
    """Documented."""

    kind: str = u"é" "—"

    @staticmethod
    def f(a, /, b=None, *c, d, e=0, **g) -> None:
        assert {**g}, f"{a!r:>{b}}{{}}{d=:.{e}f}" f'{c:}' "end"
        match b:
            case None | {"x": 1, **rest}:
                return
        return [lambda: 1e999, ..., b"\\xff", 1j, not -a][e:]
'''


def digest_of(path: Path, folder: Path | None = None) -> str:
    """A file's digest as it is now, in a package `methods` of one folder."""
    source_digest.cache_clear()
    return source_digest(path, Package("methods", (folder or path.parent,)))


def write(path: Path, text: str | bytes) -> str:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return digest_of(path)


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1}) != digest({"a": 1, "b": [2, 1]})


# --- the same everywhere ------------------------------------------------------------------------------------------


def test_the_methods_have_the_digests_that_they_had() -> None:
    assert KNOWN
    assert {name: catalog.source_digest(name) for name in KNOWN} == KNOWN, (
        "the code of a method has changed, so its runs get other names. If that is meant, run this file as a script"
    )


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    path = tmp_path / "everything.py"
    path.write_text(EVERYTHING, encoding="utf-8")
    return path


@pytest.mark.parametrize("version", OTHERS)
def test_another_python_finds_the_same_digests(version: str, everything: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on the path, nor among pyenv's")
    folder = Path(methods.__file__).parent
    files = [everything, *(folder / f"{name}.py" for name in KNOWN)]
    # In the poorest locale, too: its encoding is ASCII.
    words = [python, "-I", "-X", "utf8=0", "-c", ALONE, identity.__file__, folder, *files]
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=True, env=os.environ | {"LC_ALL": "C"}
    )
    assert json.loads(done.stdout) == {file.stem: digest_of(file, folder) for file in files}


def interpreter(version: str) -> str | None:
    """A Python of a version that works; pyenv's command on the path may be of one that is not chosen."""
    installed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob(f"{version}*/bin/python")
    for python in filter(None, [shutil.which(f"python{version}"), *map(str, sorted(installed))]):
        command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(command, capture_output=True, text=True).stdout.strip() == version:
            return python
    return None


@pytest.mark.skipif(RUNNING != "3.11", reason="compares with what Python 3.11 writes")
def test_trees_are_written_as_python_3_11_does(everything: Path) -> None:
    folder = Path(methods.__file__).parent
    tree = ast.parse(everything.read_text(encoding="utf-8"))
    del tree.body[1].body[0]  # the docstring
    assert skeletons(everything, Package("methods", (folder,)))["everything"] == ast.dump(tree)


def test_a_tree_in_full(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    write(path, "def f(a, *, b=None):\n    return\nx = f'{a:{b}}', {**a}, u'', ()\n")
    assert skeletons(path, Package("methods", ()))["m"] == (
        "Module(body=["
        "FunctionDef(name='f', args=arguments(posonlyargs=[], args=[arg(arg='a')], kwonlyargs=[arg(arg='b')], "
        "kw_defaults=[Constant(value=None)], defaults=[]), body=[Return()], decorator_list=[]), "
        "Assign(targets=[Name(id='x', ctx=Store())], value=Tuple(elts=["
        "JoinedStr(values=[FormattedValue(value=Name(id='a', ctx=Load()), conversion=-1, "
        "format_spec=JoinedStr(values=[FormattedValue(value=Name(id='b', ctx=Load()), conversion=-1)]))]), "
        "Dict(keys=[None], values=[Name(id='a', ctx=Load())]), Constant(value='', kind='u'), "
        "Tuple(elts=[], ctx=Load())], ctx=Load()))"
        "], type_ignores=[])"
    )


@pytest.mark.parametrize(
    "same",
    [
        "class A:\r\n    x = '''é\r\n'''\r\n".encode(),
        "\ufeffclass A:\n    x = '''é\n'''\n".encode(),
        "# -*- coding: latin-1 -*-\nclass A:\n    x = '''é\n'''\n".encode("latin-1"),
    ],
    ids=["line ends of Windows", "byte order mark", "another encoding"],
)
def test_how_a_file_is_stored_does_not_matter(same: bytes, tmp_path: Path) -> None:
    first = write(tmp_path / "m.py", "class A:\n    x = '''é\n'''\n")
    assert write(tmp_path / "m.py", same) == first


# --- what counts --------------------------------------------------------------------------------------------------


def test_comments_docstrings_and_layout_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    first = write(path, "class A:\n    x = 1\n")
    assert write(path, '"""Doc."""\nclass A:\n    """Doc."""\n\n    x = 1  # why\n') == first
    assert write(path, "class A:\n    x = 2\n") != first


def stated(name: str, folder: Path, *lines: str) -> str:
    """The digest of a method with more lines at the end of its class."""
    file = catalog.file_of(name)
    text = file.read_text(encoding="utf-8").splitlines()
    classes = [node for node in ast.parse("\n".join(text)).body if isinstance(node, ast.ClassDef)]
    (end,) = [node.end_lineno for node in classes if node.name == catalog.method_class(name).__name__]
    path = folder / file.name
    path.write_text("\n".join([*text[:end], *(f"    {line}" for line in lines), *text[end:]]), encoding="utf-8")
    source_digest.cache_clear()
    return source_digest(path, Package("methods", (folder, *map(Path, methods.__path__))))


@pytest.mark.parametrize("name", KNOWN)
def test_stating_bounds_and_titles_changes_no_method(name: str, tmp_path: Path) -> None:
    first = catalog.source_digest(name)
    assert stated(name, tmp_path, "bounds = {'every': (1, None)}", "reports = {}") == first
    assert stated(name, tmp_path, "bounds: ClassVar[dict] = {'every': (-2, 1e9)}", "reports = ('a', 'b')") == first
    assert stated(name, tmp_path, "bounds = reports = None") == first
    assert stated(name, tmp_path, "bounds = dict(every=(1, None))") != first
    assert stated(name, tmp_path, "reports = {'a': f'{1}'}") != first
    assert stated(name, tmp_path, "bonds = {}") != first


def test_stating_bounds_of_a_parent_changes_no_child(tmp_path: Path) -> None:
    parent, child = tmp_path / "parent.py", tmp_path / "child.py"
    write(parent, "class P:\n    x = 1\n")
    first = write(child, "from methods.parent import P\nclass C(P):\n    pass\n")
    write(parent, "class P:\n    bounds = {'x': (0, 2)}\n    x = 1\n")
    assert digest_of(child) == first


@pytest.mark.parametrize("use", ["    y = bounds[0]", "    def f(self):\n        return self.bounds"])
def test_bounds_that_a_method_computes_with_are_code(use: str, tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    assert write(path, f"class A:\n    bounds = (1,)\n{use}\n") != write(path, f"class A:\n    bounds = (2,)\n{use}\n")


@pytest.mark.parametrize("text", ["bounds = {}\n", "def f():\n    bounds = {}\n", "class A:\n    a.bounds = {}\n"])
def test_only_what_a_class_states_is_left_out(text: str, tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    assert write(path, text) != write(path, text.replace("{}", "{1: 2}"))


# --- what a file imports ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "from methods.parent import P",
        "import methods.parent",
        "from methods import parent",
        "from .parent import P",
        "from . import parent",
        "from methods.between import P",
    ],
)
def test_a_parent_in_another_file_matters(line: str, tmp_path: Path) -> None:
    child, parent, between, other = (tmp_path / f"{name}.py" for name in ("child", "parent", "between", "other"))
    write(between, "from methods.parent import P\n")
    write(parent, "class P:\n    other = 1\n")
    write(other, "x = 1\n")
    before = write(child, f"{line}\nclass C:\n    pass\n")
    write(other, "x = 2\n")
    assert digest_of(child) == before
    write(parent, "class P:\n    other = 2\n")
    assert digest_of(child) != before


def test_a_name_out_of_a_file_is_not_the_file_of_that_name(tmp_path: Path) -> None:
    """Where file names know no capitals, ``snip.Snip`` would else be ``snip.py`` a second time."""
    write(tmp_path / "parent.py", "other = 1\n")
    write(tmp_path / "other.py", "x = 1\n")
    before = write(tmp_path / "child.py", "from methods.parent import other\n")
    write(tmp_path / "other.py", "x = 2\n")
    assert digest_of(tmp_path / "child.py") == before


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders of methods behind that of the project."""
    found = (tmp_path / "first", tmp_path / "second")
    for folder in found:
        folder.mkdir()
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, *map(str, found)])
    return found


def test_a_parent_in_another_folder_of_methods_matters(folders: tuple[Path, Path]) -> None:
    first, second = folders
    (second / "child.py").write_text("from methods.parent import P\n")
    found = []
    for value in (1, 2):
        (first / "parent.py").write_text(f"class P:\n    x = {value}\n")
        source_digest.cache_clear()
        found.append(catalog.source_digest("child"))
    assert found[0] != found[1]
    assert catalog.sources("child") == [first / "parent.py", second / "child.py"]


def test_a_packaged_parent_of_a_dropped_in_method_matters(folders: tuple[Path, Path]) -> None:
    (folders[0] / "child.py").write_text("from methods.grasp_it import GraspIt\nclass Child(GraspIt):\n    pass\n")
    packaged = Path(methods.__file__).parent
    expected = {packaged / f"{name}.py" for name in ("grasp_it", "force")}
    assert expected < set(catalog.sources("child"))


def test_of_two_files_of_one_name_that_in_the_first_folder_counts(folders: tuple[Path, Path]) -> None:
    first, second = folders
    for folder in folders:
        (folder / "parent.py").write_text("class P:\n    x = 1\n")
    (second / "child.py").write_text("from methods.parent import P\n")
    assert catalog.sources("child") == [first / "parent.py", second / "child.py"]
    assert catalog.files()["parent"] == catalog.file_of("parent") == first / "parent.py"


if __name__ == "__main__":
    rows = [(name, catalog.source_digest(name)) for name in catalog.names()]
    with TABLE.open("w", encoding="utf-8", newline="") as table:
        csv.writer(table, lineterminator="\n").writerows([("method", "digest"), *rows])
