"""Margins: which are fixed, and what is said of a file that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import published
from bench.errors import UserError
from bench.published import margins


@pytest.mark.parametrize(
    ("dataset", "architecture", "sparsity", "expected"),
    [
        ("cifar10", "resnet20_cifar", 0.9, 0.5),
        ("cifar10", "resnet20_cifar", 0.98, 1.0),
        ("cifar10", "resnet20_cifar", 0.9798, 1.0),  # papers round targets
        ("cifar10", "resnet20_cifar", 0.977, 0.5),
        ("cifar100", "vgg19_bn_cifar", 0.0, 1.0),
        ("cifar100", "vgg19_bn_cifar", 0.99, 2.0),
        ("mnist", "lenet_300_100", 0.95, 0.2),
        ("mnist", "lenet_300_100", 0.98, 0.3),
        ("mnist", "lenet5_caffe", 0.95, 0.15),
        ("mnist", "lenet5_caffe", 0.99, 0.2),
        ("mnist", "a_network_without_one", 0.9, None),
        ("fashion_mnist", "lenet_300_100", 0.9, 0.5),
        ("fashion_mnist_1000", "mlp", 0.9, 1.0),
        ("tiny_imagenet", "resnet18_cifar", 0.9, 1.0),
        ("tiny_imagenet", "resnet18_cifar", 0.98, 2.0),
        ("imagenet", "resnet50", 0.9, 0.5),
        ("imagenet", "resnet50", 0.98, 1.0),
        ("digits", "resnet8_cifar", 0.9, 1.0),
        ("signdigits", "resnet8_cifar", 0.9, None),
    ],
)
def test_margins(dataset: str, architecture: str, sparsity: float, expected: float | None) -> None:
    assert margins.margin(dataset, architecture, sparsity) == expected


def test_every_entry_is_the_first_that_fits_something() -> None:
    seen = {(row.dataset, row.architecture) for row in published.load().rows}
    assert {name for name, _ in seen if margins.margin(name, "lenet5", 0.9)} >= {"cifar10", "cifar100", "imagenet"}
    entries = margins.load()
    for number, entry in enumerate(entries):
        names = entry.dataset.replace("*", "1"), entry.architecture.replace("*", "_")
        assert entry.fits(*names) and not any(earlier.fits(*names) for earlier in entries[:number])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cifar10: 0.5", "expected a list of margins"),
        ("- {dataset: a, margin: 0.5, extreme: 1.0}", "entry 1: the field 'why' is missing"),
        (
            "- {dataset: a, margin: 1, extreme: 1, why: x}\n- {dataset: b, margin: 0, extreme: 1, why: x}",
            "entry 2: field 'margin'",
        ),
        ("- {dataset: a, margin: 1, extreme: 1, why: x, points: 3}", "entry 1: unknown field 'points'"),
        ("- 3", "entry 1: expected fields with values"),
    ],
)
def test_a_wrong_file_is_named_with_entry_and_field(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "margins.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        margins.load(path)
    assert str(path) in str(error.value) and said in str(error.value)
