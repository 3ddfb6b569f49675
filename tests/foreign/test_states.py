"""Which weights of a checkpoint are meant, and that only finite real numbers are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from bench.errors import UserError
from bench.foreign.states import load
from bench.weights import load_state

RAW, AVERAGE = {"w": torch.zeros(2)}, {"w": torch.ones(2)}


def saved(tmp_path: Path, content: object) -> Path:
    torch.save(content, tmp_path / "w.pt")
    return tmp_path / "w.pt"


def test_the_raw_weights_are_meant_and_an_average_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path, {"state_dict_ema": AVERAGE, "state_dict": RAW, "optimizer": {"state": {}}})
    found = load(path)
    assert (found.key, found.others) == ("state_dict", ("state_dict_ema",))
    assert torch.equal(found.state["w"], RAW["w"])
    assert torch.equal(load(path, "state_dict_ema").state["w"], AVERAGE["w"])


def test_a_key_may_lead_into_a_container(tmp_path: Path) -> None:
    path = saved(tmp_path, {"state_dict": {"model": RAW, "ema": AVERAGE}})
    assert load(path).key == "state_dict.model"
    assert torch.equal(load(path, "state_dict.ema").state["w"], AVERAGE["w"])


def test_a_key_that_nothing_is_under_is_refused_with_those_there_are(tmp_path: Path) -> None:
    path = saved(tmp_path, {"model": RAW, "model_ema": AVERAGE})
    with pytest.raises(
        UserError, match=r"there are no weights under 'ema'; there are some under 'model', 'model_ema'\.$"
    ):
        load(path, "ema")
    with pytest.raises(UserError, match=r"there are no weights under 'ema'; they stand under no key\.$"):
        load(saved(tmp_path, RAW), "ema")


def test_one_unusual_key_is_taken_and_several_are_asked_for(tmp_path: Path) -> None:
    assert load(saved(tmp_path, {"params": RAW, "step": 3})).key == "params"
    with pytest.raises(UserError, match=r"there are weights under 'teacher', 'student'; a key has to say which"):
        load(saved(tmp_path, {"teacher": RAW, "student": AVERAGE}))


def test_what_torch_s_averaged_model_counts_is_no_weight(tmp_path: Path) -> None:
    averaged = torch.optim.swa_utils.AveragedModel(nn.Linear(2, 1))
    found = load(saved(tmp_path, averaged.state_dict()))
    assert (set(found.state), found.prefix) == ({"weight", "bias"}, "module.")


@pytest.mark.parametrize("layout", ["coo", "csr", "csc", "bsr"])
def test_sparse_tensors_become_dense(tmp_path: Path, layout: str) -> None:
    dense = torch.tensor([[0.0, 2, 0, 0], [1, 0, 0, 3]])
    sparse = {
        "coo": lambda: dense.to_sparse(),
        "csr": lambda: dense.to_sparse_csr(),
        "csc": lambda: dense.to_sparse_csc(),
        "bsr": lambda: dense.to_sparse_bsr((2, 2)),
    }[layout]()
    assert torch.equal(load_state(saved(tmp_path, {"w": sparse}))["w"], dense)


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.tensor([1.0, float("nan"), float("inf")]), "'w' holds NaN or infinity, in 2 of 3 places"),
        (torch.tensor([float("nan")]).half(), "'w' holds NaN or infinity, in 1 of 1 places"),
        (torch.tensor([float("nan")]).to(torch.float8_e4m3fn), "'w' holds NaN or infinity"),
        (torch.tensor([[0, float("inf")]]).to_sparse(), "'w' holds NaN or infinity"),
        (torch.tensor([1j]), "'w' holds complex numbers"),
        (torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8), r"'w' is quantised \(qint8\)"),
        (torch.empty(2, device="meta"), "'w' has a shape and no values"),
    ],
    ids=["float32", "float16", "float8", "sparse", "complex", "quantised", "meta"],
)
def test_what_is_no_finite_real_number_is_never_evaluated(tmp_path: Path, tensor: torch.Tensor, said: str) -> None:
    with pytest.raises(UserError, match=rf"w\.pt: {said}"):
        load_state(saved(tmp_path, {"w": tensor}))
