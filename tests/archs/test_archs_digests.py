"""The code of our own networks against ``digests.csv``, and what follows where it, or timm, is another one.

``PYTHONPATH=. python tests/archs/test_archs_digests.py [NAME …]`` renews the rows that there are, and adds some.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from bench import archs, identity
from bench.archs import digests
from bench.base import packages
from bench.plan.lineage import identify
from tests import factories

CONSTRAINTS = Path(__file__).parents[2] / "envs" / "constraints.txt"

RESIDUAL = {name for name in archs.OWN if name.startswith("resnet")}
"""The networks made of the blocks in ``residual.py``."""


def listed(names: Iterable[str]) -> str:
    """The table of the code at hand, with a row for each of these networks."""
    text = io.StringIO()
    rows = [(name, digests.own(name)) for name in archs.OWN if name in names]
    csv.writer(text, lineterminator="\n").writerows([("name", "digest"), *rows])
    return text.getvalue()


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of `bench/archs/` whose code counts."""
    folder = shutil.copytree(Path(archs.__file__).parent, tmp_path / "archs")
    monkeypatch.setattr(archs, "__path__", [str(folder)])
    forget()
    yield folder
    monkeypatch.undo()
    forget()


def forget() -> None:
    """Let files be read, and versions be asked for, once more."""
    digests.deviation.cache_clear()
    digests._source.cache_clear()


def changed(file: Path, old: str, new: str) -> set[str]:
    """The networks of ours that identities tell from what they were before a file is edited."""
    before = deviations()
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return {name for name, deviation in deviations().items() if deviation != before[name]}


def deviations() -> dict[str, dict[str, str | None]]:
    forget()
    return {name: digests.deviation(name) for name in archs.OWN}


def run(architecture: str) -> str:
    return identify(factories.spec(architecture=architecture)).id


def test_the_table_has_the_digests_of_the_code() -> None:
    assert digests.TABLE.read_text(encoding="utf-8") == listed(digests.recorded()), (
        "digests.csv is of other code. If the networks of the differing lines compute the same bits as before, run "
        "this file as a script. Of one that does not, delete the line: its digest then is part of its runs' names, and "
        "no old record is taken for one of them"
    )


def test_the_version_of_timm_is_that_of_the_constraints() -> None:
    versions = re.findall(r"^timm==(\S+)$", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert versions == [digests.TIMM]


def test_code_as_recorded_leaves_identities_alone(code: Path) -> None:
    assert {name for name, deviation in deviations().items() if not deviation} == set(digests.recorded())


def test_a_network_without_a_line_is_told_by_its_code(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(iter(digests.recorded()))
    before = run(name)
    monkeypatch.delitem(digests.recorded(), name)
    forget()
    assert run(name) != before


def test_another_block_is_another_network_wherever_it_is_used(code: Path) -> None:
    before = {name: run(name) for name in ("resnet20_cifar", "vgg16_bn_cifar")}
    assert changed(code / "residual.py", "inplace=True", "inplace=False") == RESIDUAL
    assert run("resnet20_cifar") != before["resnet20_cifar"]
    assert run("vgg16_bn_cifar") == before["vgg16_bn_cifar"]


def test_what_all_have_in_common_changes_all(code: Path) -> None:
    assert changed(code / "base.py", "fan_out", "fan_in") == set(archs.OWN)


def test_documenting_and_importing_change_none(code: Path) -> None:
    documented = '"""Shortcut option A, without parameters'
    assert changed(code / "residual.py", documented, f"# Why.\n    {documented[:3]}Or so. ") == set()
    assert changed(code / "residual.py", "from torch import Tensor, nn", "from torch import nn, Tensor") == set()


def test_settings_change_the_network_that_has_them(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = deviations()
    monkeypatch.setitem(archs._MODELS, "resnet20_cifar", ("resnet_cifar", "CifarResNet", {"depth": 26}))
    after = deviations()
    assert {name for name in archs.OWN if after[name] != before[name]} == {"resnet20_cifar"}


def test_code_that_moves_to_another_package_is_the_same(code: Path) -> None:
    here = identity.skeletons(code / "resnet.py", identity.Package("bench.archs", (code,)), imports=False)
    assert set(here) == {"resnet", "residual", "base"}
    for file in code.glob("*.py"):
        file.write_text(file.read_text(encoding="utf-8").replace("bench.archs", "nets"), encoding="utf-8")
    assert identity.skeletons(code / "resnet.py", identity.Package("nets", (code,)), imports=False) == here


@pytest.mark.parametrize("version", ["1.0.20", None])
def test_another_timm_makes_other_networks_of_timm(version: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("resnet50.tv_in1k", "resnet20_cifar")
    ids: list[tuple[str, ...]] = []
    for each in (digests.TIMM, version):
        monkeypatch.setattr(packages, "version", lambda package, found=each: {"timm": found}[package])
        forget()
        ids.append(tuple(map(run, names)))
    monkeypatch.undo()
    forget()
    assert ids[0][0] != ids[1][0]
    assert ids[0][1] == ids[1][1]


def test_timm_is_not_imported_for_its_version() -> None:
    code = "import sys; from bench.archs import digests; digests.deviation('resnet50'); print('timm' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"


if __name__ == "__main__":
    digests.TABLE.write_text(listed({*digests.recorded(), *sys.argv[1:]}), encoding="utf-8")
