"""DPF over whole filters, and DPF that reselects after its ramp."""

import pytest
import torch
from torch import nn

from bench import catalog
from tests.methods.by_hand import trainer_for

TWO_DROPS = {"epochs": 1, "lr": 1.0, "schedule": "multistep", "milestones": [0.5, 0.9]}


class Net(nn.Module):
    """One convolution of three 1×1 filters with bias, its batch norm, and the mean as logits."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3)
        self.conv.weight.data = torch.tensor([3.0, 1.0, -2.0]).view(3, 1, 1, 1)
        self.conv.bias.data.fill_(0.5)
        self.norm.bias.data.fill_(0.25)

    def forward(self, x):
        """Logits, shape (images, 3)."""
        return self.norm(self.conv(x)).mean((2, 3))


def prepared(**fields):
    made = catalog.create("dpf", {"structure": "filters"} | fields)
    return trainer_for(made, Net(), [[[[1.0, -1.0]]]], [1], 1 / 3, train=TWO_DROPS)


def test_a_filter_goes_with_its_bias_and_batch_norm_in_training_as_in_the_file():
    trainer = prepared()
    run = trainer.run
    run.sparsity = 1 / 3
    trainer._update(run.method.update_masks)
    assert run.masks["conv.weight"].flatten().tolist() == [1, 0, 1]  # |w| 3 1 2: the middle filter is the smallest
    run.model.eval()
    images, _ = run.batches.batch
    logits = run.forward(images)
    assert logits[0, 1] == 0, "neither the bias nor the shift of the pruned filter is left"
    exported = run.export()
    for name in ("conv.weight", "conv.bias", "norm.weight", "norm.bias"):
        assert exported[name][1].abs().max() == 0
        assert run.model.state_dict()[name][1].abs().max() > 0, "the latent values live on"
    other = Net().double().eval()
    other.load_state_dict(exported)
    assert torch.equal(other(images), logits)


def test_what_belongs_to_a_pruned_filter_is_trained_straight_through_and_may_return():
    trainer = prepared()
    run = trainer.run
    run.sparsity = 1 / 3
    trainer._update(run.method.update_masks)
    before = run.model.norm.bias[1].item()
    trainer._step(1)
    assert run.model.norm.bias[1].item() != before
    run.weights["conv.weight"][1] = 9.0
    trainer._update(run.method.update_masks)
    assert run.masks["conv.weight"][1].item() == 1


@pytest.mark.parametrize(("reselect", "expected"), [(False, [1, 3, 4]), (True, [1, 3, 4, 5, 7, 9])])
def test_the_mask_is_frozen_after_the_ramp_unless_it_reselects(reselect, expected):
    made = catalog.create("dpf", {"schedule.reselect": reselect, "schedule.every": 2, "schedule.offset": 1})
    run = trainer_for(made, Net(), [[[[1.0, -1.0]]]], [1], 1 / 3, train=TWO_DROPS | {"milestones": [0.2, 0.4]}).run
    fires = [step for step in range(10) if made.schedule.fires(step, run.timeline)]
    assert fires == expected
