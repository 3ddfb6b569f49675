"""`reprune reproduce --dry-run` for every paper with a comparable number, in one process; no speed is measured.

`grids.csv` lists the grids of each: those that were written by hand, and those that are made. When rows or recipes
changed on purpose, the failure prints the new list.
"""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest

from bench import published
from bench.commands.reproducing import show
from bench.commands.reproducing.outlook import Outlook, Places, look, values
from bench.commands.reproducing.sought import papers, sought
from bench.plan.grid import expand, load
from bench.published.comparison import matched
from bench.published.search import hindrances

PUBLISHED = published.load()
LIST = Path(__file__).parent / "grids.csv"
HEAD = ["paper", "grid", "cells", "numbers", "seeds", "runs"]


@pytest.fixture(scope="module")
def outlooks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outlook]:
    """By folder, all papers of which a row can be compared with a run, be it of a data set that nobody has here."""
    places = Places(tmp_path_factory.mktemp("results"), None)
    comparable = [one for one in papers(PUBLISHED) if any(not hindrances(PUBLISHED, row) for row in one.rows)]
    return {one.folder: look(one, PUBLISHED, places, None, probe=False) for one in comparable}


def test_the_grids_are_those_of_the_list(outlooks: dict[str, Outlook]) -> None:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for folder, found in sorted(outlooks.items()):
        for share in found.shares:
            numbers, seeds = sum(len(cell.rows) for cell in share.wanted), len(share.grid.seeds)
            words = [folder, share.grid.name, len(share.wanted), numbers, seeds, len(share.plan.runs)]
            writer.writerow(words)
    assert text.getvalue() == LIST.read_text(encoding="utf-8"), text.getvalue()


def test_every_comparable_number_is_run_once_or_said_to_be_apart(outlooks: dict[str, Outlook]) -> None:
    for found in outlooks.values():
        asked = [row.id for share in found.shares for cell in share.wanted for row in cell.rows]
        assert len(set(asked)) == len(asked)
        assert sorted([*asked, *found.apart]) == sorted(row.id for row in found.paper.rows)
        assert all(found.apart.values())


def test_nothing_stands_between_a_number_and_the_runs_of_its_grid(outlooks: dict[str, Outlook]) -> None:
    for found in outlooks.values():
        for share in found.shares:
            free = {row.id for _, row, blocked, _ in matched(share.plan, PUBLISHED) if not blocked}
            assert {row.id for cell in share.wanted for row in cell.rows} <= free, share.file


def test_seeds_are_the_fewest_that_decide_or_those_of_the_grid(outlooks: dict[str, Outlook]) -> None:
    for found in outlooks.values():
        for share in found.shares:
            for cell in share.wanted:
                needed = [each.seeds for each in cell.prospects if each.seeds]
                assert cell.setting.seeds == share.grid.seeds
                if share.made:
                    assert len(cell.setting.seeds) == max(needed, default=5)


def test_all_of_it_is_said(outlooks: dict[str, Outlook]) -> None:
    for found in outlooks.values():
        told, text = values(found), StringIO()
        show.outlook(found, told, text)
        assert found.paper.title in text.getvalue().splitlines()[0]
        assert f"re-trained: {len(found.paper.rows)} printed numbers; " in text.getvalue()
        assert (told["cost"]["hours"] is None and "not measured" in text.getvalue()) or not found.shares
        if found.shares:
            assert told["cost"]["multiply_adds"] > 0


def test_a_made_grid_s_file_is_that_grid(outlooks: dict[str, Outlook], tmp_path: Path, monkeypatch) -> None:
    """Readings, too: the last paper with an unclear protocol has trainings under the others."""
    monkeypatch.chdir(tmp_path)
    shares = [share for share in outlooks["1810.02340"].shares if share.made]
    assert any(share.made.get("trainings") for share in shares)
    for share in shares:
        share.write()
        again = load(share.file)
        assert again.name == share.grid.name
        assert [spec.id for spec in expand(again).runs] == [spec.id for spec in share.plan.runs]
        assert share.file == Path("reports") / f"{share.grid.name}.yaml"


def test_a_paper_without_a_comparable_number_says_why() -> None:
    found = look(sought("2512.07142", papers(PUBLISHED)), PUBLISHED, Places(Path("nowhere"), None), None, probe=False)
    text = StringIO()
    show.outlook(found, values(found), text)
    assert not found.shares and f"missing: {len(found.paper.rows)} numbers cannot be compared (" in text.getvalue()
