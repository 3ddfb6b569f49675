"""Sparse networks, really run: the same outputs in every way, timed in turn, said when slower, refused when wrong."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bench import archs, latency
from bench.commands import cli
from bench.errors import UserError
from bench.latency import backends as latency_backends
from bench.latency import timing as latency_timing
from bench.latency.backends import Backend, Refused, Setting, sparse_backends
from bench.latency.layers import Product, Shifted, Unfolded, csr, csr_layers, has_two_four
from bench.latency.timing import compare, time_networks
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.recipe.prunable import layer_weights
from bench.results import record
from bench.spec import RunSpec
from bench.structure import NM
from bench.training.run import execute

SHAPE = (1, 8, 8)

# --- layers -------------------------------------------------------------------------------------------------------

LAYERS = [
    nn.Conv2d(8, 12, 3, padding=1, bias=False),
    nn.Conv2d(8, 12, 3),
    nn.Conv2d(8, 12, 3, stride=2, padding=1),
    nn.Conv2d(8, 12, 1, stride=2),
    nn.Conv2d(8, 12, (3, 1), padding=(2, 1), dilation=(2, 1)),
    nn.Conv2d(8, 12, 5, padding=2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_convolutions_by_csr_are_the_convolution(layer: nn.Conv2d) -> None:
    x = torch.randn(3, 8, 9, 7)
    with torch.inference_mode():
        layer.weight.mul_(torch.rand_like(layer.weight) > 0.9)
        ways = csr_layers(layer)
        assert [type(way) for way in ways] == ([Unfolded] if layer.stride == (2, 2) else [Unfolded, Shifted])
        for way in [*ways, Unfolded(layer, layer.weight.flatten(1))]:
            torch.testing.assert_close(way(x), layer(x), rtol=1e-5, atol=1e-5)


def test_a_convolution_without_any_weight_gives_its_bias() -> None:
    layer = nn.Conv2d(4, 3, 3, padding=1)
    with torch.inference_mode():
        layer.weight.zero_()
        for way in csr_layers(layer):
            torch.testing.assert_close(way(torch.randn(2, 4, 5, 5)), layer.bias[None, :, None, None].expand(2, 3, 5, 5))


@pytest.mark.parametrize("shape", [(5, 16), (2, 5, 16)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_layers_by_csr_are_the_linear_layer(shape: tuple[int, ...], bias: bool) -> None:
    layer, x = nn.Linear(16, 6, bias=bias), torch.randn(shape)
    with torch.inference_mode():
        layer.weight[:, ::2] = 0
        torch.testing.assert_close(Product(layer, csr(layer.weight))(x), layer(x), rtol=1e-5, atol=1e-5)


def test_grouped_convolutions_stay_as_they_are() -> None:
    assert csr_layers(nn.Conv2d(4, 4, 3, groups=4)) == []


def test_the_two_four_pattern_is_that_of_the_method() -> None:
    layer = nn.Conv2d(4, 8, 3)
    assert not has_two_four(layer)
    with torch.no_grad():
        layer.weight.mul_(NM(2, 4).select(layer.weight.abs()))
    assert has_two_four(layer)
    with torch.no_grad():
        layer.weight.flatten(1)[0, :3] = 1
    assert not has_two_four(layer)
    assert not has_two_four(nn.Conv2d(3, 8, 1))  # three weights per output are no groups of four


# --- ways to run a network ----------------------------------------------------------------------------------------


def masked(name: str = "resnet8_cifar", sparsity: float = 0.9) -> nn.Module:
    """An architecture with random masks."""
    torch.manual_seed(0)
    model = archs.create(name, 10, *SHAPE[:2]).eval()
    with torch.no_grad():
        for weight in layer_weights(model).values():
            weight.mul_(torch.rand_like(weight) > sparsity)
    return model


def by_name(found: list[Backend | Refused]) -> dict[str, Backend | Refused]:
    return {each.name: each for each in found}


def two_four_network() -> nn.Module:
    model = masked(sparsity=0)
    with torch.no_grad():
        for weight in layer_weights(model).values():
            if weight[0].numel() % 4 == 0:
                weight.mul_(NM(2, 4).select(weight.abs()))
    return model


def test_every_way_gives_the_same_outputs() -> None:
    model, images = masked(sparsity=0.98), torch.randn(4, *SHAPE)
    with torch.inference_mode():
        ways = [way for way in sparse_backends(model, images, Setting()) if isinstance(way, Backend)]
        expected = model(images)
        for way in ways:
            torch.testing.assert_close(way.call(images), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    assert {way.name for way in ways} >= {"csr", "thinned"}


def test_two_four_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    images, model = torch.zeros(1, *SHAPE), two_four_network()

    def reason(model: nn.Module, setting: Setting) -> str:
        (found,) = latency_backends._two_four(model, images, setting)
        assert isinstance(found, Refused)
        return found.reason

    assert reason(masked(sparsity=0), Setting()) == "no layer keeps at most 2 of every 4 consecutive weights"
    assert reason(model, Setting()) == "needs a GPU with compute capability 8.0 or newer"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    assert reason(model, Setting("cuda", "float16")) == "needs a GPU with compute capability 8.0 or newer"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    assert reason(model, Setting("cuda")) == "needs --dtype float16 or bfloat16"
    # The real conversion, which knows no CPU: no layer is taken.
    assert reason(model, Setting("cuda", "float16")) == "torch has no kernel for layers of these sizes"


def test_two_four_replaces_the_layers_that_have_the_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it but the product itself, which a dense matrix stands in for."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.sparse, "to_sparse_semi_structured", lambda matrix: matrix)
    model, images = two_four_network(), torch.randn(2, *SHAPE)
    with torch.inference_mode():
        (found,) = latency_backends._two_four(model, images, Setting("cuda", "float16"))
        assert isinstance(found, Backend)
        assert found.detail == "9 of 9 layers"  # all but the first: one channel of nine pixels makes no groups of four
        torch.testing.assert_close(found.call(images), model(images))


def test_without_onnx_runtime_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency_backends, "find_spec", lambda name: None)
    found = by_name(sparse_backends(masked("convnet_strided"), torch.zeros(1, *SHAPE), Setting()))
    assert found["onnx"] == Refused("onnx", "needs ONNX Runtime: pip install -e '.[latency]'")


def test_onnx_runtime_gives_the_same_outputs() -> None:
    pytest.importorskip("onnxruntime", reason="the extra 'latency' is not installed")
    model, images = masked("convnet_strided"), torch.randn(3, *SHAPE)
    with torch.no_grad():
        model.layers[0].weight[:, 3] = 0  # a channel that nobody reads
    with torch.inference_mode():
        found = by_name(latency_backends._onnx(model, images, Setting()))
        assert set(found) == {"onnx", "onnx thinned"}
        for way in found.values():
            torch.testing.assert_close(way.call(images), model(images), rtol=1e-4, atol=1e-5)


def test_dense_networks_have_nothing_to_gain_and_say_so() -> None:
    found = by_name(sparse_backends(masked(sparsity=0), torch.zeros(1, *SHAPE), Setting()))
    assert found["csr"] == Refused("csr", "no layer has 50% zeros")
    assert found["thinned"] == Refused("thinned", "no filter is zero altogether or without a reader")


# --- timing -------------------------------------------------------------------------------------------------------


def test_ways_run_in_turn_and_what_is_wrong_or_slower_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    dense, sparse = masked("convnet_strided", 0), masked("convnet_strided")
    calls: list[str] = []

    def named(name: str, call: Any) -> Any:
        def run(x: torch.Tensor) -> torch.Tensor:
            calls.append(name)
            found: torch.Tensor = call(x)
            return found

        return run

    def three_times(x: torch.Tensor) -> torch.Tensor:
        sparse(x), sparse(x)
        return sparse(x)

    ways = [
        Backend("slow", named("slow", three_times), "thrice"),
        Backend("wrong", named("wrong", lambda x: sparse(x) * 1.001)),
        Refused("away", "is not here"),
    ]
    monkeypatch.setattr(latency_timing, "sparse_backends", lambda *_: ways)
    timings, refusals = compare(dense, sparse, SHAPE, [2], Setting(), repetitions=31)
    found = {each.backend: each for each in timings}
    assert list(found) == ["dense", "masked", "slow"]
    assert (found["dense"].speedup, found["dense"].repetitions, found["slow"].detail) == (1.0, 31, "thrice")
    assert found["slow"].speedup < 0.7
    assert found["slow"].lower <= found["slow"].median <= found["slow"].upper
    reasons = {each.backend: each.reason for each in refusals}
    assert reasons["away"] == "is not here"
    assert reasons["wrong"].startswith("its outputs differ by 1.0e-03 of the largest logit, allowed is 1e-05")
    assert calls.count("wrong") == 1  # checked, never timed
    assert calls.count("slow") == 1 + latency_timing.WARM_UP + 31


def test_each_round_has_every_way_once_in_an_order_of_its_own() -> None:
    calls: list[str] = []
    ways = [Backend(name, lambda x, name=name: calls.append(name)) for name in "abcd"]  # type: ignore[misc, func-returns-value]
    seconds = latency_timing._in_turn(ways, torch.zeros(1), Setting(), 6)
    timed = calls[4 * latency_timing.WARM_UP :]
    rounds = ["".join(timed[start : start + 4]) for start in range(0, 24, 4)]
    assert [sorted(each) for each in rounds] == [list("abcd")] * 6
    assert len(set(rounds)) > 1
    assert [len(each) for each in seconds] == [6] * 4


# --- a finished run -----------------------------------------------------------------------------------------------

RECIPE = {
    "batch_size": 64,
    "train": {"epochs": 1, "lr": 0.1},
    "finetune": {"epochs": 1, "lr": 0.05},
    "batch_norm": {"eps": 0.01},
    "data": {"mean": [0.25], "std": [0.5]},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Half of all filters of a small ResNet gone, on the digits."""
    from bench import data

    results = tmp_path_factory.mktemp("latency") / "results"
    data.prepare("digits", results / "data")
    spec = RunSpec(
        dataset="digits",
        architecture="resnet8_cifar",
        method="l1_filter",
        points=(0.5,),
        seed=0,
        recipe=Recipe.read(RECIPE, "these tests"),
        recipe_text="these tests",
    )
    found = execute(identify(spec), results)
    assert (found.outcome, found.reason) == ("ok", "")
    return results, results / "runs" / found.id


def test_a_run_is_measured_and_the_file_names_its_weights(finished: tuple[Path, Path]) -> None:
    results, folder = finished
    state = random.getstate(), torch.get_num_threads()
    made, path = time_networks("digits-resnet8", results, batches=(1, 8))
    assert (random.getstate(), torch.get_num_threads()) == state
    assert path == folder / "latency.json"
    assert latency.read(path) == made
    assert (made.machine.threads, made.machine.dtype, made.machine.clock) == (1, "float32", "processor time")
    result = record.read(folder / "record.json").results[0]
    network = made.network(result)
    assert network is not None
    for batch in (1, 8):
        found = {each.backend: each for each in network.timings if each.batch == batch}
        assert {"dense", "masked", "thinned"} <= set(found)
        assert all(each.repetitions == 30 and each.difference <= 1e-5 for each in found.values())
        assert found["thinned"].detail.endswith(" filters removed")
    assert {each.backend for each in network.refusals} >= {"2:4"}
    # Other weights at the same point, or the same at another, are another network.
    assert made.network(result.model_copy(update={"weights_sha256": "1" * 64})) is None
    assert made.network(result.model_copy(update={"point": 0.9})) is None


def test_the_command_prints_a_table_or_the_file(
    finished: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results, folder = finished
    for words in ([], ["--json"]):
        called = ["reprune", "latency", "digits-resnet8", "--batch", "2", "--results", str(results), *words]
        monkeypatch.setattr("sys.argv", called)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        printed = capsys.readouterr().out
        if words:
            assert json.loads(printed) == json.loads((folder / "latency.json").read_text())
        else:
            assert "1 thread, float32, torch" in printed
            assert "masked" in printed
            assert "2:4 (batch 2): no layer keeps at most 2 of every 4 consecutive weights." in printed


def test_weights_that_are_not_the_recorded_ones_are_refused(finished: tuple[Path, Path], tmp_path: Path) -> None:
    _, folder = finished
    found = record.read(folder / "record.json")
    record.write(found, tmp_path / "record.json")
    with pytest.raises(UserError, match=r"its weights .* are not there any more"):
        time_networks(str(tmp_path), tmp_path)
    (tmp_path / found.results[0].weights).write_bytes(b"others")
    with pytest.raises(UserError, match="not the recorded"):
        time_networks(str(tmp_path), tmp_path)
    assert not (tmp_path / "latency.json").exists()


def test_networks_that_need_more_than_weights_are_refused(finished: tuple[Path, Path], tmp_path: Path) -> None:
    _, folder = finished
    found = record.read(folder / "record.json")
    gated = [found.results[0].model_copy(update={"extras": "extras.safetensors"})]
    record.write(found.model_copy(update={"results": gated}), tmp_path / "record.json")
    with pytest.raises(UserError, match="need parts beside the weights"):
        time_networks(str(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batches": (0,)}, "--batch 0 is not a number of images"),
        ({"setting": Setting(threads=0)}, "--threads 0 is not a number of threads"),
        ({"setting": Setting(dtype="int8")}, "--dtype 'int8' is none of float32, float16, bfloat16"),
        ({"setting": Setting(device="cuda")}, "--device cuda: torch sees no GPU here"),
        ({"setting": Setting(device="tpu")}, "--device 'tpu' is neither cpu nor cuda"),
    ],
)
def test_wrong_options_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=said):
        time_networks("any", tmp_path, **changes)
