"""The card beside extracted weights: what it says is so, and what it tells to do works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from safetensors.torch import save_file
from typer.testing import CliRunner

from bench import archs, data, latency
from bench.commands import cli
from bench.errors import UserError
from bench.latency import Latency, Machine, Network, Timing
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.results.record import Record
from bench.sharing import card
from bench.sharing.extract import extract
from bench.spec import RunSpec
from bench.training.run import execute
from tests import factories

RECIPE = {
    "batch_size": 64,
    "train": {"epochs": 2, "lr": 0.1},
    "batch_norm": {"eps": 0.5},  # far from the architecture's 1e-5
    "data": {"mean": [0.25], "std": [0.5]},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Record]:
    """A network pruned by SNIP, trained for two epochs on the digits."""
    results = tmp_path_factory.mktemp("card") / "results"
    data.prepare("digits", results / "data")
    fields: dict[str, Any] = {"dataset": "digits", "architecture": "convnet_small", "method": "snip", "points": (0.8,)}
    spec = RunSpec(**fields, seed=0, recipe=Recipe.read(RECIPE, "these tests"), recipe_text="these tests")
    found = execute(identify(spec), results)
    assert (found.outcome, found.reason) == ("ok", "")
    return results, found


def block(page: str, language: str) -> str:
    """The first block of code in a language."""
    found = re.search(rf"^(`{{3,}}){language}\n(.*?)\n\1$", page, re.MULTILINE | re.DOTALL)
    assert found
    return found[2]


def front(page: str) -> dict[str, Any]:
    """The front matter."""
    found = yaml.safe_load(page.split("---\n")[1])
    assert isinstance(found, dict)
    return found


def loaded(page: str) -> torch.nn.Module:
    """The network that the card's Python makes."""
    scope: dict[str, Any] = {}
    exec(block(page, "python"), scope)
    assert isinstance(scope["model"], torch.nn.Module)
    return scope["model"]


@pytest.mark.parametrize("name", ["model", 'it\'s $(touch x) & "odd" ```python {{ x }} <b>|*'])
def test_what_the_card_loads_has_the_accuracy_it_states(
    finished: tuple[Path, Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    results, found = finished
    said = extract(found.id, results, tmp_path / f"{name}.safetensors")
    assert f"{name}.md says more" in said
    page = (tmp_path / f"{name}.md").read_text()
    monkeypatch.chdir(tmp_path)
    model = loaded(page)
    normalised = re.search(r"minus \((.*?)\) and divided by \((.*?)\)", page)
    assert normalised and normalised.groups() == ("0.25", "0.5")
    images = data.load("digits", results / "data", "cpu")
    with torch.no_grad():
        right = int((model((images.test_x / 255 - 0.25) / 0.5).argmax(1) == images.test_y).sum())
    (measured,) = front(page)["model-index"][0]["results"]
    assert measured["metrics"][0]["value"] == round(100 * right / 899, 4) == round(found.results[0].accuracy, 4)
    assert f"{right} of the 899 test images are classified correctly" in page
    words = shlex.split(block(page, "bash").replace("\\\n", " "))
    assert words[:3] == ["reprune", "evaluate", f"{name}.safetensors"]
    printed = CliRunner().invoke(cli.app, [*words[1:], "--results", str(results)])
    assert printed.stdout.splitlines()[0] == f"{100 * right / 899:.2f} % of 899 test images"
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.safetensors", f"{name}.md"}


def test_the_hub_reads_the_front_matter(finished: tuple[Path, Record], tmp_path: Path) -> None:
    results, found = finished
    extract(found.id, results, tmp_path / "model.safetensors")
    read = ModelCard.load(tmp_path / "model.md").data
    assert (read.license, read.datasets, read.metrics) == ("unknown", ["digits"], ["accuracy"])
    (measured,) = read.eval_results
    assert (measured.dataset_split, measured.metric_value) == ("test", round(found.results[0].accuracy, 4))


def synthetic(folder: Path, latencies: Latency | None = None, **changes: Any) -> str:
    """The card of a record that nothing lies behind."""
    fields: dict[str, Any] = {"spec": factories.spec(), "result": factories.result()} | changes
    found = factories.record(fields.pop("spec"), results=[fields.pop("result")], **fields)
    if latencies is not None:
        latency.write(latencies, folder / "latency.json")
    return card.page(found, found.results[0], folder, "model.safetensors", "1" * 64)


def test_numbers_are_those_of_the_record_with_their_denominators(tmp_path: Path) -> None:
    page = " ".join(synthetic(tmp_path).split())
    assert "90.00 % of the 1,000 prunable weights are 0 (prunable set: all)" in page
    assert "81.82 % of 1,100 are 0; 200 are kept" in page
    assert "1,000 of 10,000 when dense (10.00 %); theoretical" in page
    assert "| fc.weight | 10×100 | 1,000 | 100 | 90.00 % | yes | 10,000 | 1,000 |" in page
    assert "Not measured; `reprune latency" in page
    assert "Zhu & Gupta 2017, https://arxiv.org/abs/1710.01878" in page
    assert "* code: commit 0123456789abcdef *" in page
    assert ">" not in page.partition("# resnet20")[2].partition("## Loading")[0]  # nothing to warn of


def test_what_must_not_be_overlooked_stands_first(tmp_path: Path) -> None:
    spec = factories.spec(budget=0.1)
    reason = "at 0.9 the mask misses its target"
    page = synthetic(tmp_path, spec=spec, outcome="wrong_sparsity", reason=reason)
    first = page.partition("## Loading")[0]
    assert "ended as 'wrong_sparsity': at 0.9 the mask misses its target.**" in first
    assert "**Trained for 0.1 of the recipe's length**" in first


@pytest.mark.parametrize(("sha256", "shown"), [("0" * 64, True), ("2" * 64, False)], ids=["these", "other weights"])
def test_speed_is_shown_where_these_weights_were_measured(tmp_path: Path, sha256: str, shown: bool) -> None:
    times = {"repetitions": 3, "lower": 1.0, "upper": 3.0, "difference": 0.0}
    timing = Timing(backend="csr", batch=64, median=2.0, speedup=0.53, **times)
    machine = Machine(device="A processor", threads=1, dtype="float32", torch="2.13.0", clock="wall time")
    measured = Latency(run="x", machine=machine, networks=[Network(point=0.9, weights_sha256=sha256, timings=[timing])])
    page = synthetic(tmp_path, measured)
    assert ("A processor, 1 thread, float32" in page and "0.53 ×" in page) == shown
    assert ("Not measured" in page) != shown


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit"])
def test_networks_of_timm_need_timm_alone(tmp_path: Path, architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = synthetic(tmp_path, spec=factories.spec(architecture=architecture))
    assert front(page)["library_name"] == "timm"
    assert "bench" not in block(page, "python")
    expected = archs.create(architecture, 10, 3, 32).state_dict()
    save_file(expected, tmp_path / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    state = loaded(page).state_dict()
    assert all(torch.equal(state[name], value) for name, value in expected.items())


def test_somebody_else_s_file_is_left_alone(finished: tuple[Path, Record], tmp_path: Path) -> None:
    results, found = finished
    (tmp_path / "model.md").write_text("My thesis\n")
    with pytest.raises(UserError, match=r"model\.md is there and no card that `reprune extract` wrote"):
        extract(found.id, results, tmp_path / "model.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["model.md"]
    assert (tmp_path / "model.md").read_text() == "My thesis\n"
    (tmp_path / "model.md").unlink()
    extract(found.id, results, tmp_path / "model.safetensors")
    before = (tmp_path / "model.md").read_bytes()
    extract(found.id, results, tmp_path / "model.safetensors")  # its own it writes again
    assert (tmp_path / "model.md").read_bytes() == before


def test_weights_without_a_card_are_not_left(
    finished: tuple[Path, Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, found = finished

    def fail(*_: Any) -> str:
        raise UserError("no card today.")

    monkeypatch.setattr(card, "page", fail)
    with pytest.raises(UserError, match="no card today"):
        extract(found.id, results, tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_the_command_normalises_by_the_recipe_s_own_numbers_to_the_last_bit() -> None:
    means = (0.49139967861519607, 1 / 3, 0.5)
    used = RECIPE | {"data": {"mean": means, "std": (0.25,) * 3}}
    spec = factories.spec("gmp", recipe=Recipe.read(used, "these tests"))
    words = card.evaluation(Path("w.safetensors"), spec)
    assert tuple(map(float, words[words.index("--mean") + 1].split(","))) == means
    assert words[words.index("--std") + 1] == "0.25,0.25,0.25"
