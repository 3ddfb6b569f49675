"""What is extracted from a run is the network that was measured, for whoever loads it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bench import archs
from bench.errors import UserError
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.results import find, record
from bench.sharing.extract import extract
from bench.spec import RunSpec
from bench.training.pretrained import evaluate_weights
from bench.training.run import execute
from tests import factories

RECIPE = {
    "batch_size": 64,
    "train": {"epochs": 1, "lr": 0.1},
    "optimizer": {"momentum": 0.9},
    "batch_norm": {"eps": 0.5},  # far from the architecture's 1e-5
    "data": {"mean": [0.25], "std": [0.5]},
    "initialisation": {"weights": "kaiming_normal"},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two levels of ELSA on the digits."""
    from bench import data

    results = tmp_path_factory.mktemp("extract") / "results"
    data.prepare("digits", results / "data")
    spec = RunSpec(
        dataset="digits",
        architecture="convnet_small",
        method="elsa",
        points=(0.9, 0.0),
        seed=0,
        recipe=Recipe.read(RECIPE, "these tests"),
        recipe_text="these tests",
    )
    found = execute(identify(spec), results)
    assert (found.outcome, found.reason) == ("ok", "")
    return results, found


@pytest.mark.parametrize("level", [0.9, 0.0])
def test_every_level_has_the_recorded_accuracy_under_the_architectures_own_epsilon(finished, tmp_path, level):
    results, found = finished
    said = extract("digits-convnet_small-elsa", results, tmp_path / "model.safetensors", level)
    result = found.result(level)
    measured = evaluate_weights(
        tmp_path / "model.safetensors",
        "convnet_small",
        "digits",
        data_folder=results / "data",
        mean=(0.25,),
        std=(0.5,),
    )
    assert measured.accuracy == result.accuracy
    assert measured.loss == pytest.approx(result.loss, rel=1e-5)
    assert f"{result.accuracy:.2f} % of 899 test images" in said
    assert said.endswith("--arch convnet_small --dataset digits --mean 0.25 --std 0.5")


def test_the_file_is_a_plain_state_dict_with_the_zeros_in_it(finished, tmp_path):
    results, found = finished
    extract(str(results / "runs" / found.id), results, tmp_path / "model.safetensors", 0.9)
    state = load_file(tmp_path / "model.safetensors")
    archs.create("convnet_small", 10, 1, 8).load_state_dict(state)
    original = load_file(results / "runs" / found.id / found.result(0.9).weights)
    for name, value in original.items():
        # ε = 0.5 instead of 1e-5 is a variance larger by their difference.
        expected = value + (0.5 - 1e-5) if name.endswith("running_var") else value
        assert torch.equal(state[name], expected)
    zeros = sum(int((state[layer.name] == 0).sum()) for layer in found.result(0.9).layers if layer.prunable)
    assert zeros / found.result(0.9).counts.prunable_weights == pytest.approx(0.9, abs=0.01)


def test_a_changed_file_is_refused(finished, tmp_path):
    results, found = finished
    copy = tmp_path / "runs" / found.id
    copy.mkdir(parents=True)
    for file in (results / "runs" / found.id).iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    with (copy / found.result(0.9).weights).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\1")
    with pytest.raises(UserError, match=r"has the checksum .*…, not the recorded"):
        extract(found.id, tmp_path, tmp_path / "model.safetensors", 0.9)
    (copy / found.result(0.0).weights).unlink()
    with pytest.raises(UserError, match="are not there any more"):
        extract(found.id, tmp_path, tmp_path / "model.safetensors", 0.0)
    assert not (tmp_path / "model.safetensors").exists()


def synthetic(folder: Path, **changes):
    """A record without files."""
    spec = changes.pop("spec", factories.spec())
    found = record.Record(id=spec.id, spec=spec, outcome="ok", results=[factories.result()]).model_copy(update=changes)
    record.write(found, folder / "runs" / spec.id / "record.json")
    return found


def refusal(folder: Path, run: str, sparsity: float | None = None, output: str = "m.safetensors") -> str:
    with pytest.raises(UserError) as caught:
        extract(run, folder, folder / output, sparsity)
    return str(caught.value)


def test_mistakes_are_one_sentence(tmp_path):
    one, other = synthetic(tmp_path), synthetic(tmp_path, spec=factories.spec(seed=1))
    start = "cifar10-resnet20_cifar-gmp"
    assert refusal(tmp_path, "cifar100") == f"no finished run in {tmp_path}/runs is called 'cifar100' or begins so."
    assert refusal(tmp_path, start) == f"'{start}' is the beginning of 2 runs: {one.id}, {other.id}."
    wrong = refusal(tmp_path, one.id, 0.95)
    assert wrong == f"--sparsity 0.95 is not among the points of run {one.id}: 0.9."
    assert refusal(tmp_path, one.id, output="m.pt").endswith(
        "m.pt: the file to write must end in .safetensors, and its name be printable."
    )
    assert find.folder(f"{start}-0.9-s1", tmp_path) == tmp_path / "runs" / other.id


def test_runs_without_a_plain_network_are_refused(tmp_path):
    failed = synthetic(tmp_path, outcome="diverged", results=[])
    assert refusal(tmp_path, failed.id) == f"run {failed.id} ended as 'diverged' and left no network."
    several = synthetic(tmp_path, spec=factories.spec(seed=2), results=[factories.result(0.9), factories.result(0.5)])
    assert refusal(tmp_path, several.id).endswith("has several networks; choose one by --sparsity: 0.9, 0.5.")
    gated = factories.result().model_copy(update={"extras": "extras.safetensors"})
    per_input = synthetic(tmp_path, spec=factories.spec(method="ftwt", seed=3), results=[gated])
    assert "the networks of method 'ftwt' need parts beside the weights" in refusal(tmp_path, per_input.id)
