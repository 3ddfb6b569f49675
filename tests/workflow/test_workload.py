"""Work counted by hand: the digits have 898 training and 899 test images, so 15 steps of 64 images an epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.plan import grid
from bench.plan.grid import Plan
from bench.plan.lineage import identities
from bench.workflow import workload
from bench.workflow.workload import Piece
from tests import factories

NETWORK = ("digits", "convnet_small", "digits")
DIGITS: dict[str, Any] = {
    **{"name": "small", "recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"]},
    **{"methods": ["magnitude", "snip"], "sparsities": [0.9], "seeds": [0]},
}
# 24 epochs of training, evaluated every 4; fine-tuning of 8. What a run ends with is evaluated once more.
DENSE = Piece(NETWORK, "dense", epochs=24, trained=24 * 898, evaluated=6 * 899, states=1)
FINETUNE = Piece(NETWORK, "magnitude", epochs=8, trained=8 * 898, evaluated=2 * 899, states=1)
SNIP = Piece(NETWORK, "snip", epochs=24, trained=24 * 898, evaluated=6 * 899, states=1)


def plan(**changes: Any) -> Plan:
    return grid.expand(grid.load(DIGITS | changes))


def stages(found: list[Piece]) -> list[Piece]:
    return [piece for piece in found if piece.states]


def test_stages_are_counted_once_and_results_per_run(tmp_path: Path) -> None:
    found = workload.pieces(plan(), tmp_path, set())
    assert stages(found) == [DENSE, FINETUNE, SNIP]
    assert [piece for piece in found if not piece.states] == [
        Piece(NETWORK, method, evaluated=899, results=1) for method in ("dense", "magnitude", "snip")
    ]
    # A second sparsity fine-tunes and prunes once more, a second seed does everything once more.
    assert len(stages(workload.pieces(plan(sparsities=[0.9, 0.95]), tmp_path, set()))) == 5
    assert len(stages(workload.pieces(plan(seeds=[0, 1]), tmp_path, set()))) == 6


def test_a_second_training_is_a_row_of_its_own(tmp_path: Path) -> None:
    longer = "digits[train.epochs=48]"
    trainings = [{"label": "2x", "methods": ["magnitude", "dense"], "recipe": longer}]
    found = stages(workload.pieces(plan(methods=["magnitude"], trainings=trainings), tmp_path, set()))
    assert {(piece.method, piece.network[2], piece.epochs) for piece in found} == {
        *(("dense", "digits", 24), ("magnitude", "digits", 8)),
        *(("dense[training=2x]", longer, 48), ("magnitude[training=2x]", longer, 8)),
    }
    assert len(found) == 4


@pytest.mark.parametrize(
    ("recipe", "budget", "epochs", "trained", "evaluations"),
    [
        # 24 × 0.1 = 2.4 epochs are 36 steps, which end in the third epoch; only the end is evaluated.
        ("digits", 0.1, 2.4, 2.4 * 898, 1),
        # After epochs 4 and 5.
        ("digits[train.epochs=5,train.milestones=[2]]", 1, 5, 5 * 898, 2),
        # 14 full batches of 64 are 896 images; 30 steps are 30/14 epochs, and end in the third.
        ("digits[data.drop_last=true,train.epochs=null,train.steps=30,train.milestones=[2]]", 1, 30 / 14, 30 * 64, 1),
    ],
)
def test_lengths(recipe: str, budget: float, epochs: float, trained: float, evaluations: int, tmp_path: Path) -> None:
    (dense,) = stages(workload.pieces(plan(methods=["dense"], recipe=recipe, budget=budget), tmp_path, set()))
    assert (dense.epochs, dense.trained) == (pytest.approx(epochs), pytest.approx(trained))
    assert dense.evaluated == evaluations * 899


def test_held_out_images_are_not_trained_on_but_evaluated(tmp_path: Path) -> None:
    dense, result = sorted(
        workload.pieces(plan(methods=["dense"], recipe="digits[data.validation=98]"), tmp_path, set()),
        key=lambda piece: piece.results,
    )
    assert (dense.trained, dense.evaluated) == (24 * 800, 6 * 98)
    assert result.evaluated == 899 + 98


def test_rewinding_trains_less_and_keeps_a_snapshot(tmp_path: Path) -> None:
    # Two rounds of 20 % reach 36 %; both start after 5 of 24 epochs, after the first evaluation of six.
    config = plan(methods=["lth[rewind=5]"], sparsities=[0.2, 0.36])
    dense, *rounds = stages(workload.pieces(config, tmp_path, set()))
    assert dense.states == 2
    assert [(piece.epochs, piece.evaluated, piece.states) for piece in rounds] == [(19, 5 * 899, 1)] * 2
    # One run measures both sparsities.
    (measured,) = [piece for piece in workload.pieces(config, tmp_path, set()) if piece.results == 2]
    assert measured.evaluated == 2 * 899


def test_records_but_not_those_of_errors_are_done(tmp_path: Path) -> None:
    dense, magnitude, snip = (config := plan()).runs
    factories.write(factories.record(dense), tmp_path)
    factories.write(factories.record(magnitude, outcome="error", results=[]), tmp_path)
    factories.write(factories.record(snip, outcome="diverged", results=[]), tmp_path)
    assert workload.finished(config, tmp_path) == {dense.id, snip.id}


def test_what_is_left(tmp_path: Path) -> None:
    dense, magnitude, snip = (config := plan()).runs

    def left(done: set[str]) -> list[str]:
        return [piece.method for piece in stages(workload.pieces(config, tmp_path, done)) if not piece.done]

    assert left({snip.id}) == ["dense", "magnitude"]
    # The dense run is done, but its network is gone, and fine-tuning needs it.
    assert left({dense.id, snip.id}) == ["dense", "magnitude"]
    assert left({dense.id, magnitude.id, snip.id}) == []
    (stage,) = identities(dense).values()
    folder = tmp_path / "stages" / stage[:32]
    folder.mkdir(parents=True)
    (folder / "final.pt").write_bytes(b"")
    assert left({snip.id}) == ["magnitude"]
