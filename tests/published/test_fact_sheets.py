"""Protocols against facts that were read in their authors' code once more, or counted on its networks.

No row of the table was taken from a recipe: steps in an epoch are training images over the batch, rounded up, positions
of drops are the code's epochs times them, parameters and prunable weights those of the authors' network, built from
their code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

import pytest
import torch
from torch import nn

from bench import archs, catalog, data, names, published, recipe
from bench.optimization import learning_rate
from bench.published.rule import Comparison, source
from bench.published.verdict import OUTCOMES, Scale, margin
from bench.recipe.prunable import prunable

PUBLISHED = published.load()


@dataclass(frozen=True)
class Sheet:
    """Facts of one protocol.

    Attributes:
        parameters: of the network, and weights that its code may prune.
        steps: in an epoch, and altogether.
        rates: learning rates from some steps on; the step before has the one before.
        optimizer: batch size, momentum, whether it is Nesterov's, weight decay, what is spared of it.
        crops: padding, what it is filled with, whether half of the images are mirrored.
        mean, std: of the channels.
        scoring: images in a batch, mode of batch normalisation.
        held_out: images that select the epoch.
        initialisation: what differs from the architecture's own draw.
        dropout: as every layer of the network that has one.
    """

    dataset: str
    architecture: str
    parameters: tuple[int, int]
    steps: tuple[int, int]
    rates: dict[int, float]
    optimizer: tuple[int, float, bool, float, tuple[str, ...]]
    crops: tuple[int, str, bool]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scoring: tuple[int, str] | None = None
    held_out: int = 0
    initialisation: dict[str, object] = field(default_factory=dict)
    dropout: float = 0.0


# SynFlow's ResNet-18 has 1,024 parameters more, ones of its identities, which are neither trained nor pruned.
SYNFLOW_RESNET = {
    "steps": (391, 160 * 391),
    "rates": {0: 0.01, 60 * 391: 0.002, 120 * 391: 0.0004},
    "optimizer": (128, 0.9, True, 5e-4, ()),
    "crops": (4, "zeros", True),
}

RAMANUJAN = {
    "steps": (176, 250 * 176),
    "rates": {0: 0.1, 125 * 176: 0.01, 187 * 176: 0.001},
    "optimizer": (256, 0.9, False, 5e-4, ()),
    "scoring": (256, "eval"),
    "held_out": 5_000,
    "initialisation": {
        "weights": "kaiming_normal",
        "linear_std": 0.01,
        "norm_weight": "half",
    },  # fan-out is the default
}

RESCIENCE = {
    "optimizer": (128, 0.9, True, 1e-4, ("norm", "bias")),
    "crops": (0, "zeros", True),
    "mean": (0.5071, 0.4865, 0.4409),
    "std": (0.2673, 0.2564, 0.2762),
    "held_out": 5_000,
    "initialisation": {"last_norm": "zero"},
}


def warmed_up(times: int) -> dict[int, float]:
    """Linear to 0.1 over 1,760 steps, then times 0.2 every 20,000 steps, or as many times that."""
    return {880: 0.05, 1_760: 0.1} | {1_760 + k * 20_000 * times: 0.1 * 0.2**k for k in range(1, 5)}


SHEETS = {
    "synflow_resnet_cifar10": Sheet(
        *("cifar10", "resnet18_cifar", (11_174_986 - 1_024, 11_164_352)),
        **SYNFLOW_RESNET,
        mean=(0.491, 0.482, 0.447),
        std=(0.247, 0.243, 0.262),
        scoring=(100, "eval"),
    ),
    "synflow_resnet_cifar100": Sheet(
        *("cifar100", "resnet18_cifar", (11_220_132, 11_210_432)),
        **SYNFLOW_RESNET,
        mean=(0.507, 0.487, 0.441),
        std=(0.267, 0.256, 0.276),
        scoring=(1_000, "eval"),
    ),
    "ramanujan_cifar10": Sheet(
        *("cifar10", "resnet34", (21_289_802, 21_272_768)),
        **RAMANUJAN,
        crops=(4, "reflect", True),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2023, 0.1994, 0.2010),
    ),
    "ramanujan_cifar100": Sheet(
        *("cifar100", "resnet34", (21_335_972, 21_318_848)),
        **RAMANUJAN,
        crops=(4, "zeros", True),
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
    ),
}

# torchvision's VGG-16 has 134 million parameters, and two dropouts of 0.5.
SHEETS |= {
    f"ramanujan_vgg_{dataset}": replace(
        SHEETS[f"ramanujan_{dataset}"], architecture="vgg16_bn_4096_cifar", parameters=counts, dropout=0.5
    )
    for dataset, counts in (("cifar10", (134_309_962, 134_289_088)), ("cifar100", (134_678_692, 134_657_728)))
}
# SynFlow's VGG-11 under the recipe of its VGG-16; GraSP's two networks.
SHEETS |= {
    "synflow_cifar10": Sheet(
        *("cifar10", "vgg11_bn_bias_cifar", (9_231_114, 9_222_848), (391, 160 * 391)),
        rates={0: 0.1, 60 * 391: 0.01, 120 * 391: 0.001},
        optimizer=(128, 0.9, True, 1e-4, ()),
        crops=(4, "zeros", True),
        mean=(0.491, 0.482, 0.447),
        std=(0.247, 0.243, 0.262),
        scoring=(100, "eval"),
        initialisation={"weights": "kaiming_normal", "mode": "fan_in"},
    ),
    "grasp_cifar10_resnet": Sheet(
        *("cifar10", "resnet32_double_cifar", (1_860_522, 1_855_584), (391, 160 * 391)),
        rates={0: 0.1, 80 * 391: 0.01, 120 * 391: 0.001},
        optimizer=(128, 0.9, False, 1e-4, ()),
        crops=(4, "zeros", True),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2023, 0.1994, 0.2010),
        scoring=(100, "train"),
        initialisation={"linear_std": 0.01},
    ),
}
SYNFLOW_TINY = {
    "dataset": "tiny_imagenet",
    "steps": (782, 100 * 782),
    "rates": {0: 0.01, 30 * 782: 0.002, 60 * 782: 0.0004, 80 * 782: 0.00008},
    "optimizer": (128, 0.9, True, 1e-4, ()),
    "crops": (4, "zeros", True),
    "mean": (0.480, 0.448, 0.397),
    "std": (0.276, 0.269, 0.282),
    "scoring": (2_000, "eval"),
}
SHEETS |= {
    "synflow_tiny_imagenet": Sheet(
        architecture="resnet18_cifar", parameters=(11_272_456 - 1_024, 11_261_632), **SYNFLOW_TINY
    ),
    "synflow_tiny_imagenet_vgg": Sheet(
        architecture="vgg16_bn_1024_tiny",
        parameters=(18_075_912, 18_060_992),
        **SYNFLOW_TINY,
        initialisation={"weights": "kaiming_normal", "linear_std": 0.01},
        dropout=0.5,
    ),
    "grasp_tiny_imagenet": Sheet(
        *("tiny_imagenet", "vgg19_bn_cifar", (20_132_488, 20_121_280), (782, 300 * 782)),
        rates={0: 0.1, 150 * 782: 0.01, 225 * 782: 0.001},
        optimizer=(128, 0.9, False, 5e-4, ()),
        crops=(4, "zeros", True),
        mean=(0.4802, 0.4481, 0.3975),
        std=(0.2770, 0.2691, 0.2821),
        scoring=(200, "train"),
        initialisation={"linear_std": 0.01},
    ),
}
# Its network computes what `resnet50_cifar` does, with the same weights.
SHEETS |= {
    f"rescience_cifar100{name}": Sheet(
        *("cifar100", "resnet50_cifar", (23_705_252, 23_652_032)),
        steps=(352, 88_000 * times),
        rates=warmed_up(times),
        **RESCIENCE,
    )
    for times, name in ((1, ""), (2, "_2x"), (3, "_3x"))
}


@cache
def network(architecture: str, classes: int, channels: int, size: int) -> nn.Module:
    with torch.device("meta"):
        return archs.create(architecture, classes, channels, size)


@pytest.mark.parametrize("name", SHEETS)
def test_the_network_has_the_parameters_and_prunable_weights_of_the_authors(name: str) -> None:
    sheet, info = SHEETS[name], data.info(SHEETS[name].dataset)
    model = network(sheet.architecture, info.classes, info.channels, info.height)
    weights = prunable(model, PUBLISHED.protocols[name].prunable)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert (parameters, sum(weight.numel() for weight in weights.values())) == sheet.parameters


@pytest.mark.parametrize("name", SHEETS)
def test_the_recipe_trains_as_the_authors_do(name: str) -> None:
    sheet, found = SHEETS[name], recipe.load(PUBLISHED.protocols[name].recipe or "")
    epoch, length = sheet.steps
    images = data.info(sheet.dataset).train_images - sheet.held_out
    assert -(-images // found.batch_size) == epoch
    assert found.train.total_steps(epoch) == length
    positions = sorted(sheet.rates)
    for before, step in pairwise(positions[1:] if found.train.warmup else positions):
        assert learning_rate(found.train, step - 1, epoch) == pytest.approx(sheet.rates[before], rel=1e-6)
    assert {step: learning_rate(found.train, step, epoch) for step in positions} == pytest.approx(sheet.rates, rel=1e-6)
    assert learning_rate(found.train, length - 1, epoch) == pytest.approx(sheet.rates[positions[-1]], rel=1e-6)
    chosen = found.optimizer
    spared = (chosen.weight_decay, chosen.decay_excludes)
    assert (found.batch_size, chosen.momentum, chosen.nesterov, *spared) == sheet.optimizer


@pytest.mark.parametrize("name", SHEETS)
def test_the_recipe_sees_images_and_begins_as_the_authors_do(name: str) -> None:
    sheet, found = SHEETS[name], recipe.load(PUBLISHED.protocols[name].recipe or "")
    assert (found.data.crop_padding, found.data.padding_mode, found.data.flip) == sheet.crops
    assert found.data.resized_crop == ((0.08, 1.0) if name.startswith("rescience_cifar100") else None)
    assert (found.data.mean, found.data.std, found.data.validation) == (sheet.mean, sheet.std, sheet.held_out)
    if sheet.scoring is not None:
        assert (found.scoring.batch_size, found.scoring.norm) == sheet.scoring
    assert found.initialisation.model_dump(exclude_defaults=True) == sheet.initialisation
    assert found.dropout == sheet.dropout


def test_a_temperature_behind_the_softmax_is_none() -> None:
    """Ramanujan's networks end in a log-softmax, whose outputs its GraSP divides by 200: that only scales the loss."""
    logits, labels = torch.randn(8, 5, dtype=torch.float64, requires_grad=True), torch.arange(8) % 5
    theirs = nn.functional.nll_loss(logits.log_softmax(1) / 200, labels)
    ours = catalog.create("grasp", {"temperature": 1.0})._loss(logits, labels)  # type: ignore[attr-defined]
    pairs = zip(*(torch.autograd.grad(loss, logits) for loss in (theirs * 200, ours)), strict=True)
    assert all(torch.allclose(*pair) for pair in pairs)
    rows = [row for row in PUBLISHED.rows if row.protocol.startswith("ramanujan") and row.method.startswith("grasp")]
    assert {names.parse(row.method)[1]["temperature"] for row in rows} == {1.0}


def test_the_two_panels_of_one_network_stand_behind_the_numbers_that_join_them() -> None:
    """Figure 6 of SynFlow shows ResNet-18 twice, and once calls it WideResNet-18.

    Of two groups of n with means x, y and deviations s, t the joint one has the mean (x + y) / 2 and the sum of squares
    (n - 1)(s² + t²) + n (x - y)² / 2.
    """
    joined = [row for row in PUBLISHED.rows if row.table == "figure 6 (stored curves, both panels)"]
    assert len(joined) == 3 * (5 * 12 + 1)
    for row in joined:
        one, other = (each for each in PUBLISHED.rows if each.duplicate_of == row.id)
        assert one.n_seeds == other.n_seeds == (row.n_seeds or 0) / 2
        assert row.value == pytest.approx((one.value + other.value) / 2, abs=0.011)
        n, gap = one.n_seeds or 0, one.value - other.value
        squares = (n - 1) * ((one.std or 0) ** 2 + (other.std or 0) ** 2) + n * gap**2 / 2
        assert row.std == pytest.approx((squares / (2 * n - 1)) ** 0.5, abs=0.011)


def test_what_the_rule_says_of_a_paper_against_itself() -> None:
    """One panel as if it were ours, against the other (published/README.md)."""
    found: dict[str, int] = {}
    joined = (row for row in PUBLISHED.rows if row.table == "figure 6 (stored curves, both panels)")
    for row in (row for row in joined if row.dataset.startswith("cifar")):
        one, other = (each for each in PUBLISHED.rows if each.duplicate_of == row.id)
        scale, delta = Scale.of(row.dataset), margin(row)
        assert delta is not None
        if max(one.value, other.value) <= 1.5 * scale.chance:
            outcome = "both collapsed"
        else:
            std = max(other.std or 0.0, scale.image)
            judged = Comparison(
                other.value - one.value, std, other.n_seeds or 0, source(one, scale.image), 0.005, delta
            )
            outcome = str(OUTCOMES[judged.relation])
        found[outcome] = found.get(outcome, 0) + 1
    assert found == {"reproduced": 56, "inconclusive": 50, "both collapsed": 16}
