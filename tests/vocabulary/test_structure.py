"""What belongs to a filter, and groups along the inputs."""

import pytest
import torch
from torch import nn

from bench.errors import UserError
from bench.structure import NM, companions


class Net(nn.Module):
    """Two convolutions, registered in another order than they run."""

    def __init__(self):
        super().__init__()
        self.second_norm, self.first_norm = nn.BatchNorm2d(3), nn.BatchNorm2d(2)
        self.second, self.first = nn.Conv2d(2, 3, 1, bias=False), nn.Conv2d(1, 2, 1)
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        """Run in the order of the names."""
        x = self.second_norm(self.second(self.first_norm(self.first(x)).relu()))
        return self.fc(x.mean((2, 3)))


def test_companions_are_found_by_the_flow_of_tensors_and_leave_no_trace():
    model = Net().train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    found = companions(model, ["first.weight", "second.weight", "fc.weight"], torch.ones(2, 1, 4, 4))
    assert found == {
        "first.bias": "first.weight",
        "fc.bias": "fc.weight",
        "first_norm.weight": "first.weight",
        "first_norm.bias": "first.weight",
        "second_norm.weight": "second.weight",
        "second_norm.bias": "second.weight",
    }
    assert model.training
    assert all(torch.equal(before[name], buffer) for name, buffer in model.named_buffers())


def test_groups_must_divide_the_inputs():
    with pytest.raises(UserError, match="6 inputs per output can't be split into groups of 4"):
        NM(2, 4).select(torch.ones(2, 6))


def test_ties_inside_a_group_go_to_the_earlier_index():
    assert NM(1, 2).select(torch.ones(1, 4)).tolist() == [[True, False, True, False]]
