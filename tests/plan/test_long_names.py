"""Names of files that are made of what users write: none is longer than a system takes, and those that fit stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import data
from bench.base.atomic import sweep, unfinished, write_atomic
from bench.data import catalog as datasets
from bench.errors import UserError
from bench.plan import grid
from bench.plan.expansion import expand
from bench.spec import RunSpec
from bench.tracking import looks
from bench.workflow.flow import Flow
from tests import factories

GRID: dict[str, Any] = {
    "recipe": "digits",
    "datasets": ["digits"],
    "architectures": ["convnet_small"],
    "methods": ["lth[fraction=0.2]"],
    "seeds": [0],
}
ROUNDS = [1 - 0.8**round_ for round_ in range(1, 31)]
"""The usual chain: 20 % of what is left, thirty times."""


def fits(path: str | Path) -> bool:
    """Whether every part of a path has at most 255 bytes, with the mark of a file that is not whole yet, too."""
    parts = [*Path(path).parts, unfinished(Path(path)).name]
    return all(len(part.encode()) <= 255 for part in parts)


def files(flow: Flow) -> list[str]:
    """Every file that the workflow makes of a grid's names."""
    runs = [
        path for run in flow.runs for path in (flow.record(run), f"{flow.logs}/train/{run}.log", f"kept/{run}.json")
    ]
    times = [f"{flow.benchmarks}/train/{run}.tsv" for run in flow.runs]
    own = [f"{flow.logs}/{flow.name}-{part}.log" for part in ("all", *flow.parts)]
    figures = [f"{flow.report}/accuracy-sparsity-{dataset}.svg" for dataset in flow.grid.datasets]
    shared = [flow.prepared(dataset) for dataset in flow.grid.datasets]
    counts = [flow.network(*pair) for pair in flow.networks.values()]
    return [*runs, *times, *own, *figures, *shared, *counts, *flow.written, flow.resolved]


def flow_of(found: grid.Grid) -> Flow:
    from bench.plan import resolved
    from bench.workflow import flow

    return flow._flow(resolved.Resolved(found, expand(found), "some.yaml", {}, {}))


def test_thirty_rounds_of_the_usual_chain_have_names_that_fit(tmp_path: Path) -> None:
    flow = flow_of(grid.load(GRID | {"name": "chain", "sparsities": ROUNDS}))
    assert all(map(fits, files(flow)))
    (run,) = (spec for spec in flow.plan.runs if spec.method == "lth")
    assert run.id == f"digits-convnet_small-lth-0.2-to-0.998762-s0-{run.identity[:12]}"
    write_atomic(tmp_path / flow.record(run.id), b"{}")
    assert len({run.spelling.number(point) for point in run.points}) == 30


def test_an_id_that_fits_is_what_it_always_was() -> None:
    spec = spec_of(points=ROUNDS[:20])
    assert spec.id == "-".join(
        ["digits", "convnet_small", "lth", *(f"{point:g}" for point in ROUNDS[:20]), "s0", "a" * 12]
    )
    assert len(spec_of(points=ROUNDS[:26]).id) <= 250


@pytest.mark.parametrize("dataset", ["d" * 80, "ü" * 80, "語" * 66])
def test_every_id_fits_whatever_its_parts(dataset: str) -> None:
    spec = spec_of(dataset=dataset, architecture="a" * 80 + "." + "b" * 80, method="m" * 100, seed=-(2**63))
    assert fits(f"{spec.id}.json")
    assert len(f"{spec.id}.json".encode()) <= 255
    assert spec.id.endswith("-" + "a" * 12)


def spec_of(**fields: Any) -> RunSpec:
    (spec,) = (spec for spec in expand(grid.load(GRID | {"sparsities": [0.5]})).runs if spec.method == "lth")
    return spec.model_copy(update={"identity": "a" * 64} | fields)


@pytest.mark.parametrize("field", ["name", "results", "reports", "data_dir"])
@pytest.mark.parametrize("letter", ["x", "ü", "語", "𐌰"])
def test_a_name_is_bounded_in_bytes_when_the_grid_is_read(field: str, letter: str) -> None:
    most = (200 if field == "name" else 255) // len(letter.encode())
    found = grid.load(GRID | {"sparsities": [0.5]} | {field: letter * most, "budget": 1 / 3}, {"seeds": [1, 2]})
    assert all(map(fits, files(flow_of(found))))
    with pytest.raises(UserError, match=rf"field '{field}'.* bytes") as raised:
        grid.load(GRID | {"sparsities": [0.5], field: letter * (most + 1)})
    assert "\n" not in str(raised.value)


def test_a_path_is_bounded_in_bytes_as_a_whole() -> None:
    deep = "/".join(["ü" * 50] * 9)
    assert grid.load(GRID | {"sparsities": [0.5], "results": deep}).results == deep
    with pytest.raises(UserError, match=r"field 'results'.* 1110 bytes"):
        grid.load(GRID | {"sparsities": [0.5], "results": "/".join(["ü" * 50] * 11)})


def test_a_data_set_is_refused_when_its_files_could_not_be_called_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "FOLDERS", tmp_path)
    with pytest.raises(UserError, match="its name has 240 bytes"):
        data.info("語" * 80)


def test_a_half_written_file_of_the_longest_name_has_a_name_too(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 127)
    write_atomic(path, b"whole")
    assert path.read_bytes() == b"whole"
    unfinished(path).write_bytes(b"hal")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_of_mlflow_has_a_name_that_its_tables_hold() -> None:
    found, _ = factories.plan({("gmp", 0.9): [91.0]})
    slot = looks.Slot(replace(found.cells[0], method=f"gmp[x={'y' * 400}]"), 0, "run")
    assert len(looks.name(slot, found.spelling)) == 250
