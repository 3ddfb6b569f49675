"""Groups along the inputs."""

import pytest
import torch

from bench.errors import UserError
from bench.structure import NM


def test_groups_must_divide_the_inputs():
    with pytest.raises(UserError, match="6 inputs per output can't be split into groups of 4"):
        NM(2, 4).select(torch.ones(2, 6))


def test_ties_inside_a_group_go_to_the_earlier_index():
    assert NM(1, 2).select(torch.ones(1, 4)).tolist() == [[True, False, True, False]]
