"""Invariants 1 and 6: exact counts, exact zeros, and what is saved is what was measured."""

import json
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from bench import catalog
from bench.allocation import Global
from bench.plan.lineage import stages_of
from bench.report import per_input
from tests.contract.harness import NETWORKS, RESNET, Laboratory, suits

METHODS = catalog.names()
PAIRS = [(m, n) for m in METHODS for n in NETWORKS if suits(m, n)]
every_pair = pytest.mark.parametrize(("method", "network"), PAIRS)


@every_pair
def test_a_run_ends_well_and_leaves_a_full_record(lab: Laboratory, method, network):
    found = lab.finished(method, network)
    assert (found.outcome, found.reason) == ("ok", "")
    assert len(found.results) == len(found.spec.points or (None,))
    for result in found.results:
        assert 0 <= result.accuracy <= 100
        assert result.test_images == 50
        assert len(result.layers) > 3
    trains = {stage.name for stage in stages_of(found.spec) if stage.phase is not None}
    for curve in found.curves:
        assert (len(curve.epoch) > 0) == (curve.stage in trains)
        lengths = {len(values) for name, values in curve.model_dump().items() if name != "stage"}
        assert lengths == {len(curve.epoch)}
    assert found.cost.training_macs > 0
    assert found.provenance["command"].startswith("reprune run --dataset tiny")


@every_pair
def test_every_stage_begins_from_the_bits_that_its_parents_ended_with(lab: Laboratory, method, network):
    found = lab.finished(method, network)
    ends = {each.stage: each.sha256 for each in found.ancestry}
    stages = stages_of(found.spec)
    assert list(ends) == [stage.name for stage in stages]
    assert None not in ends.values()
    for stage, told in zip(stages, found.ancestry, strict=True):
        assert [parent.reference for parent in told.parents] == list(stage.parents)
        assert all(parent.sha256 == ends[parent.reference] for parent in told.parents if parent.step is None)


@every_pair
def test_the_count_of_zeros_in_the_file_is_exact(lab: Laboratory, method, network):
    made = catalog.create(method, {})
    if made.meaning != "exact":
        pytest.skip(f"the target of '{method}' is not an exact sparsity")
    found = lab.finished(method, network)
    (point,) = found.spec.points
    weights = load_file(lab.folder(method, network) / found.results[0].weights)
    prunable = [layer for layer in found.results[0].layers if layer.prunable]
    shapes = {layer.name: layer.shape for layer in prunable}
    units = {layer.name: made.structure.units(layer.shape) for layer in prunable}
    zeros_inside = found.results[0].counts.active_zeros
    for group in made.allocation.groups(shapes, units, point):
        kept = sum(int((made.structure.pool((weights[name] != 0).float()) > 0).sum()) for name in group.names)
        assert abs(kept + (zeros_inside if isinstance(made.allocation, Global) else 0) - group.keep) <= 1 + zeros_inside
    if units != {name: weights[name].numel() for name in units}:
        return  # whole filters: their counts are exact, and layers of few of them miss the sparsity of weights
    # New weights that never saw a gradient (kernel borders that only meet padding) are kept, and 0 in the file.
    share = zeros_inside / sum(weights[layer.name].numel() for layer in prunable)
    assert found.results[0].counts.prunable_sparsity - share == pytest.approx(point, abs=0.01)


@pytest.mark.parametrize("method", [name for name in METHODS if catalog.create(name, {}).meaning == "about"])
def test_a_target_that_is_met_but_for_a_little_is_a_point_of_tables(lab: Laboratory, method):
    found = lab.finished(method, RESNET)
    (point,) = found.spec.points
    counts = found.results[0].counts
    assert (found.outcome, counts.target) == ("ok", point)
    assert counts.prunable_sparsity == pytest.approx(point, abs=0.02)
    assert per_input.is_target(method)


@every_pair
def test_what_lies_outside_the_masks_is_exactly_zero(lab: Laboratory, method, network):
    found = lab.finished(method, network)
    weights = load_file(lab.folder(method, network) / found.results[0].weights)
    workshop = lab.workshop(found.spec)
    for stage in workshop.stages:
        run = workshop.finish(stage)
    for name, mask in run.masks.items():
        assert not bool((weights[name][mask == 0] != 0).any())


STRANGER = """
import json, sys
import bench  # only for the torchvision beside a CPU-only torch
import timm, torch
from safetensors.torch import load_file
images = load_file(sys.argv[1])
x = images["test_x"].float().div(255).sub(0.5).div(0.25).contiguous(memory_format=torch.channels_last)
torch.set_num_threads(1)
out = []
for network, path in json.loads(sys.argv[2]):
    size = {"img_size": (32, 32)} if "vit" in network else {}
    model = timm.create_model(network, num_classes=4, **size).to(memory_format=torch.channels_last).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 0.01
    model.load_state_dict(load_file(path))
    with torch.no_grad():
        out.append(100 * (model(x).argmax(1) == images["test_y"]).double().mean().item())
print(json.dumps(out))
"""


def test_plain_timm_in_a_fresh_process_measures_what_the_records_say(lab: Laboratory):
    records = [(network, lab.finished(method, network)) for method, network in PAIRS]
    plain = [(network, found) for network, found in records if found.results[0].extras is None]
    files = [(network, str(lab.results / "runs" / found.id / found.results[0].weights)) for network, found in plain]
    images = str(lab.results / "data" / "tiny.safetensors")
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, images, json.dumps(files)], capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured == pytest.approx([found.results[0].accuracy for _, found in plain])


@pytest.mark.parametrize("network", NETWORKS)
def test_methods_separate_from_dense_in_sparsity_only_where_they_should(lab: Laboratory, network):
    """The dense run keeps everything; a table that showed it pruned would be wrong in every row."""
    counts = lab.finished("dense", network).results[0].counts
    assert counts.prunable_sparsity < 0.01
    assert counts.macs == pytest.approx(counts.macs_dense)


@pytest.mark.parametrize("method", [name for name in METHODS if catalog.create(name, {}).meaning == "dynamic"])
def test_what_is_decided_per_input_is_counted_per_input(lab: Laboratory, method):
    """Two independent counts of the dense network agree; what decides is kept beside the weights."""
    (result,) = lab.finished(method, NETWORKS[0]).results
    found = result.diagnostics
    assert found["macs_dense"] == result.counts.macs_dense
    assert found["reduction_strict"] == pytest.approx(100 * (1 - found["flops_strict"] / found["macs_dense"]))
    assert 0 < found["filters_kept"] < 100
    assert result.extras is not None
    assert (lab.folder(method, NETWORKS[0]) / result.extras).exists()
