"""Every tensor of a training step is on the run's device, shown without a GPU.

torch's device "meta" computes shapes and no values, and refuses to mix its tensors with those of the CPU as a GPU does.
"""

from contextlib import nullcontext

import pytest
import torch

from bench import catalog
from bench.context import Run
from bench.training.stages import Workshop
from bench.training.train import Trainer
from tests.contract.harness import Laboratory, default_or_long, spec_for, write_tiny_images

CASES = [pytest.param(method, marks=default_or_long(method)) for method in catalog.names()]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What "meta" has none of: generators, and autocast."""
    monkeypatch.setattr(Run, "generator", lambda run, purpose: None)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


def on_meta(lab: Laboratory, method: str, folder) -> Trainer:
    """A trainer on the device "meta" with what the same method remembers on the CPU after a first step."""
    spec = spec_for(method)
    here = lab.trainer(spec, folder / "here")
    here.run.at(0)
    here._update(here.run.method.on_train_start)
    here._step(0)
    write_tiny_images(folder / "data")
    workshop = Workshop(spec, folder, torch.device("meta"))
    run = workshop.run(workshop.stages[-1])
    run.state.update({name: value.to("meta") for name, value in here.run.state.items()})
    trainer = workshop._trainer(workshop.stages[-1], run)
    run.at(0)
    return trainer


def step(trainer: Trainer) -> None:
    images = torch.empty(16, 3, 32, 32, device="meta")
    trainer.run.model.train()
    trainer._region(images, torch.zeros(16, dtype=torch.int64, device="meta"))
    trainer.run.method.on_after_step(trainer.run)


@pytest.mark.parametrize("method", CASES)
def test_a_step_is_on_one_device(lab: Laboratory, tmp_path, elsewhere, method):
    trainer = on_meta(lab, method, tmp_path)
    step(trainer)
    assert all(parameter.device.type == "meta" for parameter in trainer.run.model.parameters())


def test_a_tensor_that_was_left_on_the_cpu_is_found_out(lab: Laboratory, tmp_path, elsewhere, monkeypatch):
    trainer = on_meta(lab, "dense", tmp_path)
    mistaken = torch.ones(96)
    monkeypatch.setattr(trainer.run.method, "penalty", lambda run: (run.parameters["fc.weight"][0] * mistaken).sum())
    with pytest.raises(RuntimeError, match="device cpu is not on the expected device meta"):
        step(trainer)
