"""A run is found by id, beginning, folder or file, in results first and then in kept folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UserError
from bench.results import find, record
from tests import factories


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of results with one run, and a folder of kept folders with that and another one."""
    results, kept = tmp_path / "results", tmp_path / "kept"
    one, other = factories.record(factories.spec()), factories.record(factories.spec(seed=1))
    factories.write(one, results)
    for folder in ("a", "b"):
        for each in (one, other):
            path = kept / folder / "records" / f"{each.id}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            record.write(each, path)
    return results, kept


def test_results_come_before_kept_folders(places):
    results, kept = places
    one, other = factories.spec().id, factories.spec(seed=1).id
    assert find.find(one, results, kept) == results / "runs" / one / "record.json"
    assert find.find(one[:-3], results, kept) == results / "runs" / one / "record.json"
    assert find.find(other, results, kept) == kept / "a" / "records" / f"{other}.json"
    # The beginning of both is that of the only one in results.
    assert find.find("cifar10-resnet20", results, kept) == results / "runs" / one / "record.json"


def test_a_kept_folder_may_be_named_instead_of_results(places):
    _, kept = places
    other = factories.spec(seed=1).id
    assert find.find(other, kept / "b", kept) == kept / "b" / "records" / f"{other}.json"
    assert list(find.all_in(kept / "b")) == sorted([factories.spec().id, other])


def test_a_folder_or_a_file_is_taken_as_it_is(places):
    results, kept = places
    one = factories.spec().id
    folder = results / "runs" / one
    assert find.find(str(folder), Path("elsewhere"), kept) == folder / "record.json"
    assert find.find(str(kept / "a" / "records" / f"{one}.json"), results, kept).parent == kept / "a" / "records"


def test_what_is_not_found_or_ambiguous_is_one_sentence(places):
    results, kept = places
    with pytest.raises(UserError, match=r"^no finished run in .* or kept in .* is called 'mnist' or begins so"):
        find.find("mnist", results, kept)
    with pytest.raises(UserError, match=r"^'cifar10' is the beginning of 2 runs: .*s0.*, .*s1"):
        find.find("cifar10", kept / "a", kept)
    with pytest.raises(UserError, match="is called"):  # weights lie in results only
        find.folder(factories.spec(seed=1).id, results)


def test_a_file_that_is_no_record_is_one_sentence(tmp_path):
    path = tmp_path / "record.json"
    path.write_text('{"format": 1}')
    with pytest.raises(UserError, match=r"record.json: the field 'id' is missing"):
        find.read(path)
