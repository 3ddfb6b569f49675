"""Invariants 4 and 5: the same run gives the same bits, also when it is cut off and goes on from a checkpoint."""

import pytest

import bench.training.train
from bench import catalog
from bench.errors import Interrupted
from bench.training.run import execute
from tests.contract.harness import NETWORKS, RESNET, Laboratory, spec_for, write_tiny_images


@pytest.mark.parametrize("network", [RESNET, pytest.param(NETWORKS[1], marks=pytest.mark.long)])
@pytest.mark.parametrize("method", catalog.names())
def test_a_run_cut_off_three_times_ends_with_the_same_bits(lab: Laboratory, tmp_path, monkeypatch, method, network):
    undisturbed = lab.finished(method, network)
    spec = spec_for(method, network)
    lab.own(spec, tmp_path)
    steps = {"left": 0}
    real = bench.training.train.Trainer._step

    def cut_off(trainer, step):
        real(trainer, step)
        steps["left"] -= 1
        if steps["left"] == 0:
            trainer.stop_request.made = True

    monkeypatch.setattr(bench.training.train.Trainer, "_step", cut_off)
    for moment in (1, 7, 3):  # after the first mask; in the middle of an epoch, with an update next; after another
        steps["left"] = moment
        with pytest.raises(Interrupted):
            execute(spec, tmp_path)
    steps["left"] = -1
    resumed = execute(spec, tmp_path)
    assert resumed.outcome == undisturbed.outcome
    assert [r.weights_sha256 for r in resumed.results] == [r.weights_sha256 for r in undisturbed.results]
    assert [r.accuracy for r in resumed.results] == [r.accuracy for r in undisturbed.results]
    for ours, theirs in zip(resumed.curves, undisturbed.curves, strict=True):
        assert ours.model_dump(exclude={"seconds"}) == theirs.model_dump(exclude={"seconds"})
    assert resumed.cost.training_macs == undisturbed.cost.training_macs
    assert resumed.cost.mask_updates == undisturbed.cost.mask_updates


def test_dense_training_is_shared_and_done_once(lab: Laboratory, tmp_path, monkeypatch):
    write_tiny_images(tmp_path / "data")
    trained = []
    real = bench.training.train.Trainer.train
    monkeypatch.setattr(
        bench.training.train.Trainer,
        "train",
        lambda trainer, resumed=False: (trained.append(trainer.run.stage.name), real(trainer, resumed))[1],
    )
    dense = execute(spec_for("dense"), tmp_path)
    for point in (0.5, 0.7):
        assert execute(spec_for("magnitude", point=point), tmp_path).cost.parents == ["pretrain"]
    assert trained == ["train", "finetune", "finetune"]
    assert dense.cost.epochs == 4
