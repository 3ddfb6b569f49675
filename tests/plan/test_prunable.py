from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from bench import archs
from bench.errors import UserError
from bench.recipe.prunable import check, prunable

ROOT = Path(__file__).parents[2]


class Everything(nn.Module):
    """One of each kind of tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4, bias=False)
        self.up = nn.ConvTranspose2d(4, 4, 2)
        self.line = nn.Conv1d(4, 4, 1)
        self.bn, self.ln, self.gn = nn.BatchNorm2d(4), nn.LayerNorm(4), nn.GroupNorm(2, 4)
        self.embedding = nn.Embedding(5, 4)
        self.position = nn.Parameter(torch.zeros(1, 5, 4))
        self.attention = nn.MultiheadAttention(4, 2)
        self.cross = nn.MultiheadAttention(4, 2, kdim=3, vdim=3)
        self.fc = nn.Linear(4, 2)


CONVOLUTIONS = ["conv.weight", "depthwise.weight", "up.weight", "line.weight"]


def test_all_is_every_convolution_and_linear_weight_and_nothing_else() -> None:
    assert list(prunable(Everything(), "all")) == [
        *CONVOLUTIONS,
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "cross.q_proj_weight",
        "cross.k_proj_weight",
        "cross.v_proj_weight",
        "cross.out_proj.weight",
        "fc.weight",
    ]


def test_conv_is_the_convolutions() -> None:
    assert list(prunable(Everything(), "conv")) == CONVOLUTIONS


def test_the_tensors_are_the_models_own() -> None:
    model = Everything()
    assert prunable(model, "all")["fc.weight"] is model.fc.weight


def test_excluding_one_tensor_and_several_patterns() -> None:
    model = archs.create("resnet8_cifar", 10, 3, 32)
    everything = set(prunable(model, "all"))
    assert everything - set(prunable(model, "all[exclude=fc.weight]")) == {"fc.weight"}
    shortcuts = {"layer2.0.downsample.0.weight", "layer3.0.downsample.0.weight"}
    assert everything - set(prunable(model, "all[exclude=[conv1.weight, '*.downsample.*']]")) == shortcuts | {
        "conv1.weight"
    }


def test_a_shared_tensor_is_listed_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert list(prunable(model, "all")) == ["0.weight"]


def test_attention_of_timm_counts_and_its_embeddings_do_not() -> None:
    found = prunable(archs.create("test_vit", 10, 3, 32), "all")
    block = {f"blocks.0.{layer}.weight" for layer in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")}
    assert {name for name in found if name.startswith("blocks.0.")} == block
    assert {name for name in found if not name.startswith("blocks.")} == {"patch_embed.proj.weight", "head.weight"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("conf", "'conf' is not one of all, conv"),
        ("all[without=fc.weight]", "unknown field 'without'"),
        ("all[exclude=3]", "a pattern or a list of patterns, not 3"),
        ("all[exclude", "not of the form"),
        ("all[exclude=*.weight]", "does it need quotes"),
    ],
)
def test_malformed_sets_are_refused_without_a_model(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        check(text)


def test_a_pattern_that_matches_nothing_is_a_typo() -> None:
    with pytest.raises(UserError, match=r"the pattern 'linear.weight' matches none of conv.weight"):
        prunable(Everything(), "all[exclude=[fc.weight, linear.weight]]")


def test_nothing_left_to_prune_is_refused() -> None:
    with pytest.raises(UserError, match="no weight of Linear is left"):
        prunable(nn.Linear(2, 2), "conv")


def test_checking_imports_no_torch() -> None:
    code = "import sys; from bench.recipe.prunable import check; check('all'); print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "False"
