"""On how many images networks disagree: counted by hand, kept, read back, and refused where it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import UserError
from bench.plan.grid import Plan, expand, load
from bench.report import churn, kept
from bench.report.churn import Churn, Pair
from bench.results import measurements
from bench.results.record import Record
from tests import factories

IMAGES = 10
# The label of every image is 0, so what is not 0 is wrong.
PREDICTED: dict[tuple[str, float | None], list[list[int]]] = {
    ("dense", None): [[0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]],
    ("gmp", 0.9): [[0, 0, 0, 0, 0, 0, 0, 2, 1, 1], [0, 0, 0, 0, 0, 0, 2, 2, 1, 0], [0] * 10],
}
PLACES = {method: ("cifar10", "resnet20_cifar", method, point) for method, point in PREDICTED}


def accuracy(predictions: list[int]) -> float:
    return 100 * predictions.count(0) / len(predictions)


def made(results: Path, **changes: Any) -> tuple[Plan, list[Record]]:
    """Runs with the predictions above; returns their plan and records."""
    plan, records = factories.plan({cell: [50.0] * len(each) for cell, each in PREDICTED.items()})
    predicted = [one for each in PREDICTED.values() for one in each]
    for index, (record, values) in enumerate(zip(records, predicted, strict=True)):
        result = record.results[0].model_copy(update={"test_images": IMAGES, "accuracy": accuracy(values)} | changes)
        records[index] = record.model_copy(update={"results": [result]})
        path = factories.write(records[index], results)
        np.savez_compressed(path.with_name("predictions.npz"), predictions=np.array(values, np.uint16))
    return plan, records


def read(plan: Plan, results: Path) -> Churn:
    return churn.read(plan, measurements.read_records(plan, results)[0])


def test_disagreements_by_hand(tmp_path: Path) -> None:
    plan, _ = made(tmp_path)
    found = read(plan, tmp_path)
    # the dense networks differ on images 8 and 9 and make one error each: 2 of 10, twice the mean error
    assert found.shares[PLACES["dense"], "seed"] == [(20.0, 2.0)]
    # gmp: seeds 0 and 1 differ on images 6 and 9, with three errors each; seed 2 errs nowhere
    shares, multiples = zip(*found.shares[PLACES["gmp"], "seed"], strict=True)
    assert shares == (20.0, 30.0, 30.0)
    assert multiples == pytest.approx((2 / 3, 2.0, 2.0))
    # against dense: seed 0 differs on images 7 and 8 (3 errors and 1), seed 1 on 6 and 7; seed 2 has no dense network
    assert found.shares[PLACES["gmp"], "dense"] == [(20.0, 1.0), (20.0, 1.0)]
    assert found.notes == {}


def test_equal_networks_have_no_churn(tmp_path: Path) -> None:
    plan, records = made(tmp_path)
    for record in records:  # every network right everywhere
        result = record.results[0].model_copy(update={"accuracy": 100.0})
        path = factories.write(record.model_copy(update={"results": [result]}), tmp_path)
        np.savez_compressed(path.with_name("predictions.npz"), predictions=np.zeros(IMAGES, np.uint16))
    found = read(plan, tmp_path)
    ((share, multiple),) = found.shares[PLACES["dense"], "seed"]
    assert share == 0
    assert multiple != multiple  # no error to divide by
    block = churn.block([factories.result_of("dense", None, 100.0, 100.0)], found)
    assert [text.text for text in block.rows[0]] == ["dense", "", "100.00 ± 0.00 (2)", "0.00 (1)", "–", "–", "–"]


def test_as_printed(tmp_path: Path) -> None:
    plan, _ = made(tmp_path)
    results = [factories.result_of(method, 0.9, 70.0, 80.0, 90.0) for method in ("gmp", "snip")]
    block = churn.block(results, read(plan, tmp_path))
    (row,) = block.rows  # nothing is known of snip
    # 20, 30, 30: mean 26.67, standard deviation 5.77
    assert [text.text for text in row] == [
        "gmp",
        "90 %",
        "80.00 ± 10.00 (3)",
        "26.67 ± 5.77 (3)",
        "1.56",
        "20.00 ± 0.00 (2)",
        "1.00",
    ]


def test_networks_that_did_not_end_well_do_not_count(tmp_path: Path) -> None:
    plan, records = made(tmp_path)
    factories.write(records[0].model_copy(update={"outcome": "collapsed"}), tmp_path)
    found = read(plan, tmp_path)
    assert (PLACES["dense"], "seed") not in found.shares
    assert len(found.shares[PLACES["gmp"], "dense"]) == 1


@pytest.mark.parametrize(
    ("damage", "note"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "predictions.npz (File is not a zip file)"),
        (lambda path: np.savez(path, logits=np.zeros(3)), "predictions.npz ('predictions is not a file"),
        (lambda path: np.savez(path, predictions=np.zeros(3)), "predictions.npz (it is not about 10 images)"),
        (
            lambda path: np.savez(path, predictions=np.arange(10) + 5),
            "which cannot be that of networks with the recorded",
        ),
    ],
)
def test_what_cannot_be_predictions_of_the_run_is_named(tmp_path: Path, damage: Any, note: str) -> None:
    plan, records = made(tmp_path)
    damage(tmp_path / "runs" / records[0].id / "predictions.npz")
    found = read(plan, tmp_path)
    assert note in found.notes["cifar10", "resnet20_cifar"][0]
    assert (PLACES["dense"], "seed") not in found.shares
    assert len(found.shares[PLACES["gmp"], "seed"]) == 3


def test_predictions_are_looked_for_beside_the_record_only(tmp_path: Path) -> None:
    plan, _ = made(tmp_path / "results", predictions="../../../outside.npz")
    np.savez(tmp_path / "outside.npz", predictions=np.zeros(IMAGES))
    assert read(plan, tmp_path / "results").shares == {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A kept folder of two runs with predictions."""
    grid = load(
        {
            **{"name": "small", "title": "Small", "recipe": "cifar10", "datasets": ["cifar10"], "seeds": [0, 1]},
            **{"architectures": ["resnet20_cifar"], "methods": ["gmp"], "sparsities": [0.9]},
            **{"results": str(tmp_path / "results"), "reports": str(tmp_path / "reports")},
        }
    )
    runs = [spec for spec in expand(grid).runs if spec.method == "gmp"]  # those of the dense network are not finished
    for spec, values in zip(runs, PREDICTED["gmp", 0.9], strict=False):
        record = factories.record(spec, accuracy(values))
        result = record.results[0].model_copy(update={"test_images": IMAGES})
        path = factories.write(record.model_copy(update={"results": [result]}), Path(grid.results))
        np.savez(path.with_name("predictions.npz"), predictions=np.array(values))
    kept.keep(grid, tmp_path / "small")
    return tmp_path / "small"


def test_kept_folders_have_the_counts(folder: Path) -> None:
    assert (folder / "churn.csv").read_text().splitlines() == [
        "dataset,architecture,method,point,seed,against,other_seed,images,differing",
        "cifar10,resnet20_cifar,gmp,0.9,0,seed,1,10,2",
    ]
    found = kept.read(folder)
    assert churn.read(found.plan, found.records).shares == {(PLACES["gmp"], "seed"): [(20.0, 2 / 3)]}
    kept.rebuild(folder, figures=False)
    assert "20.00 (1)" in (folder / "table.md").read_text()


def test_kept_folders_without_counts_show_none(folder: Path) -> None:
    (folder / "churn.csv").unlink()
    kept.rebuild(folder, figures=False)
    assert "Churn" not in (folder / "table.md").read_text()


def test_counts_of_other_networks_are_refused(folder: Path) -> None:
    path = folder / "churn.csv"
    path.write_text(path.read_text().replace(",10,2", ",10,7"))  # three errors each: at most six can differ
    kept.rebuild(folder, figures=False)
    text = (folder / "table.md").read_text()
    assert "Not shown: churn of gmp at 90 %, seeds 0 and 1, which cannot be" in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cifar10,resnet20_cifar,gmp,0.9,0,seed,1,10,many", r"churn\.csv, line 2: field 'differing'"),
        ("cifar10,resnet20_cifar,gmp,0.9,0,else,1,10,2", r"churn\.csv, line 2: field 'against'"),
        ("cifar10,resnet20_cifar,gmp,0.9,0,seed,1,10,2,3", r"churn\.csv, line 2: unknown field 'another field'"),
        ("cifar10", r"churn\.csv, line 2: the field 'architecture' is missing"),
    ],
)
def test_damaged_counts_are_named(folder: Path, line: str, message: str) -> None:
    head = ",".join(Pair.model_fields)
    (folder / "churn.csv").write_text(f"{head}\n{line}\n")
    with pytest.raises(UserError, match=message):
        kept.rebuild(folder, figures=False)
