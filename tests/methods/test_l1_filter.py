"""L1-norm filter pruning: sums, ranks and what goes with a filter, worked out by hand."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from bench import catalog
from bench.method import Dense
from bench.plan.lineage import identify, stages_of
from bench.recipe import Recipe
from bench.spec import RunSpec
from bench.training.run import execute
from tests.contract.harness import VALUES, VIT, Laboratory, spec_for
from tests.methods.by_hand import linear, trainer_for

# Filters of the first layer have Σ|w| = 2, 3 and 0.75: at one third the last goes.
FIRST = [[1.0, -1.0], [3.0, 0.0], [0.5, 0.25]]
# Those of the second have 9.2, 3 and 4: the middle goes. Without the kernel on the removed channel they have 0.2, 3 and
# 4: greedy, the first goes.
SECOND = [[0.1, 0.1, 9.0], [1.0, 2.0, 0.0], [-2.0, 2.0, 0.0]]
THIRD = 1 / 3


@pytest.fixture
def lab(tmp_path):
    return Laboratory(tmp_path)


def prepared(model, fields=None, **recipe):
    return trainer_for(catalog.create("l1_filter", fields or {}), model, [[1.0, 1.0]], [0], THIRD, **recipe)


def rows_kept(run, name):
    return [bool(row.all()) for row in run.masks[name]]


@pytest.mark.parametrize(("greedy", "second"), [(False, [True, False, True]), (True, [False, True, True])])
def test_the_smallest_sums_go_independently_or_greedily(greedy, second):
    trainer = prepared(linear(FIRST, SECOND), {"greedy": greedy})
    trainer._step(0)
    assert rows_kept(trainer.run, "0.weight") == [True, True, False]
    assert rows_kept(trainer.run, "1.weight") == second
    assert all(bool((mask == mask[:, :1]).all()) for mask in trainer.run.masks.values()), "whole filters"


@pytest.mark.parametrize(
    ("sparsity", "pruned", "percent"),
    [
        ((0.1, 0.1, 0.1), (8, 8, 7), 10.4),  # A: not the layers 16, 20, 38 and 54
        ((0.6, 0.3, 0.1), (7, 7, 7), 27.6),  # B: nor 18 and 34
    ],
)
def test_counts_of_filters_give_the_paper_s_counts_of_multiply_adds(sparsity, pruned, percent):
    """Table 1 of the paper: % of ResNet-56's 125.5 million that went with the filters of so many blocks a stage.

    A filter of a block's first convolution takes 9 weights per input channel along, and 9 per filter of the second, at
    every position of the map. Nearest whole numbers would give 9.0 and 27.1 %.
    """
    method, gone = catalog.create("l1_filter", {}), 0
    for width, map_size, share, blocks in zip((16, 32, 64), (32, 16, 8), sparsity, pruned, strict=True):
        (group,) = method.allocation.groups({"w": (width, width, 3, 3)}, {"w": width}, share)
        gone += blocks * (width - group.keep) * 2 * 9 * width * map_size**2
    assert round(100 * gone / 125.5e6, 1) == percent


def test_greedy_counts_whole_kernels_where_borders_meet_padding_only():
    """On maps of 1 × 1 a padded 3 × 3 kernel reads with its centre alone; its borders are part of Σ|w| nevertheless."""
    first, second = nn.Conv2d(1, 3, 1, bias=False), nn.Conv2d(3, 3, 3, padding=1, bias=False)
    first.weight.data = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1)  # the first goes
    second.weight.data.zero_()
    second.weight.data[:, :, 1, 1] = torch.tensor([[9.0, 1.0, 1.0], [0.0, 2.0, 2.0], [0.0, 1.0, 2.0]])
    second.weight.data[2, 2, 0, 0] = 5.0  # so without the first channel: 2, 4 and 3 + 5, not 3
    model = nn.Sequential(first, second, nn.Flatten())
    method = catalog.create("l1_filter", {"greedy": True})
    trainer = trainer_for(method, model, [[[[1.0]]]], [0], THIRD)
    trainer._step(0)
    assert [bool(row.any()) for row in trainer.run.masks["1.weight"]] == [False, True, True]


def test_greedy_refuses_a_network_whose_paths_are_undefined(lab, tmp_path):
    found = execute(spec_for("l1_filter", VIT).model_copy(update={"hyperparameters": {"greedy": True}}), tmp_path)
    assert found.outcome == "error"
    assert "l1_filter[greedy=true]" in found.reason


def test_a_filter_goes_with_its_bias_and_never_comes_back_under_momentum_and_decay():
    model = linear(FIRST, SECOND)
    biased = nn.Linear(2, 3)
    biased.weight.data, biased.bias.data = torch.tensor(FIRST), torch.tensor([0.5, 0.5, 0.5])
    optimizer = {"momentum": 0.9, "weight_decay": 0.1}
    trainer = prepared(nn.Sequential(biased, model[1]), optimizer=optimizer, finetune={"epochs": 1, "lr": 0.01})
    trainer.train()
    run = trainer.run
    assert trainer.progress.mask_updates == 1
    assert not run.weights["0.weight"][2].any()
    assert run.model[0].bias[2] == 0.0
    momentum = run.optimizer.state[run.parameters["0.weight"]]["momentum_buffer"]
    assert not momentum[2].any()
    assert momentum[:2].any()
    # The next layer's kernels on the removed channel see no input: decay alone moves them, 9 ↦ less than 9.
    assert 0 < run.weights["1.weight"][0, 2] < 9
    assert int(run.masks["1.weight"][0, 2]) == 1


def test_it_prunes_once_after_the_shared_dense_training():
    stages = stages_of(spec_for("l1_filter"))
    assert [(stage.name, stage.phase) for stage in stages] == [("pretrain", "train"), ("finetune", "finetune")]
    assert isinstance(stages[0].method, Dense)
    # The schedule: at step 0 of fine-tuning, never in the middle or at the end.
    schedule = catalog.create("l1_filter", {}).schedule
    assert [schedule.fires(step, None) for step in (0, 5, 9)] == [True, False, False]


def test_scale_and_shift_of_the_batch_norm_go_too_and_the_next_layer_gets_cheaper(lab):
    """In each layer round(C/2) filters; layers that read them do less than their own zeros say."""
    spec = RunSpec(
        dataset="tiny",
        architecture="resnet8_cifar",
        method="l1_filter",
        points=(0.5,),
        seed=0,
        recipe=Recipe.read(VALUES | {"train": {"epochs": 1, "lr": 0.02}}, "the test"),
        recipe_text="contract",
        prunable="conv",
    )
    found = execute(identify(spec), lab.results)
    assert (found.outcome, found.reason) == ("ok", "")
    state = load_file(lab.results / "runs" / found.id / found.results[0].weights)
    for layer in (layer for layer in found.results[0].layers if layer.prunable):
        removed = state[layer.name].flatten(1).abs().sum(1) == 0
        assert int(removed.sum()) == layer.shape[0] // 2
    removed = state["conv1.weight"].flatten(1).abs().sum(1) == 0
    assert not bool(state["bn1.weight"][removed].any() or state["bn1.bias"][removed].any())
    counts = found.results[0].counts
    assert counts.effective_macs < counts.macs
