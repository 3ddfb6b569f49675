"""Published checkpoints on the real CIFAR-10, and the way there on the digits that scikit-learn brings along."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench import archs
from bench.errors import UserError
from bench.training.pretrained import evaluate_weights
from bench.weights import save_state
from tests.real_data import folder_with

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("decoded")


# github.com/akamaster/pytorch_resnet_cifar10, README: test errors of 8.27 % and 7.37 %; normalised as for ImageNet.
@pytest.mark.parametrize(
    ("file", "architecture", "accuracy"),
    [
        ("resnet20-12fca82f.th", "resnet20a_cifar", 91.73),
        pytest.param("resnet32-d509ac18.th", "resnet32a_cifar", 92.63, marks=pytest.mark.long),
    ],
)
def test_published_weights_have_their_published_accuracy(
    file: str, architecture: str, accuracy: float, decoded: Path
) -> None:
    data_dir = folder_with("cifar10")
    path = data_dir / "checkpoints" / "akamaster" / file
    if not path.exists():
        pytest.skip(f"there is no {path}")
    found = evaluate_weights(
        *(path, architecture, "cifar10"),
        data_folder=decoded,
        data_dir=data_dir,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )
    assert round(found.accuracy, 2) == accuracy
    assert found.images == 10_000


def constant(tmp_path: Path, favourite: int, architecture: str = "resnet8_cifar") -> Path:
    """Weights of a network that always answers `favourite`."""
    model = archs.create(architecture, 10, 1, 8)
    torch.nn.init.zeros_(model.get_parameter("fc.weight"))
    bias = torch.zeros(10)
    bias[favourite] = 1
    save_state(model.state_dict() | {"fc.bias": bias}, tmp_path / "w.safetensors", {})
    return tmp_path / "w.safetensors"


def test_a_constant_answer_is_right_as_often_as_its_class_occurs(tmp_path: Path, decoded: Path) -> None:
    from sklearn.datasets import load_digits

    found = evaluate_weights(constant(tmp_path, 3), "resnet8_cifar", "digits", data_folder=decoded)
    assert set(found.predictions.tolist()) == {3}
    assert found.images == 899
    # The split halves every class to within one image.
    assert found.accuracy * 8.99 == pytest.approx((load_digits().target == 3).sum() / 2, abs=1)


def test_the_normalisation_is_the_data_sets_own_or_the_one_given(tmp_path: Path, decoded: Path) -> None:
    model = archs.create("convnet_small", 10, 1, 8)
    save_state(model.state_dict(), tmp_path / "w.safetensors", {})
    path = tmp_path / "w.safetensors"
    own = evaluate_weights(path, "convnet_small", "digits", data_folder=decoded)
    same = evaluate_weights(path, "convnet_small", "digits", data_folder=decoded, mean=(0.3044,), std=(0.3756,))
    other = evaluate_weights(path, "convnet_small", "digits", data_folder=decoded, mean=(0.0,), std=(1.0,))
    assert torch.equal(own.logits, same.logits)
    assert not torch.equal(own.logits, other.logits)


def test_weights_of_another_network_are_refused_with_their_file(tmp_path: Path, decoded: Path) -> None:
    path = constant(tmp_path, 0)
    with pytest.raises(UserError, match=r"w.safetensors: the weights do not fit CifarResNet: there is no 'layer1.1"):
        evaluate_weights(path, "resnet20_cifar", "digits", data_folder=decoded)
