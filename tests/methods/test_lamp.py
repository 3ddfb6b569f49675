"""LAMP: scores and rounds worked out by hand, and the mask of an official round in plain torch."""

import pytest
import torch

from bench import catalog
from bench.method import Dense
from tests.methods.by_hand import linear, trainer_for


def test_a_weight_is_scored_by_its_share_of_what_is_not_smaller():
    # Squares 1, 9, 4, 0: 1/(1 + 4 + 9), 9/9, 4/(4 + 9), 0.
    run = trainer_for(catalog.create("lamp", {}), linear([[1.0, 3.0], [2.0, 0.0]]), [[1.0, 2.0]], [1], 0.5).run
    scores = run.method.saliency(run)
    assert scores["0.weight"].flatten().tolist() == pytest.approx([1 / 14, 9 / 9, 4 / 13, 0 / 14])


def test_layers_are_ranked_together_whatever_their_scale():
    # Squares 1, 9, 4, 0 and a hundred times 4, 9, 16, 25: the shares there are 4/54, 9/50, 16/41, 1. Four of 8 stay:
    # 1, 1, 16/41 = 0.39 and 4/13 = 0.31, where magnitude would keep the whole second layer.
    model = linear([[1.0, 3.0], [2.0, 0.0]], [[20.0, -30.0], [40.0, 50.0]])
    run = trainer_for(catalog.create("lamp", {}), model, [[1.0, 2.0]], [1], 0.5).run
    run.method.update_masks(run)
    assert run.masks["0.weight"].tolist() == [[0, 1], [1, 0]]
    assert run.masks["1.weight"].tolist() == [[0, 0], [1, 1]]


def test_a_fifth_of_what_is_left_goes_in_a_round_until_the_target():
    dense, *rounds = catalog.create("lamp", {}).stages((0.5,))  # 1 − 0.8ⁿ: 0.2, 0.36, 0.488, and then less
    assert isinstance(dense.method, Dense)
    assert [stage.sparsity for stage in rounds] == pytest.approx([0.2, 0.36, 0.488, 0.5])
    assert [stage.phase for stage in rounds] == ["finetune"] * 4
    assert [stage.parents for stage in rounds] == [("pretrain",), ("round1",), ("round2",), ("round3",)]
    assert [stage.yields for stage in rounds] == [(), (), (), (0.5,)]


def test_points_on_the_official_path_take_no_round_more_and_one_round_is_one_shot():
    for count in range(1, 20):
        assert len(catalog.create("lamp", {}).stages((round(1 - 0.8**count, 6),))) == 1 + count
    assert [stage.sparsity for stage in catalog.create("lamp", {"fraction": 1.0}).stages((0.9,))] == [0, 0.9]
    assert [stage.name for stage in catalog.create("lamp", {"schedule": "cubic"}).stages((0.9,))] == ["train"]


def test_two_rounds_keep_what_the_official_code_keeps():
    """It turns scores into counts per layer, and prunes the smallest of what a layer has left."""
    drawn = torch.Generator().manual_seed(0)
    weights = [torch.randn(shape, generator=drawn).double() for shape in ((10, 6), (4, 10))]
    run = trainer_for(catalog.create("lamp", {}), linear(*(w.tolist() for w in weights)), [[1.0] * 6], [1], 0.6).run
    flat = [weight.flatten().square() for weight in weights]
    masks = [torch.ones_like(squares) for squares in flat]
    for keep in (80, 64):  # of 100
        scores = []
        for squares, mask in zip(flat, masks, strict=True):
            ascending, order = (squares * mask).sort()
            before = torch.cat([torch.zeros(1).double(), ascending.cumsum(0)[:-1]])
            scores.append(
                torch.zeros_like(squares).index_copy(0, order, ascending / (squares * mask).sum().sub(before))
            )
        threshold = torch.cat(scores).topk(keep).values[-1]
        for squares, mask, score in zip(flat, masks, scores, strict=True):
            left = (squares * mask).topk(int((score >= threshold).sum())).indices
            mask.zero_()[left] = 1
        run.masks.keep(run.method.saliency(run), 1 - keep / 100)
        run.mask_weights()
        assert [mask.flatten().tolist() for mask in run.masks.values()] == [mask.tolist() for mask in masks]
