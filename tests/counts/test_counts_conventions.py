"""The conventions of published counts, on values worked out by hand."""

from __future__ import annotations

import csv
import math
from typing import Any

import pytest

from bench import counts
from bench.counts import Count, layerwise, micronet, traced
from bench.counts.conventions import CONVENTIONS
from bench.counts.networks import NETWORKS, Layer, all_kept, cifar_resnet, mobilenet_v1, resnet50, vgg16
from bench.counts.verdict import judge
from bench.published.outcomes import Outcome
from tests.counts.test_counts import count

VERDICTS = {verdict.count.id: verdict for verdict in judge(counts.load())}


def measured(row: Count) -> float:
    return CONVENTIONS[row.convention].measure(row).value


def layer(layers: list[Layer], name: str) -> Layer:
    return next(each for each in layers if each.name == name)


def dense(*layers: Layer) -> dict[str, float]:
    return {each.name: 0.0 for each in layers}


# RigL: (2 · products + 1) operations an output: p products, p - 1 additions, a bias, a ReLU.
@pytest.mark.parametrize(
    ("network", "name", "operations"),
    [
        ("resnet50", "conv1", (2 * 7 * 7 * 3 + 1) * 64 * 115**2),  # 230 pixels at stride 2
        ("resnet50", "layer2.0.conv2", (2 * 9 * 128 + 1) * 128 * 28**2),
        ("resnet50", "layer2.0.conv1", (2 * 256 + 1) * 128 * 56**2),  # the stride is in the 3x3 convolution
        ("resnet50", "fc", (2 * 2048 + 1) * 1000),
        ("mobilenetv1_100", "conv1", (2 * 27 + 1) * 32 * 113**2),  # 225 pixels at stride 2
        ("mobilenetv1_100", "depthwise1", (2 * 9 * 32 + 1) * 112**2),  # one output channel
        ("mobilenetv1_100", "depthwise2", (2 * 9 * 64 + 1) * 57**2),
        ("mobilenetv1_100", "depthwise4", (2 * 9 * 128 + 1) * 29**2),
        ("mobilenetv1_100", "depthwise6", (2 * 9 * 256 + 1) * 15**2),
        ("mobilenetv1_100", "depthwise12", (2 * 9 * 512 + 1) * 8**2),
        ("mobilenetv1_100", "pointwise2", (2 * 64 + 1) * 128 * 56**2),
    ],
)
def test_operations_of_a_layer_as_rigl_counts_them(network: str, name: str, operations: int) -> None:
    one = layer(NETWORKS[network](all_kept), name)
    assert micronet.flops(network, [one], dense(one)) == operations


def test_operations_of_a_sparse_layer_as_rigl_counts_them() -> None:
    one = layer(resnet50(), "fc")
    assert micronet.flops("resnet50", [one], {"fc": 0.75}) == (2 * 512 + 1) * 1000


def test_sizes_as_rigl_counts_them() -> None:
    # ResNet-50: 25,502,912 weights, 26,560 channels of convolutions, 1,000 classes. Uniform: conv1's 9,408 are dense.
    assert micronet.size(resnet50(), dense(*resnet50())) == 4 * (25_502_912 + 27_560)
    uniform = next(each for each in counts.load() if each.id == "rigl-resnet50-uniform-8-size")
    rest = 25_502_912 - 9_408
    assert measured(uniform) == pytest.approx(4 * 0.2 * rest + rest / 8 + 4 * (9_408 + 27_560))
    # MobileNet: 32 + 5,952 + 1,000 biases of other layers, and one of each of 13 depthwise layers.
    assert micronet.size(mobilenet_v1(), dense(*mobilenet_v1())) == 4 * (4_209_088 + 6_984 + 13)


@pytest.mark.parametrize(("zeros", "kept"), [(math.ceil, 58), (math.floor, 59)])
def test_erk_divides_what_whole_zeros_leave(zeros: micronet.Whole, kept: int) -> None:
    # 51 of 100 weights are zeros, and 10.2 of 20: 58 or 59 are left. Raw: 20 / 100 and 11 / 20; the scale of about 1.9
    # would make the second denser than 1, so that it is dense and the first has the others.
    layers = [Layer("a", (10, 10)), Layer("b", (5, 4, 1, 1))]
    row = count(distribution="erk", sparsity="0.51")
    assert micronet.sparsities(row, layers, zeros) == pytest.approx({"a": 1 - (kept - 20) / 100, "b": 0.0})


def test_overall_sparsity_as_rigl_counts_it() -> None:
    layers = [Layer("a", (10, 10)), Layer("b", (5, 4, 1, 1))]
    assert micronet.sparsity(layers, {"a": 0.519, "b": 0.26}) == (51 + 5) / 120


def test_str_counts_a_pooled_value_as_a_multiply_add() -> None:
    row = count(convention="layerwise", network="resnet50", quantity="flops")
    assert measured(row) == 4_089_184_256 + 2048 * 7 * 7
    # Without fc's 2,048,000 and without the pooling: 4,087,136,256 are printed.
    assert measured(row.model_copy(update={"part": "backbone"})) == 4_089_184_256 - 2_048_000


def test_str_counts_the_weights_that_its_layers_keep() -> None:
    """Of the 54 layers' sparsities in the file and the weights that fvcore's network has."""
    weights = {each.name.removesuffix(".weight"): each.weights for each in traced.tensors("resnet50")}
    with layerwise.LAYERS.open(encoding="utf-8", newline="") as file:
        kept = sum(weights[line["layer"]] * (100 - float(line["90.23"])) / 100 for line in csv.DictReader(file))
    found = CONVENTIONS["layerwise"].measure(
        next(each for each in counts.load() if each.id == "str-resnet50-90_23-params")
    )
    assert found.value == pytest.approx(kept)
    assert found.error == pytest.approx(25_502_912 * 0.005 / 100)
    assert round(kept / 1e6, 2) == 2.49


def test_filters_that_stay_in_a_resnet_of_li_et_al() -> None:
    # ResNet-56-A takes a tenth of 16, 32 and 64 filters: 14, 28 and 57 stay. Of nine blocks a stage one, one and two
    # are skipped, first blocks among them. A filter goes with 9 weights for each channel in front of it and behind it.
    rows = {each.id: each for each in counts.load()}
    weights = 848_304 + 640
    gone = 8 * 2 * 2 * 9 * 16 + 8 * 4 * 2 * 9 * 32 + 7 * 7 * 2 * 9 * 64
    assert measured(rows["l1-resnet56-a-params"]) == weights - gone
    assert measured(rows["l1-resnet56-a-params-reduction"]) == pytest.approx(gone / weights)
    macs = sum(each.weights * each.positions for each in cifar_resnet(56))
    saved = 8 * 2 * 2 * 9 * 16 * 32**2 + 8 * 4 * 2 * 9 * 32 * 16**2 + 7 * 7 * 2 * 9 * 64 * 8**2
    assert measured(rows["l1-resnet56-a-flops-reduction"]) == pytest.approx(saved / macs)


def test_operations_of_vgg16_as_li_et_al_list_them() -> None:
    # Table 2, for the dense network: two digits a layer.
    printed = [1.8e6, 3.8e7, 1.9e7, 3.8e7, 1.9e7, 3.8e7, 3.8e7, 1.9e7, 3.8e7, 3.8e7, 9.4e6, 9.4e6, 9.4e6, 2.6e5, 5.1e3]
    assert [float(f"{each.weights * each.positions:.1e}") for each in vgg16()] == printed


def test_torch_pruning_counts_modules() -> None:
    # ResNet-18. Outputs: stem 64 · 112² = 802,816; four convolutions a stage and, from the second on, a shortcut's:
    #   4 · 200,704 + 5 · (100,352 + 50,176 + 25,088) = 1,680,896. BN 2 of each, ReLU 1 but for the shortcuts;
    #   max-pooling takes 802,816 in, the last one 512 · 49; fc adds 1,000 biases.
    outputs, shortcuts = 802_816 + 1_680_896, 100_352 + 50_176 + 25_088
    macs = sum(each.macs for each in traced.tensors("resnet18"))
    row = count(convention="modulewise", network="resnet18", quantity="flops")
    assert measured(row) == macs + 2 * outputs + (outputs - shortcuts) + 802_816 + 512 * 49 + 1_000
    assert measured(row.model_copy(update={"quantity": "parameters"})) == 11_689_512


def test_the_second_counter_says_the_same_wherever_it_counts() -> None:
    found = 0
    for row in counts.load():
        convention: Any = CONVENTIONS[row.convention]
        second = convention.check(row)
        if second is not None:
            assert second == pytest.approx(convention.measure(row).value, rel=1e-12), row.id
            found += 1
    assert found > 50


# What a first look by hand had found, and what it says by the words of the rule.
@pytest.mark.parametrize(
    ("name", "outcome", "ours"),
    [
        ("rigl-resnet50-uniform-8-size", Outcome.DIFFERS, 23.729),
        ("rigl-resnet50-erk-965-size", Outcome.DIFFERS, 6.868),
        ("rigl-mobilenet-erk-9-flops", Outcome.CONTRADICTS_ITSELF, 0.293),
        ("rigl-mobilenet-uniform-9-flops", Outcome.CONTRADICTS_ITSELF, 0.148),
        ("str-resnet50-81_27-params", Outcome.CONTRADICTS_ITSELF, 4.776),
        ("str-budget-network-95_03", Outcome.INCONCLUSIVE, 95.024),
        ("rigl-notebook-erk-95-flops", Outcome.AGREES_AS_INFERRED, 205.292),
        ("rigl-resnet50-erk-8-size", Outcome.AGREES, 23.683),
    ],
)
def test_what_comes_out(name: str, outcome: Outcome, ours: float) -> None:
    assert VERDICTS[name].outcome is outcome
    assert round(VERDICTS[name].ours, 3) == ours
