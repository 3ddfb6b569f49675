"""A step that is replayed from a recording does what the step does, for every method and across mask updates."""

from copy import deepcopy
from functools import partial

import pytest
import torch

from bench import catalog
from bench.errors import Interrupted
from bench.optimization import build, current_rate, set_rate
from bench.plan.lineage import identify
from bench.recipe import Optimizer
from bench.training import capture
from bench.training.capture import Capture
from bench.training.train import Trainer
from tests.contract.harness import ADAMW, RESNET, VIT, Laboratory, default_or_long, spec_for
from tests.contract.tape import tape

STEPS = 14
"""With updates every 4 steps, and the 6 batches of an epoch all of the same size."""


def pair(lab, folder, spec, monkeypatch):
    """Two trainers with the optimizer of recorded steps: one that records, and one that does not."""
    lab.trainer(spec, folder / "earlier")  # trains what comes before the stage, which is not to be recorded
    monkeypatch.setattr(capture, "wanted", lambda run: True)
    monkeypatch.setattr(capture, "Capture", partial(Capture, record=tape))
    usual, recorded = (lab.trainer(spec, folder / name) for name in ("usual", "recorded"))
    usual.region = usual._region
    return usual, recorded


def assert_same(ours, theirs):
    """The same bits in weights, buffers, what the method added, masks, loss, and what is remembered."""
    for left, right in ((ours.run.model, theirs.run.model), (ours.run.extras, theirs.run.extras)):
        values = right.state_dict()
        assert all(torch.equal(value, values[name]) for name, value in left.state_dict().items())
    assert ours.run.masks.digest() == theirs.run.masks.digest()
    assert ours.run.state.keys() == theirs.run.state.keys()
    assert all(torch.equal(value, theirs.run.state[name]) for name, value in ours.run.state.items())
    assert torch.equal(ours._sum, theirs._sum)


def train(trainer, steps=STEPS):
    for step in range(steps):
        trainer._step(step)


CASES = [
    pytest.param(method, network, marks=default_or_long(method, network))
    for method in catalog.names()
    for network in (RESNET, VIT)
]


@pytest.mark.parametrize(("method", "network"), CASES)
def test_replayed_steps_equal_usual_ones(lab: Laboratory, tmp_path, monkeypatch, method, network):
    usual, recorded = pair(lab, tmp_path, spec_for(method, network), monkeypatch)
    for trainer in (usual, recorded):
        trainer.run.at(0)
        if not trainer.run.method.schedule.fires(0, trainer.run.timeline):
            trainer._update(trainer.run.method.on_train_start)
        train(trainer)
    assert recorded.region.replays > 0
    assert_same(recorded, usual)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": ADAMW},
        {"optimizer": {"weight_decay": 0.05, "decay_masked": False}},
        {"optimizer": ADAMW | {"decay_masked": False}},
        {"optimizer": {"momentum": 0.9, "clip_norm": 0.1}, "dropout": 0.5},
    ],
    ids=["adamw", "sgd-decays-kept", "adamw-decays-kept", "clipped-with-dropout"],
)
def test_so_under_every_kind_of_optimizer(lab: Laboratory, tmp_path, monkeypatch, changes):
    usual, recorded = pair(lab, tmp_path, spec_for("dpf", **changes), monkeypatch)
    train(usual)
    train(recorded)
    assert recorded.region.recordings == 1
    assert_same(recorded, usual)


def of_all_methods():
    """Every method, and variants whose state changes on the way."""
    for method in catalog.names():
        yield pytest.param(method, {}, id=method, marks=default_or_long(method))
    for variant in (1, 2):
        yield pytest.param("greg", {"variant": variant, "every": 2}, id=f"greg-{variant}")


@pytest.mark.parametrize(("method", "fields"), of_all_methods())
def test_nothing_moves_once_it_is_there(lab: Laboratory, tmp_path, monkeypatch, method, fields):
    """A stage is recorded once, and once more after it was cut off: what moved would have to be recorded anew."""
    spec = spec_for(method)
    spec = identify(spec.model_copy(update={"hyperparameters": spec.hyperparameters | fields}))
    workshop, trainers, first, step_of = lab.own(spec, tmp_path), [], {}, Trainer._step
    middle = -1  # no step is it while a stage is trained again up to where this one begins
    monkeypatch.setattr(capture, "wanted", lambda run: True)
    monkeypatch.setattr(capture, "Capture", partial(Capture, record=tape))

    def watched(trainer, step):
        step_of(trainer, step)
        for name, tensor in trainer.run.state.items():
            known = first.setdefault((len(trainers), name), tensor)  # held, so that nothing else takes its place
            assert tensor.data_ptr() == known.data_ptr(), f"'{name}' in step {step}"
        trainer.stop_request.made = step == middle and len(trainers) % 2 == 1

    monkeypatch.setattr(Trainer, "_step", watched)
    workshop.watch = trainers.append
    for stage in workshop.stages:
        if stage.phase is not None and not (workshop._folder(stage) / "final.pt").exists():  # else it was lent
            middle = lab.begin(workshop, stage).progress.step + 6
            with pytest.raises(Interrupted):
                workshop.finish(stage)
        workshop.finish(stage)
    assert [trainer.region.recordings for trainer in trainers] == [1] * len(trainers)


def test_a_step_that_cannot_be_recorded_is_carried_out_as_usual(lab: Laboratory, tmp_path, monkeypatch, caplog):
    usual, recorded = pair(lab, tmp_path, spec_for("dpf", dropout=0.5), monkeypatch)
    attempts = []

    def fails(work):
        attempts.append(work)
        torch.rand(5)  # as the step itself has drawn before it comes to what fails
        recorded.run.state["half"] = torch.zeros(())
        raise RuntimeError("CUDA error: operation not permitted\nwhen stream is capturing")

    recorded.region.record = fails
    train(usual)
    train(recorded)
    assert (recorded.region.replays, len(attempts)) == (0, 1)
    assert_same(recorded, usual)
    words = "(CUDA error: operation not permitted when stream is capturing)"
    assert caplog.messages == [f"steps cannot be recorded, and are carried out as usual {words}"]


@pytest.mark.parametrize("optimizer", [{"momentum": 0.9}, ADAMW], ids=["sgd", "adamw"])
def test_a_checkpoint_of_usual_steps_is_recorded_from_with_the_rate_in_a_tensor(
    lab: Laboratory, tmp_path, monkeypatch, optimizer
):
    """Such a checkpoint, of a CPU say, holds the rate as a number, which a recording would burn in."""
    usual = lab.trainer(spec_for("dense", optimizer=optimizer), tmp_path / "without")
    train(usual, 7)
    _, recorded = pair(lab, tmp_path, spec_for("dense", optimizer=optimizer), monkeypatch)
    recorded.restore(deepcopy(usual.checkpoint()))
    groups = recorded.run.optimizer.param_groups
    assert all(isinstance(group["lr"], torch.Tensor) and group["fused"] for group in groups)
    assert float(current_rate(recorded.run.optimizer)) == pytest.approx(current_rate(usual.run.optimizer)) != 0
    for ours, theirs in zip(recorded.run.optimizer.state.values(), usual.run.optimizer.state.values(), strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(torch.as_tensor(ours[name]), torch.as_tensor(theirs[name])) for name in ours)
    for trainer in (usual, recorded):
        for step in range(7, 18):  # the rate drops in step 12
            trainer._step(step)
    assert recorded.region.recordings == 1
    assert float(current_rate(recorded.run.optimizer)) == pytest.approx(current_rate(usual.run.optimizer))
    for ours, theirs in zip(recorded.run.model.parameters(), usual.run.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)  # fused kernels round otherwise


def test_the_learning_rate_is_read_when_a_step_is_replayed(lab: Laboratory, tmp_path, monkeypatch):
    """The rate drops at the end of the second of four epochs, 12 steps in: a number would have been baked in."""
    usual, recorded = pair(lab, tmp_path, spec_for("dense"), monkeypatch)
    train(usual, 18)
    train(recorded, 18)
    assert recorded.region.recordings == 1
    assert_same(recorded, usual)


def test_what_moves_is_recorded_anew(lab: Laboratory, tmp_path, monkeypatch):
    usual, recorded = pair(lab, tmp_path, spec_for("dense"), monkeypatch)
    for trainer in (usual, recorded):
        train(trainer, 6)
        trainer.run.model.fc.bias.data = trainer.run.model.fc.bias.data + 1
        for step in range(6, STEPS):
            trainer._step(step)
    assert recorded.region.recordings == 2
    assert_same(recorded, usual)


def test_a_smaller_last_batch_is_not_replayed(lab: Laboratory, tmp_path, monkeypatch):
    """96 images in batches of 20, the fifth has 16; steps 1 to 3 are waited for, once momentum is there."""
    usual, recorded = pair(lab, tmp_path, spec_for("dense", batch_size=20), monkeypatch)
    train(usual)
    train(recorded)
    assert recorded.region.replays == len([5, 6, 7, 8, 10, 11, 12, 13])
    assert_same(recorded, usual)


def test_a_step_that_asks_for_a_value_cannot_be_recorded(lab: Laboratory, tmp_path, monkeypatch, caplog):
    _, recorded = pair(lab, tmp_path, spec_for("dense"), monkeypatch)
    loss = recorded.run.loss
    recorded.loss = lambda images, labels: loss(images, labels) * max(float(images.mean()), 1.0)
    train(recorded)
    assert recorded.region.failed and "asks for the value" in caplog.text


def test_nothing_is_recorded_on_the_cpu(lab: Laboratory, tmp_path):
    trainer = lab.trainer(spec_for("dense", mode="fast"), tmp_path)
    assert not isinstance(trainer.region, Capture)
    assert not any(group["fused"] for group in trainer.run.optimizer.param_groups)


@pytest.mark.parametrize("settings", [Optimizer(momentum=0.9, weight_decay=0.05), Optimizer(**ADAMW)])
def test_the_fused_kernel_makes_the_usual_updates(settings):
    networks = [torch.nn.Linear(3, 2) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    usual = build(settings, networks[:1], set())
    fused = build(settings, networks[1:], set(), (), torch.device("cpu"))
    for rate in (0.1, 0.05, 0.2):
        for optimizer, network in ((usual, networks[0]), (fused, networks[1])):
            set_rate(optimizer, rate)
            network(torch.ones(1, 3)).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    assert current_rate(fused) == torch.tensor(0.2)
    torch.testing.assert_close(networks[1].weight, networks[0].weight)
