"""`reprune evaluate`: what is missing is said at once, and what was assumed is printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench import archs
from bench.commands.cli import call
from bench.errors import UserError
from bench.training.pretrained import evaluate_weights

ROOT = Path(__file__).parents[2]

MISSING = (
    *("evaluate none.pt --arch resnet20_cifar --dataset cifar10", "extract none -o x.safetensors", "latency none"),
    *("export none.yaml -o x", "export none -o x", "keep none.yaml -o x", "merge none", "verify none", "rerun none"),
    *("report none.yaml", "show none", "compare none other", "plan none.yaml", "prepare none", "recompute none"),
    "run gmp --dataset none --arch resnet20_cifar --recipe cifar10 --sparsity 0.9",
)
"""Calls that name something that is not there."""


def test_what_is_missing_is_said_before_torch_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from bench.commands.cli import call\n"  # importing it is an error now
    )
    code += f"for words in {MISSING}: assert call(words.split()) in (1, 2), words"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == len(MISSING), done.stderr


def test_a_file_the_recipe_starts_from_is_missed_before_torch_is_imported(tmp_path: Path) -> None:
    recipe = f"digits[initialisation={{file: none.pt, sha256: {'a' * 64}}}]"
    words = ["run", "dense", "--dataset", "digits", "--arch", "resnet8_cifar", "--recipe", recipe]
    code = f"import sys; sys.modules['torch'] = None; from bench.commands.cli import call; sys.exit(call({words}))"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode == 2, done.stderr
    assert "'initialisation.file' names" in done.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluated")


def checkpoint(folder: Path, change: float = 0.0) -> Path:
    """Weights as a training leaves them, raw and averaged, from several GPUs."""
    torch.manual_seed(0)
    state = archs.create("convnet_small", 10, 1, 8).state_dict()
    raw = {f"module.{name}": value for name, value in state.items()}
    average = {name: value + change if name == "fc.bias" else value for name, value in state.items()}
    torch.save({"state_dict": raw, "state_dict_ema": average, "epoch": 3}, folder / "w.pth")
    return folder / "w.pth"


def evaluated(folder: Path, *more: str) -> list[str]:
    words = ["--arch", "convnet_small", "--dataset", "digits", "--results", str(folder)]
    return ["evaluate", str(checkpoint(folder)), *words, *more]


def test_what_was_assumed_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(evaluated(folder)) == 0
    accuracy, images, weights = capsys.readouterr().out.splitlines()
    assert accuracy.endswith("% of 899 test images")
    assert images == "images: 1x8x8; normalised by mean 0.3044 and std 0.3756, the data set's own"
    others = "(there are others under 'state_dict_ema'; --key chooses)"
    assert weights == f"weights: those under 'state_dict' {others}; 'module.' taken off every name"


def test_what_was_chosen_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(evaluated(folder, "--key", "state_dict_ema", "--mean", "0.5", "--std", "0.25", "--json")) == 0
    found = json.loads(capsys.readouterr().out)["assumed"]
    assert (found["key"], found["other_keys"], found["prefix"]) == ("state_dict_ema", ["state_dict"], "")
    assert (found["mean"], found["std"], found["size"]) == ([0.5], [0.25], [1, 8, 8])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--std", "0"), "--std '0' is not a list of positive numbers"),
        (("--mean", "0.5,0.5"), "--mean '0.5,0.5' has 2 numbers for images of 1 channels"),
        (("--mean", "nan"), "--mean 'nan' is not a list of numbers"),
        (("--key", "ema"), "there are no weights under 'ema'; there are some under 'state_dict', 'state_dict_ema'"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert call(evaluated(folder, *more)) == 2
    assert said in capsys.readouterr().err


def test_answers_that_are_no_numbers_are_no_accuracy(folder: Path) -> None:
    state = archs.create("convnet_small", 10, 1, 8).state_dict()
    state["fc.weight"].fill_(3e38)
    torch.save(state, folder / "large.pt")  # finite weights, and sums beyond what float32 can hold
    with pytest.raises(UserError, match=r"the test loss of 'convnet_small' is nan, and \d+ of its 899 answers are NaN"):
        evaluate_weights(folder / "large.pt", "convnet_small", "digits", data_folder=folder / "data")
