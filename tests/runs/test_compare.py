"""In what two runs, or two grids, differ; and that the exit status says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from bench.commands.runs import compare, compare_grids, differences
from bench.commands.runs.differences import Side
from bench.errors import UserError
from bench.report import kept
from bench.results import record
from bench.weights import save_state
from tests import factories
from tests.runs.conftest import spec

DIGITS = {"recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"], "methods": ["snip"]}


def side(results: Path, each) -> Side:
    path = results / "runs" / each.id / "record.json"
    return Side(record.read(path), path)


def test_a_run_equals_itself(results, capsys):
    run = spec().id
    assert compare.compare(run, run, results) == 0
    out = capsys.readouterr().out
    assert f"the same run: identity {spec().identity[:12]}" in out
    assert "90 % weights: equal bit by bit (the same SHA-256)" in out
    assert "90 % predictions: equal bit by bit (the same logits)" in out
    assert "Equal in all " in out


def test_two_seeds_differ_in_the_seed_and_in_numbers(results, capsys):
    one, other = side(results, spec()), side(results, spec(seed=1))
    assert compare.compare(spec().id, spec(seed=1).id, results, as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["asked"] == {"seed": [0, 1]}
    assert found["environment"] == {}
    accuracies = [each.record.results[0].accuracy for each in (one, other)]
    assert found["numbers"].get("90 %: accuracy", accuracies) == accuracies
    assert "90 %: counts.parameters" not in found["numbers"]
    (network,) = found["networks"]
    assert network["weights"]["equal"] is False and "zero in one of them only: " in network["weights"]["said"]
    assert network["predictions"]["equal"] is False


def test_weights_are_compared_where_the_hash_holds_another_runs_id(results, tmp_path):
    """The same tensors in a file of another hash are the same bits; then one is moved by a known step."""
    one = side(results, spec())
    other = Side(one.record.model_copy(deep=True), tmp_path / "record.json")
    other.record.id = "another"
    (theirs,) = other.record.results
    state = load_file(results / "runs" / spec().id / "weights.safetensors")
    save_state(state, tmp_path / "weights.safetensors", {"run": "another"})
    theirs.weights_sha256 = "0" * 64
    mine = one.record.results[0]
    assert differences.weights(one, other, mine, theirs).equal is True
    name = next(name for name, value in state.items() if (value == 0).any())
    place = int((state[name].flatten() == 0).nonzero()[0])
    state[name] = state[name].clone()
    state[name].flatten()[place] = 0.25
    save_state(state, tmp_path / "weights.safetensors", {"run": "another"})
    found = differences.weights(one, other, mine, theirs)
    assert (found.equal, found.said) == (
        False,
        f"by up to 0.25 in '{name}'; entries that are zero in one of them only: 1",
    )
    assert torch.count_nonzero(state[name]) > 0
    (tmp_path / "weights.safetensors").unlink()
    assert differences.weights(one, other, mine, theirs).equal is None


def test_environments_are_compared_fact_by_fact():
    one, other = factories.record(factories.spec()), factories.record(factories.spec())
    other.provenance = {"git": {"commit": "fedcba", "dirty": False}, "packages": {"torch": "2.12.0"}, "started": "now"}
    found = differences.environment(one, other)
    assert found == {"git.commit": ("0123456789abcdef", "fedcba"), "packages.torch": ("2.13.0", "2.12.0")}


def test_clocks_and_file_names_are_no_numbers_and_nan_equals_itself():
    one, other = factories.record(factories.spec()), factories.record(factories.spec())
    for each, seconds in ((one, 1.0), (other, 2.0)):
        each.cost.seconds = each.curves[0].seconds[0] = seconds
        each.results[0].loss = float("nan")
    assert differences.unequal(one, other) == {}
    other.results[0].counts.macs += 1
    assert list(differences.unequal(one, other)) == ["90 %: counts.macs"]


@pytest.fixture
def grids(tmp_path: Path):
    """Two kept folders: the second has better seeds of snip, one cell more, and another torch."""
    from bench.plan.grid import expand, load

    folders = []
    for name, sparsities, better in (("a", [0.9], 0.0), ("b", [0.9, 0.95], 2.0)):
        grid = load(
            DIGITS | {"name": name, "sparsities": sparsities, "seeds": [0, 1, 2], "results": str(tmp_path / name)}
        )
        for each in expand(grid).runs:
            gain = better if each.method == "snip" else 0.0
            found = factories.record(each, 90.0 + each.seed + gain)
            if name == "b":
                found.provenance = {**found.provenance, "packages": {"torch": "2.12.0"}}
            factories.write(found, tmp_path / name)
        kept.keep(grid, tmp_path / f"kept-{name}")
        folders.append(str(tmp_path / f"kept-{name}"))
    return folders


def test_grids_are_compared_cell_by_cell_with_welchs_interval(grids):
    found = compare_grids.values(*(compare_grids.collection(Path(each)) for each in grids))
    assert (found["equal"], found["runs"], found["equal_runs"]) == (False, 6, 3)
    dense, snip = found["cells"]
    assert (dense["method"], dense["difference"]) == ("dense", 0.0)
    # Means 91 and 93, both with a standard deviation of 1 over 3 seeds: the error is √(2/3), with 4 degrees of freedom,
    # whose 97.5 % quantile is 2.7764.
    assert (snip["a"], snip["b"]) == ({"n": 3, "mean": 91.0, "std": 1.0}, {"n": 3, "mean": 93.0, "std": 1.0})
    assert [snip["low"], snip["high"]] == pytest.approx(
        [2 - 2.7764 * (2 / 3) ** 0.5, 2 + 2.7764 * (2 / 3) ** 0.5], abs=1e-3
    )
    assert found["only_a"] == [] and found["only_b"] == ["digits · convnet_small · snip · 95 %"]
    assert found["environment"] == ["packages.torch: 2.13.0 → 2.12.0 (6 runs)"]


def test_grids_that_are_equal_have_status_0(grids, capsys):
    assert compare.compare(grids[0], grids[0], Path("results")) == 0
    assert "6 of 6 runs are equal in every number, and there are no others." in capsys.readouterr().out
    assert compare.compare(*grids, Path("results")) == 1
    out = capsys.readouterr().out
    assert "only in B: digits · convnet_small · snip · 95 %" in out
    assert "3 of 6 runs are equal in every number; the interval excludes 0 in 0 of 2 cells" in out


def test_a_seed_that_only_one_side_has_is_a_difference(grids, tmp_path):
    fewer = shutil.copytree(grids[0], tmp_path / "fewer")
    next((fewer / "records").glob("*snip*-s2-*")).unlink()
    assert not compare_grids.values(*(compare_grids.collection(Path(each)) for each in (grids[0], fewer)))["equal"]


def test_other_recipes_are_named_field_by_field(tmp_path):
    from bench.plan.grid import expand, load

    folders = []
    for name, recipe in (("a", "digits"), ("b", "digits[train.lr=0.2]")):
        grid = load(
            DIGITS
            | {"name": name, "recipe": recipe, "sparsities": [0.9], "seeds": [0], "results": str(tmp_path / name)}
        )
        for each in expand(grid).runs:
            factories.write(factories.record(each), tmp_path / name)
        kept.keep(grid, tmp_path / f"kept-{name}")
        folders.append(compare_grids.collection(tmp_path / f"kept-{name}"))
    found = compare_grids.values(*folders)
    assert found["asked"] == ["train.lr: 0.2 instead of 0.1 (2 runs)"]
    console = Console(width=100, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    compare_grids.render("a", "b", found, console)
    assert "asked of B: train.lr: 0.2 instead of 0.1 (2 runs)" in console.export_text()


def test_a_run_and_a_grid_are_not_alike(grids, results):
    with pytest.raises(UserError, match="are not alike: name two runs, or two grids or kept folders"):
        compare.compare(grids[0], spec().id, results)
