"""Which convolutions are gated, where, and what their masks save, counted by hand."""

import pytest
import torch
from torch import nn

from bench import archs, catalog
from bench.errors import UserError
from bench.gated_macs import measure, paper_dense
from bench.gating import gates_of, layers
from tests.methods.by_hand import linear, trainer_for

IMAGE = torch.zeros(1, 3, 32, 32)


def found(name):
    return layers(archs.create(name, 10, 3, 32), IMAGE)


# FTWT's card of layers: all of VGG-16's convolutions; ResNet: stem and both convolutions of every block; MobileNetV1:
# the first, every depthwise and every pointwise one. And the dense multiply-adds that its code divides by; of average
# pooling it counts one per channel (64 and 1,024), which is nobody's multiplication.
@pytest.mark.parametrize(
    ("name", "gated", "constant"),
    [
        ("vgg16_bn_bias_maxpool_cifar", 13, 313_478_144),
        ("resnet56a_pooled_cifar", 1 + 2 * 27, 125_485_760 - 64),
        ("mobilenetv1_cifar", 1 + 13 + 13, 46_355_456 - 1024),
    ],
)
def test_the_papers_networks(name, gated, constant):
    listed = found(name)
    assert sum(layer.gateable for layer in listed) == gated
    assert paper_dense(listed) == constant


def test_activations_are_those_in_front_of_the_sum():
    by_name = {layer.name: layer for layer in found("resnet20_cifar")}
    assert by_name["conv1"].activation == "relu"
    assert (by_name["layer2.0.conv1"].norm, by_name["layer2.0.conv1"].activation) == ("layer2.0.bn1", "layer2.0.relu")
    assert (by_name["layer2.0.conv2"].norm, by_name["layer2.0.conv2"].activation) == ("layer2.0.bn2", "")


def test_convolutions_on_shortcuts_are_not_gated():
    ungated = [layer.name for layer in found("resnet20_cifar") if not layer.gateable]
    assert ungated == ["layer2.0.downsample.0", "layer3.0.downsample.0", "fc"]


def test_a_sum_in_place_is_not_taken_for_the_batch_norms_output():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn, self.relu = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU()

        def forward(self, x):
            y = self.bn(self.conv(x))
            y += x
            return self.relu(y)

    assert layers(InPlace(), IMAGE)[0].activation == ""


def test_a_network_without_batch_norm_has_nothing_to_gate():
    with pytest.raises(UserError, match=r"^method 'ftwt': Sequential has no convolution with a batch norm"):
        trainer_for(catalog.create("ftwt", {}), linear([[1.0]]), [[1.0]], [0], 0.9)


# --- counting: images of 4 × 4, 3×3 convolutions, so 16 positions and 9 taps ------------------------------------------


def unit(inputs, outputs, kernel=3, groups=1):
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Head(nn.Sequential):
    """Units, average pooling, and a linear layer to two classes."""

    def forward(self, x):
        *features, last = self
        for module in features:
            x = module(x)
        return last(x.mean((2, 3)))


class Block(nn.Module):
    """Two convolutions and an identity."""

    def __init__(self):
        super().__init__()
        self.first, self.conv, self.bn, self.relu = (
            unit(4, 4),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.relu(self.bn(self.conv(self.first(x))) + x)


def masked(model, *masks, **fields):
    """A run whose predictors always give these masks."""
    images = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0)).tolist()
    run = trainer_for(catalog.create("ftwt", fields), model, images, [0, 1, 0], 0.9).run
    for gate, mask in zip(gates_of(run), masks, strict=True):
        nn.init.zeros_(gate.predictor.weight)
        gate.predictor.bias.data = 2 * torch.tensor(mask, dtype=torch.float64) - 1
    return run, torch.tensor(images, dtype=torch.float64)


def test_depthwise_convolutions_are_free_on_paper_and_not_in_fact():
    model = Head(unit(1, 4), unit(4, 4, groups=4), unit(4, 2, kernel=1), nn.Linear(2, 2))
    run, images = masked(model, [1, 1, 1, 0], [1, 1, 0, 1], [1, 0])
    counted = measure(run, [images])
    # Dense: 16·9·4 = 576, 16·9·4 = 576, 16·4·2 = 128, 4.
    assert counted["macs_dense"] == 576 + 576 + 128 + 4
    # On paper: 3 of 4 filters, 3·16·9 = 432; ⌊3/4⌋ = 0 inputs a filter; 1·16·3 = 48.
    assert counted["flops_paper"] == 432 + 0 + 48
    # In fact: 432; two filters that are kept and fed, 2·16·9 = 288; 48; predictors 1·4 + 4·4 + 4·2; the classifier.
    assert counted["flops_strict"] == 432 + 288 + 48 + 28 + 4
    assert counted["predictors"] == pytest.approx(100 * 28 / 1284)
    assert counted["reduction_paper"] == pytest.approx(100 * (1 - 480 / 1284))
    assert counted["filters_kept"] == pytest.approx(100 * 7 / 10)
    assert counted["layers_empty"] == 0


RESIDUAL_MASKS = [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [1, 1]


def residual():
    return Head(unit(1, 4), Block(), unit(4, 2, kernel=1), nn.Linear(2, 2))


def test_behind_a_shortcut_more_channels_carry_a_signal_than_the_last_mask_says():
    run, images = masked(residual(), *RESIDUAL_MASKS)
    counted = measure(run, [images, images])
    # 2·16·9 = 288, then 1·16·2·9 = 288, 1·16·1·9 = 144. The sum carries channels 0 and 1 of the identity and 2 of the
    # branch. On paper the next layer reads the branch's one channel, 2·16·1 = 32; in fact three, 96.
    assert counted["flops_paper"] == 288 + 288 + 144 + 32
    assert counted["flops_strict"] == 288 + 288 + 144 + 96 + (4 + 16 + 16 + 8) + 4


def test_gated_behind_the_sum_the_mask_covers_the_identity_too():
    run, images = masked(residual(), *RESIDUAL_MASKS, after_block=True)
    counted = measure(run, [images])
    assert counted["flops_paper"] == 288 + 288 + 144 + 32
    assert counted["flops_strict"] == 288 + 288 + 144 + 32 + (4 + 16 + 16 + 8) + 4
    block: dict[str, torch.Tensor] = {}
    run.model[1].register_forward_hook(lambda _m, _i, output: block.update(out=output))
    run.forward(images)
    assert not block["out"][:, [0, 1, 3]].any()
    assert block["out"][:, 2].any()


def test_masks_are_applied_before_the_sum_by_default():
    run, images = masked(residual(), *RESIDUAL_MASKS)
    seen: dict[str, torch.Tensor] = {}
    run.model[1].bn.register_forward_hook(lambda _m, _i, output: seen.update(out=output))
    run.model.eval()
    run.forward(images)
    assert not seen["out"][:, [0, 1, 3]].any()
    assert seen["out"][:, 2].any()


def test_counting_leaves_the_network_as_it_was():
    run, images = masked(residual(), *RESIDUAL_MASKS)
    run.model.eval()
    before = run.forward(images)
    measure(run, [images])
    assert torch.equal(run.forward(images), before)


def test_what_is_ranked_is_not_rounded_under_autocast():
    run, images = masked(residual(), *RESIDUAL_MASKS)
    run.model.float(), run.extras.float(), run.model.eval()
    gate = gates_of(run)[1]
    gate.predictor.bias.data[0] = 1 + 2**-10  # 1 in bfloat16
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert run.model[0](images.float()).dtype == torch.bfloat16
        run.forward(images.float())
    assert gate.logits[:, 0].tolist() == [1 + 2**-10] * 3
    assert gate.activate(torch.ones(1, dtype=torch.bfloat16)).dtype == torch.float32
