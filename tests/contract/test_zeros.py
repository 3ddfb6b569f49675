"""Invariant 2: masked entries stay zero, or live, as the method declares; and scoring leaves no trace (3)."""

import pytest
import torch

from bench import catalog
from bench.method import Method
from tests.contract.harness import ADAMW, RESNET, VALUES, VIT, Laboratory, default_or_long, spec_for

METHODS = [name for name in catalog.names() if name != "dense"]
OPTIMIZERS = {"nesterov": VALUES["optimizer"], "adamw": ADAMW}


def outside(tensor, mask):
    """The entries that a mask removes."""
    return tensor[mask == 0]


CASES = [
    pytest.param(
        *(method, network, optimizer),
        marks=pytest.mark.long if network == VIT else default_or_long(method) if optimizer == "adamw" else (),
    )
    for method in METHODS
    for network in (RESNET, VIT)
    for optimizer in OPTIMIZERS
]
"""Every method with the usual optimizer; with the other one those whose steps are not like any other method's."""


@pytest.mark.parametrize(("method", "network", "optimizer"), CASES)
def test_masked_entries_are_what_the_method_declares(lab: Laboratory, tmp_path, method, network, optimizer):
    trainer = lab.trainer(spec_for(method, network, optimizer=OPTIMIZERS[optimizer]), tmp_path)
    run, zeros = trainer.run, trainer.run.method.zeros
    seen = {"value": False, "gradient": False, "state": False}
    real_step = run.optimizer.step

    def spy():
        for name, mask in run.masks.items():
            seen["gradient"] |= bool(outside(run.parameters[name].grad, mask).any())
        real_step()

    run.optimizer.step = spy
    real_optimize = trainer._optimize

    def look(*arguments):
        count = real_optimize(*arguments)
        for name, mask in run.masks.items():
            seen["value"] |= bool(outside(run.weights[name], mask).any())
            for value in run.optimizer.state[run.parameters[name]].values():
                if isinstance(value, torch.Tensor) and value.shape == mask.shape:
                    seen["state"] |= bool(outside(value, mask).any())
        return count

    trainer._optimize = look
    trainer.train()
    assert (run.masks.sparsity() > 0.5) == (run.method.meaning != "dynamic")
    for what in seen:
        assert seen[what] == (getattr(zeros, what) == "live"), what


@pytest.mark.parametrize("network", [RESNET, VIT])
@pytest.mark.parametrize("method", METHODS)
def test_scoring_leaves_no_trace(lab: Laboratory, tmp_path, method, network):
    trainer = lab.trainer(spec_for(method, network), tmp_path)
    run = trainer.run
    for step in range(3):
        trainer._step(step)
    run.at(3)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    masks, rng, mode = run.masks.digest(), torch.get_rng_state(), run.model.training
    states = [value for state in run.optimizer.state.values() for value in state.values() if value is not None]
    momentum = [value.clone() for value in states]
    run.gradients(2)
    run.method.saliency(run) if type(run.method).saliency is not Method.saliency else run.normal()
    assert all(torch.equal(before[name], value) for name, value in run.model.state_dict().items())
    assert all(parameter.grad is None for parameter in run.model.parameters())
    assert (run.masks.digest(), run.model.training) == (masks, mode)
    assert torch.equal(torch.get_rng_state(), rng)
    assert len(momentum) > 0
    assert all(torch.equal(before, after) for before, after in zip(momentum, states, strict=True))


@pytest.mark.parametrize("method", [name for name in METHODS if catalog.create(name, {}).meaning == "exact"])
def test_with_nothing_pruned_training_is_dense_training_bit_for_bit(lab: Laboratory, tmp_path, method):
    """A mask of ones must not change a single bit: same init, same order, no touched gradient."""
    spec = spec_for(method, point=0.0)
    workshop = lab.workshop(spec, tmp_path)
    if len(workshop.stages) > 1:
        pytest.skip("fine-tuning goes on where dense training ends")
    pruned = workshop.finish(workshop.stages[0]).export()
    dense_workshop = lab.workshop(spec_for("dense"))
    dense = dense_workshop.finish(dense_workshop.stages[0]).export()
    assert all(torch.equal(dense[name] + 0.0, value + 0.0) for name, value in pruned.items())
