"""FBS on a network worked out by hand: scales, masks, gradients, stages; and the count of the authors' network."""

from dataclasses import replace
from math import exp

import pytest
import torch
from torch import nn

from bench import catalog
from bench.gated_macs import measure
from bench.gating import gates_of
from methods.fbs import largest
from tests.methods.by_hand import trainer_for
from tests.methods.test_ftwt import IMAGES, LABELS, TwoLayers
from tests.vocabulary.test_gating import Head


def prepared(d=0.5, **fields):
    """Scales: 1 + (0.5, −0.25) · x in the first layer, (1, 2) in the second; optimizer with decay."""
    optimizer = {"momentum": 0.9, "weight_decay": 0.1}
    trainer = trainer_for(catalog.create("fbs", fields), TwoLayers(), IMAGES, LABELS, d, optimizer=optimizer)
    run = trainer.run
    run._parents = lambda reference: {"extras": run.extras.state_dict()}
    run.method.on_train_start(run)
    first, second = gates_of(run)
    first.predictor.weight.data = torch.tensor([[0.5], [-0.25]], dtype=torch.float64)
    second.predictor.weight.data.zero_()
    second.predictor.bias.data = torch.tensor([1.0, 2.0], dtype=torch.float64)
    return trainer


# Images 1 and 3. Layer 1: scales (1.5, 0.75) and (2.5, 0.25); one of two channels stays, the first. Normalised −1 and
# +1, scaled and shifted by 0.1: −1.4 and 2.6, behind ReLU (0, 0) and (2.6, 0). Layer 2 makes (0, 0) and (2.6, 5.2),
# normalised −1 and +1; the second channel stays: 2 · −1 + 0.1 and 2 · 1 + 0.1, behind ReLU 0 and 2.1.
def forward(trainer):
    trainer.run.model.train()
    return trainer.run.forward(torch.tensor(IMAGES, dtype=torch.float64))


def test_the_largest_scales_are_applied_and_the_others_suppressed():
    trainer = prepared()
    logits = forward(trainer)
    assert logits.flatten().tolist() == pytest.approx([0, 0, 0, 2.1])
    assert [gate.mask.tolist() for gate in gates_of(trainer.run)] == [[[1, 0], [1, 0]], [[0, 1], [0, 1]]]


def test_with_d_1_all_are_scaled():
    trainer = prepared(d=1.0)
    # Layer 1: (1.5, 0.75) · −1 + 0.1 < 0 and (2.6, 0.35). Layer 2: (0, 0) and (2.95, 5.55), normalised −1, +1.
    assert forward(trainer).flatten().tolist() == pytest.approx([0, 0, 1.1, 2.1])


def test_the_task_trains_scales_and_shifts_of_what_stays():
    trainer = prepared()
    second = gates_of(trainer.run)[1]
    nn.functional.cross_entropy(forward(trainer), torch.tensor(LABELS)).backward()
    # Only the second image's second channel is positive: logits (0, 2.1), label 0; half for the mean over images.
    slope = 1 / (1 + exp(-2.1)) / 2
    assert second.predictor.bias.grad.tolist() == pytest.approx([0, slope]), "times the normalised +1"
    assert second.get_parameter("shift").grad.tolist() == pytest.approx([0, slope])


def test_batch_norms_only_normalise_and_stay_so():
    trainer = prepared()
    trainer._optimize(*trainer.run.batches.batch, 0)
    for norm in (trainer.run.model.bn1, trainer.run.model.bn2):
        assert (norm.weight.tolist(), norm.bias.tolist()) == ([1, 1], [0, 0])
        assert not norm.weight.requires_grad


@pytest.mark.parametrize(
    ("pool", "seen"), [("avg", [-1.0, 2.0]), ("max", [1.0, 2.0]), ("l1", [2.0, 2.0]), ("l2", [5.0, 4.0])]
)
def test_pooling(pool, seen):
    gate = gates_of(prepared(pool=pool).run)[1]
    method = catalog.create("fbs", {"pool": pool})
    gate.predictor.weight.data = torch.eye(2, dtype=torch.float64)
    gate.predictor.bias.data.zero_()
    method.look(gate, torch.tensor([[[[1.0, -3.0]], [[2.0, 2.0]]]], dtype=torch.float64))
    assert gate.logits[0].tolist() == seen


def test_the_penalty_sums_used_scales_over_layers_and_averages_images():
    trainer = prepared(penalty_l1=0.1)
    forward(trainer)
    # Image 1: 1.5 + 2; image 2: 2.5 + 2.
    assert trainer.run.method.penalty(trainer.run).item() == pytest.approx(0.1 * (3.5 + 4.5) / 2)
    assert prepared().run.method.penalty(trainer.run) == 0


def test_initial_values():
    gate = gates_of(trainer_for(catalog.create("fbs", {}), TwoLayers(), IMAGES, LABELS, 0.5).run)[1]
    assert gate.predictor.bias.tolist() == [1, 1]
    assert gate.get_parameter("shift").tolist() == pytest.approx([0.1, 0.1])
    assert 0 < gate.predictor.weight.abs().max() <= 0.1, "a normal draw of 0.05, cut at two deviations"


@pytest.mark.parametrize(
    ("scales", "share", "kept"),
    [
        ([3.0, 1.0, 2.0, 4.0], 0.5, [True, False, False, True]),
        ([3.0, 1.0, 2.0, 4.0], 0.3, [True, False, False, True]),  # ⌈1.2⌉ = 2
        ([2.0, 1.0, 2.0, 4.0], 0.5, [False, False, False, True]),  # two are at the threshold
        ([0.0, 0.0, 0.0, 4.0], 0.5, [False, False, False, True]),  # dead ones
        ([0.0, 1.0, 2.0, 4.0], 0.9, [True, True, True, True]),  # ⌈3.6⌉ = 4: none is suppressed
    ],
)
def test_which_scales_are_the_largest(scales, share, kept):
    assert largest(torch.tensor([scales]), share)[0].tolist() == kept


def test_the_share_falls_in_rounds():
    stages = catalog.create("fbs", {"rounds": 2}).stages((0.5,))
    assert [(stage.name, stage.sparsity) for stage in stages[1:]] == [("gated0", 1), ("gated1", 0.75), ("gated2", 0.5)]
    assert [stage.parents for stage in stages] == [(), ("pretrain",), ("gated0",), ("gated1",)]
    assert [stage.yields for stage in stages] == [(), (), (), (0.5,)]
    assert [stage.name for stage in catalog.create("fbs", {}).stages((1.0,))] == ["pretrain", "gated0"]


def test_a_later_stage_goes_on_with_the_scales_of_the_one_before():
    trainer = prepared()
    run = trainer.run
    before = {name: value + 1 for name, value in run.extras.state_dict().items()}
    run._parents = lambda reference: {"extras": before} if reference == "gated1" else {}
    run.method.on_train_start(run)
    assert all(torch.equal(run.extras.state_dict()[name], value) for name, value in before.items())
    run.stage = replace(run.stage, name="gated0", parents=("pretrain",))
    run.method.on_train_start(run)


class Valid(nn.Sequential):
    """A convolution of the authors' M-CifarNet."""

    def __init__(self, inputs, outputs, stride=1, padding=1):
        convolution = nn.Conv2d(inputs, outputs, 3, stride, padding, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def test_half_of_the_channels_is_a_quarter_of_the_authors_network():
    shapes = [(3, 64, 1, 0), (64, 64), (64, 128, 2), (128, 128), (128, 128), (128, 192, 2), (192, 192), (192, 192)]
    model = Head(*(Valid(*shape) for shape in shapes), nn.Linear(192, 10))
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    run = trainer_for(catalog.create("fbs", {}), model, images.tolist(), [0, 1], 0.5).run
    counted = measure(run, [images.double()])
    # 30 × 30, then 15 × 15, then 8 × 8 positions: 900·27·64 + 900·576·64 + 225·9·(64 + 128 + 128)·128
    # + 64·9·(128 + 192 + 192)·192 + 1,920 = 174,301,824: the 174 million of the authors' page.
    assert counted["macs_dense"] == 174_301_824
    # Half of the outputs, and of the inputs but for the images': 777,600 + (174,301,824 − 1,555,200 − 1,920) / 4.
    exact = 777_600 + (174_301_824 - 1_555_200 - 1_920) // 4
    assert counted["flops_paper"] == exact
    predictors = 3 * 64 + 64 * 64 + 64 * 128 + 2 * 128 * 128 + 128 * 192 + 2 * 192 * 192
    assert counted["flops_strict"] == exact + predictors + 1_920
    assert counted["filters_kept"] == 50
