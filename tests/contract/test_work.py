"""What a step costs the host, which a fast GPU waits for: operators launched, and values asked for.

Counts are the same on every machine, times are not.
"""

from collections import Counter

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from bench import catalog
from bench.plan.lineage import identify
from bench.training.train import Trainer
from tests.contract.harness import Laboratory, default_or_long, spec_for

VALUES = {"item", "tolist", "numpy", "cpu"}
"""Functions that bring values to the host."""

LOOKED_AT = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "unique_consecutive", "by mask"}
"""Operators that do: a number, or results whose size depends on values, as that of an index by a mask."""

MOST = {"dpf": 1.1, "topkast": 1.3, "str": 1.2, "sr_ste": 1.8, "fbs": 2.4, "ftwt": 2.9}
"""Operators of a step as a multiple of those of dense training."""


class Operators(TorchDispatchMode):
    """Counts operators by name."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.found[func.overloadpacket.__name__] += 1
        if func.overloadpacket in (torch.ops.aten.index, torch.ops.aten.index_put_):
            self.found["by mask"] += any(index is not None and index.dtype == torch.bool for index in args[1])
        return func(*args, **(kwargs or {}))


class Functions(TorchFunctionMode):
    """Counts calls by name: on a CPU some of them end in no operator."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.found[getattr(func, "__name__", "")] += 1
        return func(*args, **(kwargs or {}))


def count(work):
    """The operators that `work` takes, and how often it brings values to the host."""
    with Operators() as operators, Functions() as functions:
        work()
    waits = sum(operators.found[name] for name in LOOKED_AT) + sum(functions.found[name] for name in VALUES)
    return operators.found.total() - operators.found["by mask"], waits


def always(schedule):
    """Whether a schedule fires in every step."""
    return getattr(schedule, "every", 0) == 1


def of_every_step(spec):
    """The spec, with the method's own schedule if that fires in every step."""
    own = always(catalog.create(spec.method, {}).schedule)
    return identify(spec.model_copy(update={"hyperparameters": {}})) if own else spec


@pytest.mark.parametrize(
    "ask",
    [
        float,
        torch.Tensor.tolist,
        torch.Tensor.cpu,
        torch.Tensor.numpy,
        bool,
        lambda x: x[x > 0],
        lambda x: torch.equal(x, x),
        lambda x: x.unique(),
    ],
)
def test_what_waits_is_noticed(ask):
    assert count(lambda: ask(torch.ones(1)))[1] > 0
    assert count(lambda: torch.ones(1).add(1)) == (2, 0)


@pytest.mark.parametrize("method", [pytest.param(name, marks=default_or_long(name)) for name in catalog.names()])
def test_no_value_is_asked_for_between_mask_updates(lab: Laboratory, tmp_path, monkeypatch, method):
    """Nor in updates that come with every step, but for the first: what it leaves behind is looked at."""
    workshop = lab.own(of_every_step(spec_for(method)), tmp_path)
    waited, step_of = {}, Trainer._step

    def counted(trainer, step):
        schedule = trainer.run.method.schedule
        if schedule.fires(step, trainer.run.timeline) and not (always(schedule) and step > 0):
            step_of(trainer, step)
        else:
            _, waited[trainer.run.stage.name, step] = count(lambda: step_of(trainer, step))

    monkeypatch.setattr(Trainer, "_step", counted)
    for stage in workshop.stages:
        workshop.finish(stage)
    assert len(waited) > 0
    assert {place: waits for place, waits in waited.items() if waits} == {}


@pytest.mark.parametrize("method", MOST)
def test_a_step_takes_few_more_operators_than_one_of_dense_training(lab: Laboratory, tmp_path, method):
    taken = {}
    for name in ("dense", method):
        trainer = lab.trainer(of_every_step(spec_for(name)), tmp_path / name)
        trainer._update(trainer.run.method.on_train_start)
        for step in range(2):  # in the first, momentum is allocated
            trainer._step(step)
        taken[name], _ = count(lambda trainer=trainer: trainer._step(2))
    assert taken[method] <= MOST[method] * taken["dense"]
