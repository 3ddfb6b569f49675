"""No graph of a step outlives it: a recording would go on from nodes that another stream has made."""

import weakref

import pytest
import torch
from torch.autograd.graph import get_gradient_edge

from bench import catalog
from tests.contract.harness import RESNET, VIT, Laboratory, spec_for


class Mark:
    """Something that a weak reference can follow."""


def held(parameters):
    """How many parameters have a node of autograd that somebody holds.

    A parameter does not keep its own node alive, the graphs do that it is in. So a mark left on the node is gone at
    once unless there is such a graph.
    """
    marks = []
    for parameter in parameters:
        mark = Mark()
        get_gradient_edge(parameter).node.metadata["mark"] = mark
        marks.append(weakref.ref(mark))
        del mark
    return sum(mark() is not None for mark in marks)


def trained(run):
    return [p for group in run.optimizer.param_groups for p in group["params"]]


def test_a_node_is_held_as_long_as_its_graph():
    weights = [torch.ones(2, requires_grad=True) for _ in range(3)]
    assert held(weights) == 0
    loss = (weights[0] * weights[1]).sum()
    assert held(weights) == 2
    loss.backward()
    assert held(weights) == 2
    del loss
    assert held(weights) == 0


@pytest.mark.parametrize("network", [RESNET, pytest.param(VIT, marks=pytest.mark.long)])
@pytest.mark.parametrize("method", catalog.names())
def test_no_node_is_alive_between_steps(lab: Laboratory, tmp_path, method, network):
    trainer = lab.trainer(spec_for(method, network), tmp_path)
    trainer.run.at(0)
    trainer._update(trainer.run.method.on_train_start)
    for step in range(6):  # with an update in step 4
        trainer._step(step)
        left = held(trained(trainer.run))
        assert left == 0, f"after step {step}"
