"""AC/DC by hand: which weights are gone when, and what they return with."""

import pytest
import torch

from bench import catalog
from bench.errors import UserError
from bench.schedule import Timeline
from tests.methods.by_hand import linear, trainer_for


def test_borders_are_those_of_the_authors_configuration():
    schedule, epochs = catalog.create("acdc", {}).schedule, Timeline(steps=200)
    assert [e for e in range(200) if schedule.fires(e, epochs)] == [10, 30, 50, 70, 90, 110, 130, 150, 170]
    compressed = [e for e in range(200) if schedule.passed(e, epochs) % 2]
    assert compressed == [*range(10, 30), *range(50, 70), *range(90, 110), *range(130, 150), *range(170, 200)]


def test_an_even_number_of_borders_is_one_sentence():
    with pytest.raises(UserError, match=r"^acdc\[schedule.at\] has 2 borders"):
        catalog.create("acdc", {"schedule.at": [0.2, 0.4]})


def test_phases_against_a_loop_in_plain_torch():
    """Three borders in ten steps: dense, compressed from step 2, dense from step 5, compressed from step 7."""
    start = torch.tensor([[0.5, -0.2, 0.1, 0.3], [-0.4, 0.05, 0.6, -0.1]]).double()
    images, labels = [[1.0, 2.0, -1.0, 0.5]], [1]
    optimizer = {"momentum": 0.9, "weight_decay": 0.1}
    method = catalog.create("acdc", {"schedule.at": [0.2, 0.5, 0.7]})
    phase = {"train": {"epochs": 1, "lr": 0.1}}
    trainer = trainer_for(method, linear(start.tolist()), images, labels, 0.5, optimizer=optimizer, **phase)
    weight = torch.tensor(start.float().tolist()).double().requires_grad_()
    plain = torch.optim.SGD([weight], lr=0.1, momentum=0.9, weight_decay=0.1)
    mask = torch.ones_like(start)
    for step in range(10):
        trainer._step(step)
        if step in (2, 7):
            mask = (weight.detach().abs() >= weight.detach().abs().flatten().topk(4).values[-1]).double()
            weight.data.mul_(mask)
        elif step == 5:
            mask = torch.ones_like(start)
        logits = torch.tensor(images, dtype=torch.float64) @ weight.T
        torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
        weight.grad.mul_(mask)
        plain.step()
        plain.zero_grad()
        weight.data.mul_(mask)
        assert torch.equal(trainer.run.masks["0.weight"], mask)
        torch.testing.assert_close(trainer.run.weights["0.weight"], weight.detach(), rtol=0, atol=1e-12)
    assert mask.sum() == 4
