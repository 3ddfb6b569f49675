"""FTWT on a network worked out by hand: labels, masks, loss, who receives which gradient, rates, and the estimate."""

from math import exp, log

import pytest
import torch
from torch import nn

from bench import catalog
from bench.gating import gates_of
from bench.plan.grid import expand, load
from methods.ftwt import mass_mask, running_sum
from tests.methods.by_hand import trainer_for


class TwoLayers(nn.Module):
    """Two 1x1 convolutions with BN and ReLU on images of one pixel, and a linear layer that copies."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 2, 1, bias=False), nn.BatchNorm2d(2, eps=1e-12)
        self.conv2, self.bn2 = nn.Conv2d(2, 2, 1, bias=False), nn.BatchNorm2d(2, eps=1e-12)
        self.relu, self.fc = nn.ReLU(inplace=True), nn.Linear(2, 2, bias=False)
        state = {
            "conv1.weight": [[[[1.0]]], [[[1.0]]]],
            "bn1.weight": [2.0, 1.0],
            "bn1.bias": [3.0, 2.0],
            "conv2.weight": [[[[1.0]], [[1.0]]], [[[2.0]], [[1.0]]]],
            "bn2.bias": [0.0, 2.0],
            "fc.weight": [[1.0, 0.0], [0.0, 1.0]],
        }
        self.load_state_dict({name: torch.tensor(value) for name, value in state.items()}, strict=False)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.fc(x.mean((2, 3)))


# Two images of one pixel: 1 and 3. Batch normalisation of two values makes −1 and +1 of them.
IMAGES, LABELS = [[[[1.0]]], [[[3.0]]]], [1, 0]


def prepared(r=0.8, recipe=None, **fields):
    """Predictors: z = (1, −2) in layer 1, as the softmax of one channel is 1; z = s + (−0.9, 0) in layer 2."""
    trainer = trainer_for(catalog.create("ftwt", fields), TwoLayers(), IMAGES, LABELS, r, **(recipe or {}))
    first, second = gates_of(trainer.run)
    values = [first.predictor.weight, first.predictor.bias, second.predictor.weight, second.predictor.bias]
    for parameter, value in zip(
        values, ([[1.0], [-2.0]], [0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], [-0.9, 0.0]), strict=True
    ):
        parameter.data = torch.tensor(value, dtype=torch.float64)
    return trainer


def forward(trainer):
    run = trainer.run
    run.model.train()
    logits = run.forward(torch.tensor(IMAGES, dtype=torch.float64))
    return logits, run.method.penalty(run)


def sigmoid(z):
    return 1 / (1 + exp(-z))


def softplus(z):
    return log(1 + exp(z))


# Layer 1: −1, +1 times (2, 1) plus (3, 2): (1, 1) and (5, 3). Shares (.5, .5) and (.625, .375): with r = 0.8 the first
# filter is kept, the second crosses: labels (1, 0) twice. The predictors say (1, 0) as well: (1, 0) and (5, 0) remain.
# Layer 2: the convolution makes (1, 2) and (5, 10), normalised −1 and +1, plus (0, 2): (−1, 1) and (1, 3), behind ReLU
# (0, 1) and (1, 3). Shares (0, 1): filter 1 alone crosses 0.8, so nothing is left: (0, 0). (.25, .75): (0, 1).
# The predictor sees softmax((1, 0)) = (σ(1), σ(−1)) and softmax((5, 0)).
LABELS_1, LABELS_2 = [[1, 0], [1, 0]], [[0, 0], [0, 1]]
SHARES_2 = [[sigmoid(1), sigmoid(-1)], [sigmoid(5), sigmoid(-5)]]
LOGITS_2 = [[s[0] - 0.9, s[1]] for s in SHARES_2]  # (−0.17, 0.27) and (0.09, 0.01): masks (0, 1) and (1, 1)


def test_masks_and_logits():
    trainer = prepared()
    logits, _ = forward(trainer)
    first, second = gates_of(trainer.run)
    assert first.mask.tolist() == [[1, 0], [1, 0]]
    assert second.mask.tolist() == [[0, 1], [1, 1]]
    assert second.logits.flatten().tolist() == pytest.approx([*LOGITS_2[0], *LOGITS_2[1]])
    # (0, 1) by (0, 1) and (1, 3) by (1, 1), copied.
    assert logits.flatten().tolist() == pytest.approx([0, 1, 1, 3])


def test_the_loss_is_a_sum_over_filters_and_a_mean_over_images_and_layers():
    _, penalty = forward(prepared())
    first = softplus(-1) + softplus(-2)  # −log σ(1) for label 1, −log(1 − σ(−2)) for label 0; the same in both images
    second = (softplus(LOGITS_2[0][0]) + softplus(LOGITS_2[0][1])) / 2  # labels (0, 0)
    second += (softplus(LOGITS_2[1][0]) + softplus(-LOGITS_2[1][1])) / 2  # labels (0, 1)
    assert penalty.item() == pytest.approx((first + second) / 2)


def test_max_pooling_sees_the_peak_and_average_pooling_the_mean():
    x = torch.tensor([[[[4.0, 0.0]], [[2.0, 2.0]]]], dtype=torch.float64)  # peaks 4 and 2, means 2 and 2
    for pool, share in (("max", sigmoid(2)), ("avg", 0.5)):
        trainer = prepared(pool=pool)
        gate = gates_of(trainer.run)[1]
        trainer.run.method.look(gate, x)
        assert gate.logits.flatten().tolist() == pytest.approx([share - 0.9, 1 - share])


def test_the_default_is_what_the_published_numbers_were_made_with():
    assert catalog.create("ftwt", {}) == catalog.create("ftwt", {"pool": "avg", "coupling": "decoupled", "min_k": 0})


# --- who receives which gradient ----------------------------------------------------------------------------------


def gradients(trainer, loss):
    run = trainer.run
    parameters = {**dict(run.model.named_parameters()), **dict(run.extras.named_parameters())}
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return {name: g for name, g in zip(parameters, found, strict=True) if g is not None and bool(g.any())}


@pytest.mark.parametrize("coupling", ["decoupled", "joint"])
def test_cross_entropy_reaches_the_network_but_neither_predictors_nor_masked_filters(coupling):
    trainer = prepared(coupling=coupling)
    logits, _ = forward(trainer)
    found = gradients(trainer, nn.functional.cross_entropy(logits, torch.tensor(LABELS)))
    assert not any(name.startswith("gates") for name in found)
    # Logits (0, 1) with label 1 and (1, 3) with label 0; the first image's first filter is masked in layer 2.
    expected = [(sigmoid(1 - 3) - 1) / 2, (sigmoid(1) - 1 + sigmoid(3 - 1)) / 2]
    assert found["bn2.bias"].tolist() == pytest.approx(expected)
    # Normalising two values leaves layer 1 no gradient, but stored statistics do; its second filter is always masked.
    trainer.run.model.eval()
    logits = trainer.run.forward(torch.tensor(IMAGES, dtype=torch.float64))
    found = gradients(trainer, nn.functional.cross_entropy(logits, torch.tensor(LABELS)))
    assert not any(name.startswith("gates") for name in found)
    assert (found["bn1.bias"] != 0).tolist() == [True, False]
    assert (found["conv1.weight"].flatten() != 0).tolist() == [True, False]


def test_the_predictors_loss_reaches_only_predictors_when_decoupled():
    trainer = prepared()
    found = gradients(trainer, forward(trainer)[1])
    assert set(found) == {f"gates.conv{i}.predictor.{part}" for i in (1, 2) for part in ("weight", "bias")}
    # σ(z) − label, averaged over images, halved for the two layers; the input is 1.
    expected = [(sigmoid(1) - 1) / 2, sigmoid(-2) / 2]
    assert found["gates.conv1.predictor.weight"].flatten().tolist() == pytest.approx(expected)
    assert found["gates.conv1.predictor.bias"].tolist() == pytest.approx(expected)


def test_joint_predictors_send_their_gradient_into_the_layers_before():
    trainer = prepared(coupling="joint")
    found = gradients(trainer, forward(trainer)[1])
    # Through softmax: ds₀/dx₀ = s₀s₁ = −ds₁/dx₀, each logit takes one share; half for layers, half for images.
    slopes = [
        s[0] * s[1] * ((sigmoid(z[0]) - g[0]) - (sigmoid(z[1]) - g[1])) / 4
        for s, z, g in zip(SHARES_2, LOGITS_2, LABELS_2, strict=True)
    ]
    assert found["bn1.bias"].tolist() == pytest.approx([sum(slopes), 0.0])
    assert not {"bn2.bias", "conv2.weight", "fc.weight"} & set(found), "nothing reads a layer behind the last predictor"


# --- schedule and rates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("epochs", "end"), [(1, 5), (2, 10), (3, 10), (4, 20)])
def test_the_predictors_loss_counts_until_half_of_the_epochs_rounded_down(epochs, end):
    # Ten steps an epoch; int(0.5 · 3) = 1 epoch. A phase of one epoch has half of its steps.
    trainer = prepared(recipe={"finetune": {"epochs": epochs, "lr": 1.0}})
    run = trainer.run
    for step, counts in ((0, True), (end - 1, True), (end, False), (10 * epochs - 1, False)):
        run.at(step)
        assert bool(forward(trainer)[1] > 0) == counts, step


def test_the_predictors_rate_is_constant_without_decay_and_momentum_outlives_the_loss():
    drops = {"epochs": 4, "lr": 1.0, "schedule": "multistep", "milestones": [1.0, 3.0]}
    optimizer = {"momentum": 0.5, "nesterov": True, "weight_decay": 0.01}
    trainer = prepared(recipe={"finetune": drops, "optimizer": optimizer})
    bias = gates_of(trainer.run)[0].predictor.bias
    batch = trainer.run.batches.batch
    for step in (0, 15, 35):
        trainer.run.at(step)
        trainer._optimize(*batch, step)
        network, predictors = trainer.run.optimizer.param_groups
        assert network["lr"] == pytest.approx({0: 1.0, 15: 0.1, 35: 0.01}[step])
        expected = {"lr": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0}
        assert {name: predictors[name] for name in expected} == expected
        if step == 0:  # 0.1 times the gradient of the test above, and no decay
            assert bias.tolist() == pytest.approx([-0.1 * (sigmoid(1) - 1) / 2, -0.1 * sigmoid(-2) / 2])
        if step == 15:
            before, momentum = bias.detach().clone(), trainer.run.optimizer.state[bias]["momentum_buffer"].clone()
    assert (bias - before).tolist() == pytest.approx((-0.1 * 0.9 * momentum).tolist()), "gradient 0, momentum 0.9"


def test_the_network_starts_from_the_dense_one():
    first, second = catalog.create("ftwt", {}).stages((0.9,))
    assert (first.method.meaning, first.phase) == ("none", "train")
    assert (second.parents, second.phase, second.sparsity, second.yields) == (("pretrain",), "finetune", 0.9, (0.9,))


def test_a_point_may_be_1():
    grid = load(
        {
            "recipe": "digits",
            "datasets": ["digits"],
            "architectures": ["resnet8_cifar"],
            "methods": ["ftwt"],
            "points": {"ftwt": [0.92, 1.0]},
            "seeds": [0],
        }
    )
    plan = expand(grid)
    assert [cell.point for cell in plan.cells if cell.method == "ftwt"] == [0.92, 1.0]
    assert len({spec.identity for spec in plan.runs}) == 3


# --- labels -------------------------------------------------------------------------------------------------------


def labels(activations, r, **options):
    return mass_mask(torch.tensor(activations).view(1, -1, 1, 1), r, **options)[0].int().tolist()


def test_the_mass_rule_on_the_poster_s_example():
    # Of 28.5: .302 .579 .772 .881 .958. The fifth crosses 0.95; the strongest four are kept.
    assert labels([5.5, 7.9, 0.3, 8.6, 2.2, 3.1, 0.9], 0.95) == [1, 1, 0, 1, 0, 1, 0]


def test_a_filter_counts_by_the_largest_absolute_value_of_its_map():
    output = torch.tensor([[[[0.0, -9.0]], [[4.0, 4.0]], [[1.0, 0.0]]]])  # 9, 4, 1 of 14: .643 .929 1
    assert mass_mask(output, 0.93).tolist() == [[True, True, False]]


def test_one_filter_with_more_than_r_leaves_none_unless_min_k_says_so():
    assert labels([9.0, 1.0], 0.8) == [0, 0]
    assert labels([9.0, 1.0], 0.8, min_k=1) == [1, 0]


def test_what_exceeds_r_by_up_to_1e_5_is_kept():
    assert labels([5.0, 3.0, 2.0], 0.8) == [1, 1, 0]
    assert labels([5.0, 3.0, 2.0], 0.799995) == [1, 1, 0]
    assert labels([5.0, 3.0, 2.0], 0.79998) == [1, 0, 0]


def test_r_1_drops_only_filters_with_a_share_of_1e_5_or_less():
    # Shares: 1 − 1.5e-4, 1e-4, 5e-5·… and 0: 1 of 1e6 is dropped, 100 of 1e6 is not.
    assert labels([1e6, 100.0, 1.0, 0.0], 1.0) == [1, 1, 0, 0]


def test_where_nothing_is_active_all_are_kept():
    assert labels([0.0, 0.0, 0.0], 0.9) == [1, 1, 1]
    assert labels([0.0, 0.0, 0.0], 1.0) == [1, 1, 1]


def test_equal_filters_are_ranked_by_their_order():
    assert labels([1.0, 1.0, 1.0, 1.0], 0.5) == [1, 1, 0, 0]


@pytest.mark.parametrize("width", [1, 2, 7, 64])
def test_running_sums(width):
    rows = torch.rand(3, width, dtype=torch.float64, generator=torch.Generator().manual_seed(width))
    assert torch.allclose(running_sum(rows), rows.cumsum(1), atol=1e-12, rtol=0)


# --- what is reported ---------------------------------------------------------------------------------------------


def test_the_estimate_takes_the_dense_network_s_labels_and_says_how_far_off_it_was():
    trainer = prepared()
    run = trainer.run
    # In evaluation the images 1 and 3 are normalised by (0, 1): layer 1 makes (1·2 + 3, 1 + 2) = (5, 3) and (9, 5):
    # shares .625 and .643, labels (1, 0). All is let through: layer 2 makes (8, 13 + 2) and (14, 23 + 2), shares of
    # the second .652 and .641: labels (0, 1). By the paper's formula 1·1 + 1·1 of 2 + 4 + 4 multiply-adds.
    run.method.on_train_start(run)
    assert run.state["reduction_paper_estimated"].item() == pytest.approx(80)
    # Exactly: 1 + 1, predictors 1·2 + 2·2, the linear layer's 4: 12 of 10.
    assert run.state["reduction_strict_estimated"].item() == pytest.approx(-20)
    assert all(gate.mode == "decide" for gate in gates_of(run))
    # Predicted: (1, 0) in layer 1; layer 2 is fed (5, 0) and (9, 0), and its first logit is σ(5) − 0.9 > 0: both.
    # 1 + 2 multiply-adds by the formula, 13 exactly.
    found = run.method.diagnostics(run)
    assert found["reduction_paper"] == pytest.approx(70)
    assert found["reduction_paper_error"] == pytest.approx(10)
    assert found["reduction_strict"] == pytest.approx(-30)
    assert found["reduction_strict_error"] == pytest.approx(10)
    assert found["filters_kept"] == pytest.approx(75)
    assert found["predictors"] == pytest.approx(60)


def test_a_decision_does_not_depend_on_the_other_images():
    run = prepared().run
    run.model.eval()
    images = torch.randn(5, 1, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    together = run.forward(images)
    assert torch.allclose(together, torch.cat([run.forward(image[None]) for image in images]), rtol=1e-12)
