from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from bench import archs
from bench.errors import UserError
from bench.weights import fit, load_state, save_state, saved_state

ROOT = Path(__file__).parents[2]


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return archs.create("resnet8a_cifar", 10, 1, 8).state_dict()


def equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


# -- our own files ---------------------------------------------------------------------------------------------------
def test_what_is_saved_is_loaded(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    save_state(state, tmp_path / "runs" / "weights.safetensors", {"run": "r", "architecture": "a"})
    assert equal(load_state(tmp_path / "runs" / "weights.safetensors"), state)


def test_any_memory_format_and_shared_tensors_are_saved(tmp_path: Path) -> None:
    weight = torch.arange(16.0).reshape(2, 2, 2, 2)
    tied = {"a": weight.to(memory_format=torch.channels_last), "b": weight, "c": weight, "n": torch.tensor(3)}
    save_state(tied, tmp_path / "w.safetensors", {})
    assert equal(load_state(tmp_path / "w.safetensors"), tied)


def test_equal_weights_and_metadata_give_equal_bytes(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    metadata = {f"key {number}": "value" for number in range(9)}
    for number in range(5):
        save_state(state, tmp_path / f"{number}.safetensors", metadata)
    assert len({(tmp_path / f"{number}.safetensors").read_bytes() for number in range(5)}) == 1
    with safe_open(tmp_path / "0.safetensors", "pt") as file:
        assert '"key 8": "value"' in file.metadata()["reprune"]


def test_plain_timm_reads_our_files(tmp_path: Path) -> None:
    import timm
    from timm.models import load_checkpoint

    ours = archs.create("test_resnet", 10, 1, 32)
    save_state(ours.state_dict(), tmp_path / "w.safetensors", {"run": "r"})
    theirs = timm.create_model("test_resnet", num_classes=10, in_chans=1)
    load_checkpoint(theirs, str(tmp_path / "w.safetensors"))
    assert equal(theirs.state_dict(), ours.state_dict())


def test_our_own_names_are_read_as_they_were_written(tmp_path: Path) -> None:
    own = {"module.model.weight": torch.tensor([1.0]), "module.model.bias": torch.tensor([float("inf")])}
    save_state(own, tmp_path / "w.safetensors", {})
    assert equal(saved_state(tmp_path / "w.safetensors"), own)


# -- other people's files --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".th"])
@pytest.mark.parametrize("container", ["", "state_dict", "model", "net"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_checkpoints(tmp_path: Path, state: dict[str, torch.Tensor], suffix: str, container: str, prefix: str) -> None:
    named = {f"{prefix}{name}": value for name, value in state.items()}
    torch.save({container: named, "epoch": 3} if container else named, tmp_path / f"w{suffix}")
    assert equal(load_state(tmp_path / f"w{suffix}"), state)


def test_a_prefix_that_not_all_names_have_is_part_of_the_names(tmp_path: Path) -> None:
    named = {"module.fc.weight": torch.zeros(1), "fc.weight": torch.zeros(1)}
    torch.save(named, tmp_path / "w.pt")
    assert load_state(tmp_path / "w.pt").keys() == named.keys()


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.zeros(1)]])
def test_files_without_weights_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"w.pt: expected a state dict, alone or under one of state_dict"):
        load_state(tmp_path / "w.pt")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"w.pt: there is no such file"):
        load_state(tmp_path / "w.pt")


# -- fitting names ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("classifier", ["fc", "linear", "classifier", "head"])
def test_the_classifier_may_have_another_name(state: dict[str, torch.Tensor], classifier: str) -> None:
    theirs = {name.replace("fc.", f"{classifier}."): value for name, value in state.items()}
    assert equal(fit(archs.create("resnet8a_cifar", 10, 1, 8), theirs), state)


def test_a_model_of_timm_keeps_its_own_name_for_the_classifier() -> None:
    model = archs.create("test_vit", 10, 1, 32)
    theirs = {name.replace("head.", "fc."): value for name, value in model.state_dict().items()}
    assert equal(fit(model, theirs), dict(model.state_dict()))


def test_shortcuts_may_have_another_name() -> None:
    model = archs.create("resnet8_cifar", 10, 1, 8)
    theirs = {name.replace("downsample.", "shortcut."): value for name, value in model.state_dict().items()}
    assert equal(fit(model, theirs), dict(model.state_dict()))


def test_old_files_lack_counters_of_batches(state: dict[str, torch.Tensor]) -> None:
    theirs = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    assert fit(archs.create("resnet8a_cifar", 10, 1, 8), theirs).keys() == state.keys()


def test_what_does_not_fit_is_named_in_one_sentence(state: dict[str, torch.Tensor]) -> None:
    # Option B has, at each of two shortcuts, a weight and four tensors of BN besides its counter: 10 are missing.
    with pytest.raises(UserError) as caught:
        fit(archs.create("resnet8_cifar", 7, 1, 8), state | {"extra.weight": torch.zeros(1)}, "w.pt: the weights")
    assert str(caught.value) == (
        "w.pt: the weights do not fit CifarResNet: there is no 'layer2.0.downsample.0.weight' (and 9 more); "
        "nothing is called 'extra.weight'; 'fc.weight' is 10x64 instead of 7x64; 'fc.bias' is 10 instead of 7."
    )


def test_reading_weights_imports_no_timm() -> None:
    code = "import sys, bench.weights; print('timm' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "False"
