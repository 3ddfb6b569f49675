"""What moving and renaming code must leave alone: run ids of every grid, and which kept records are of older code.

Digests of methods and networks have lists of their own (``method_digests.csv``, ``bench/archs/digests.csv``).
Committed tables are rebuilt byte for byte here, and number for number in ``tests/report/test_kept.py``.
A number changes here on purpose only: a method, recipe or grid was edited. Then the failure prints the new one.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest

from bench.plan import grid
from bench.report import kept

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "reports" / "reproductions"
BYTE_FOR_BYTE = ("digits", "snfs-mnist")


def _lines(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


GRIDS = {line["grid"]: (int(line["runs"]), line["ids"]) for line in _lines("grids.csv")}
OUTDATED = {line["folder"]: int(line["outdated"]) for line in _lines("kept.csv")}


def test_every_grid_is_listed() -> None:
    configs = [*(ROOT / "configs").glob("*.yaml"), *(ROOT / "configs" / "papers").glob("*.yaml")]
    assert set(GRIDS) == {path.relative_to(ROOT).as_posix() for path in configs}
    assert set(OUTDATED) == {path.parent.name for path in KEPT.glob("*/grid.yaml")}


@pytest.mark.parametrize("config", GRIDS)
def test_run_ids_stay(config: str) -> None:
    ids = sorted(spec.id for spec in grid.expand(grid.load(ROOT / config)).runs)
    assert (len(ids), hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]) == GRIDS[config]


@pytest.mark.parametrize("folder", OUTDATED)
def test_as_many_kept_records_are_of_older_code(folder: str) -> None:
    assert len(kept.read(KEPT / folder).outdated) == OUTDATED[folder]


@pytest.mark.parametrize("folder", BYTE_FOR_BYTE)
def test_tables_are_rebuilt_to_the_byte(folder: str, tmp_path: Path) -> None:
    kept.rebuild(KEPT / folder, tmp_path, figures=False)
    for name in ("table.csv", "table.md", "table.tex", "comparison.csv", "comparison.md"):
        assert (tmp_path / name).read_bytes() == (KEPT / folder / name).read_bytes(), name
