"""Keras' files and its order of axes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from bench.errors import UserError
from bench.recompute import keras_file
from bench.recompute.sources import tfmot_benchmark as source
from tests.recompute.brought import brought

MISSING = "the extra 'keras' is not installed"


def saved(path: Path, layers: dict[str, dict[str, Tensor]]) -> Path:
    """A file as Keras writes it, with a layer without weights in front."""
    h5py = pytest.importorskip("h5py", reason=MISSING)
    with h5py.File(path, "w") as file:
        top = file.create_group("model_weights")
        top.attrs["layer_names"] = np.array(["flatten", *layers], dtype="S")
        top.create_group("flatten").attrs["weight_names"] = np.array([], dtype="S1")
        for name, arrays in layers.items():
            group = top.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/{array}:0" for array in arrays], dtype="S")
            for array, tensor in arrays.items():
                group[f"{name}/{array}:0"] = tensor.numpy()
    return path


def test_kernels_are_turned(tmp_path: Path) -> None:
    torch.manual_seed(0)
    convolution = {"kernel": torch.randn(3, 3, 2, 4), "bias": torch.randn(4)}
    linear = {"kernel": torch.randn(4 * 2 * 2, 5), "bias": torch.randn(5)}
    path = saved(tmp_path / "model.h5", {"conv": convolution, "dense": linear})
    network = keras_file.fill(nn.Sequential(nn.Conv2d(2, 4, 3), source.ChannelsLast(), nn.Linear(16, 5)), path)
    x = torch.randn(1, 2, 4, 4)
    maps = conv2d(x, convolution["kernel"].permute(3, 2, 0, 1), convolution["bias"])
    # TensorFlow's order: row, column, channel.
    flat = torch.stack([maps[0, c, i, j] for i in range(2) for j in range(2) for c in range(4)])
    with torch.no_grad():
        assert torch.allclose(network(x)[0], flat @ linear["kernel"] + linear["bias"], atol=1e-5)


def test_normalisation_has_other_names(tmp_path: Path) -> None:
    arrays = {name: torch.full((3,), float(number)) for number, name in enumerate(keras_file.NORM, start=1)}
    norm = keras_file.fill(nn.Sequential(nn.BatchNorm2d(3, eps=0)), saved(tmp_path / "model.h5", {"norm": arrays}))
    x = torch.full((1, 3, 1, 1), 7.0)
    with torch.no_grad():
        # (7 - mean 3) / √4 · gamma 1 + beta 2
        assert norm(x).flatten().tolist() == pytest.approx([4.0] * 3)


def test_other_layers_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.h5", {"dense": {"kernel": torch.ones(2, 2), "bias": torch.ones(2)}})
    with pytest.raises(UserError, match="it has 1 layers with weights instead of 2"):
        keras_file.fill(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), path)
    with pytest.raises(UserError, match="are not the expected ones"):
        keras_file.fill(nn.Sequential(nn.Linear(3, 2)), path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason=MISSING)
    (tmp_path / "model.h5").write_text("no model")
    with pytest.raises(UserError, match="can't be read as a saved Keras model"):
        keras_file.layers(tmp_path / "model.h5")


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"reprune\[keras\]"):
        keras_file.layers(tmp_path / "model.h5")


@pytest.mark.parametrize("file", ["fashion-90", "cifar10-90"])
def test_published_networks_have_the_sparsity_of_their_names(file: str) -> None:
    pytest.importorskip("h5py", reason=MISSING)
    network = source.load(file, brought("tfmot_benchmark", file))
    kernels = [module.weight for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    zeros = sum(int((kernel == 0).sum()) for kernel in kernels) / sum(map(Tensor.numel, kernels))
    assert zeros == pytest.approx(0.9, abs=1e-3)
