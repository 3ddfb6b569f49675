"""What only a GPU can show. All are skipped where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench import catalog
from bench.training.run import execute
from bench.training.stages import Workshop
from bench.training.train import start
from tests.contract.harness import RESNET, Laboratory, spec_for, write_tiny_images

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def laboratory(tmp_path):
    """The tiny data set is known, and switches of torch are as before afterwards."""
    Laboratory(tmp_path / "laboratory")
    yield
    torch.use_deterministic_algorithms(False)


def trainer(spec, results):
    """A trainer on the GPU at the start of a run's last stage."""
    write_tiny_images(results / "data")
    workshop = Workshop(spec, results, torch.device("cuda"))
    *earlier, last = workshop.stages
    for stage in earlier:
        workshop.finish(stage)
    run = workshop.run(last)
    if last.parents:
        start(run, dict(workshop.state(last.parents[0])), with_extras=False)
    return workshop._trainer(last, run)


@pytest.mark.parametrize("method", catalog.names())
def test_a_recorded_step_does_what_the_step_does(tmp_path, method):
    spec = spec_for(method, RESNET, mode="fast")
    usual, recorded = (trainer(spec, tmp_path / name) for name in ("usual", "recorded"))
    usual.region = usual._region
    for each in (usual, recorded):
        each.run.at(0)
        if not each.run.method.schedule.fires(0, each.run.timeline):
            each._update(each.run.method.on_train_start)
        for step in range(14):
            each._step(step)
    assert recorded.region.replays > 0
    values = usual.run.model.state_dict()
    for name, value in recorded.run.model.state_dict().items():
        torch.testing.assert_close(value, values[name], msg=lambda text, name=name: f"{name}: {text}")
    assert recorded.run.masks.digest() == usual.run.masks.digest()


@pytest.mark.parametrize("method", catalog.names())
def test_deterministic_mode_gives_the_same_bits_twice(tmp_path, method):
    found = []
    for name in ("first", "second"):
        write_tiny_images(tmp_path / name / "data")
        found.append(execute(spec_for(method), tmp_path / name, "cuda"))
    assert found[0].outcome == found[1].outcome == "ok", found[0].reason
    assert [r.weights_sha256 for r in found[0].results] == [r.weights_sha256 for r in found[1].results]


def test_batches_are_the_same_as_on_the_cpu(tmp_path):
    write_tiny_images(tmp_path / "data")
    here, there = (Workshop(spec_for("dense"), tmp_path, torch.device(device)).batches for device in ("cpu", "cuda"))
    for index in range(3):
        images, labels = here.train(1, index)
        theirs = there.train(1, index)
        torch.testing.assert_close(theirs[0].cpu(), images)
        assert torch.equal(theirs[1].cpu(), labels)


def test_the_table_of_the_gpu_script_can_be_made(tmp_path):
    written = tmp_path / "gpu.json"
    words = ["--small", "--seconds", "0.2", "--json", str(written)]
    environment = os.environ | {"PYTHONPATH": "."}
    subprocess.run([sys.executable, "benchmarks/gpu.py", *words], cwd=ROOT, env=environment, check=True)
    assert all(row["value"] > 0 for row in json.loads(written.read_text())["rows"])
