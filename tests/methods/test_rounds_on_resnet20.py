"""FORCE, Iterative SNIP, GRASP-It, GraSP and SynFlow on ResNet-20, against code of another kind."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from bench import archs, catalog
from bench.context import Run
from bench.recipe import Recipe
from bench.recipe.prunable import prunable
from tests.methods.by_hand import OneBatch, trainer_for

ONE_PASS = {"parts": 1, "linear": "trained"}
"""GraSP with the weights that are trained, on a batch as a whole."""


class RandomImages(OneBatch):
    """Other images for every number."""

    scoring_size = 6

    def __init__(self, dtype):
        self.dtype = dtype

    def scoring(self, batch, *keys):
        """Six noisy images of 16×16 pixels."""
        drawn = torch.Generator().manual_seed(batch if isinstance(batch, int) else 0)
        return (
            torch.randn(6, 3, 16, 16, generator=drawn, dtype=torch.float64).to(self.dtype),
            torch.randint(10, (6,), generator=drawn),
        )


def real_run(name, point=0.9, precision="fp64", norm="train", network="resnet20_cifar", **fields):
    values = {"batch_size": 6, "train": {"epochs": 1, "lr": 0.1}, "precision": precision, "scoring": {"norm": norm}}
    torch.manual_seed(3)
    model = archs.create(network, 10, 3, 16)
    dtype = torch.float64 if precision == "fp64" else torch.float32
    model.to(dtype)
    method = catalog.create(name, fields)
    (stage,) = method.stages((point,))
    recipe = Recipe.read(values, "ResNet-20")
    run = Run(method, model, prunable(model, "all"), recipe, RandomImages(dtype), stage, seed=0)
    run.at(0)
    return run


def updated(name, **fields):
    run = real_run(name, **fields)
    run.method.update_masks(run)
    return run


def top(scores, keep):
    """A mask of the `keep` largest, by sorting; also that the threshold is no tie."""
    flat = torch.cat([score.flatten() for score in scores.values()]).sort(descending=True).values
    assert flat[keep - 1] > flat[keep]
    return {name: score >= flat[keep - 1] for name, score in scores.items()}


def backward(model, loss, batch):
    """Gradients of all convolution and linear weights in training mode, by `backward`."""
    model.zero_grad()
    loss(model.train()(batch[0]), batch[1]).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.dim() > 1}


def raw(logits, labels):
    return nn.functional.nll_loss(logits, labels)


@pytest.mark.parametrize("name", ["force", "iterative_snip", "grasp_it"])
@pytest.mark.parametrize("loss", ["cross_entropy", "raw_logit"])
def test_masks_of_the_rounds_equal_a_loop_over_pruned_copies(name, loss):
    run = real_run(name, loss=loss, batches=2, **{"ramp.steps": 3})
    dense = {name: p.detach().clone() for name, p in run.model.named_parameters() if p.dim() > 1}
    size = sum(weight.numel() for weight in dense.values())
    mask = {name: torch.ones_like(weight) for name, weight in dense.items()}
    for t in (1, 2, 3):
        pruned = copy.deepcopy(run.model)
        for key, parameter in pruned.named_parameters():
            if key in mask:
                parameter.data = dense[key] * mask[key]
        entropy = raw if loss == "raw_logit" else nn.functional.cross_entropy
        found = [backward(pruned, entropy, run.batches.scoring(number)) for number in (2 * t - 2, 2 * t - 1)]
        mean = {key: (found[0][key] + found[1][key]) / 2 for key in dense}
        scores = {
            "force": {key: (dense[key] * mean[key]).abs() for key in dense},
            "iterative_snip": {key: (dense[key] * mask[key] * mean[key]).abs() for key in dense},
            "grasp_it": {key: mean[key] ** 2 * mask[key] for key in dense},
        }[name]
        mask = {key: value.double() for key, value in top(scores, int(size * 0.1 ** (t / 3))).items()}
    run.method.update_masks(run)
    assert list(run.masks) == list(mask)
    assert all(torch.equal(run.masks[key], mask[key]) for key in mask)


@pytest.mark.parametrize("parts", [2, 1])
def test_the_mask_of_grasp_equals_two_backward_passes_over_the_model_itself(parts):
    run = real_run("grasp", point=0.8, batches=2, linear="trained", **({} if parts == 2 else {"parts": 1}))
    model = copy.deepcopy(run.model).train()
    weights = {name: p for name, p in model.named_parameters() if p.dim() > 1}
    batches = [run.batches.scoring(number) for number in (0, 1)]
    cuts = [0, 3, 6] if parts == 2 else [0, 6]  # halves of six images, each with its own statistics of batch norm
    seen = [(x[begin:end], y[begin:end]) for x, y in batches for begin, end in pairwise(cuts)]

    def loss(x, y):
        return nn.functional.cross_entropy(model(x) / 200, y)

    first = torch.autograd.grad(sum(loss(*batch) for batch in seen), list(weights.values()))
    model.zero_grad()
    for batch in seen:
        with_graph = torch.autograd.grad(loss(*batch), list(weights.values()), create_graph=True)
        sum((a.detach() * b).sum() for a, b in zip(first, with_graph, strict=True)).backward()
    scores = {name: weight.detach() * weight.grad for name, weight in weights.items()}
    size = sum(weight.numel() for weight in weights.values())
    assert size - int(0.8 * size) == 54180  # of 270,896, of which a fifth is 54,179.2
    expected = top(scores, size - int(0.8 * size))
    run.method.update_masks(run)
    assert all(torch.equal(run.masks[name].bool(), expected[name]) for name in weights)


def made_positive(run, objective=torch.sum):
    """Masks of ten rounds to 98 %, in which a network of absolute values is scored for a function of its outputs."""
    model = copy.deepcopy(run.model).eval()
    with torch.no_grad():
        for value in model.state_dict().values():
            value.abs_()
    weights = {name: p for name, p in model.named_parameters() if p.dim() > 1}
    size = sum(weight.numel() for weight in weights.values())
    for t in range(1, 11):
        model.zero_grad()
        objective(model(torch.ones(1, 3, 16, 16, dtype=torch.float64))).backward()
        removed = int((1 - 0.02 ** (t / 10)) * size)
        mask = top({name: (p * p.grad).detach().abs() for name, p in weights.items()}, size - removed)
        for name, parameter in weights.items():
            parameter.data *= mask[name]
    return mask


def test_the_mask_of_synflow_equals_a_network_made_positive():
    run = real_run("synflow", point=0.98, **{"ramp.steps": 10})
    mask = made_positive(run)
    run.method.update_masks(run)
    assert all(torch.equal(run.masks[name].bool(), mask[name]) for name in mask)


def test_a_hundred_rounds_of_synflow_leave_no_layer_of_a_chain_empty():
    kept = updated("synflow", point=0.99, network="convnet_small", precision="fp32").masks.kept()
    assert min(kept.values()) > 0


@pytest.mark.parametrize("norm", ["train", "eval"])
@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize("name", ["force", "iterative_snip"])
def test_one_round_is_snip_bit_for_bit_but_for_loss_and_count(name, precision, norm):
    snip = updated("snip", precision=precision, norm=norm, batches=2, **{"allocation.rounding": "down"})
    for ramp in ("exponential", "linear"):
        fields = {"loss": "cross_entropy", "batches": 2, "ramp": ramp, "ramp.steps": 1}
        ours = updated(name, precision=precision, norm=norm, **fields)
        assert ours.masks.digest() == snip.masks.digest()


@pytest.mark.parametrize("mode", [True, False])
def test_synflow_leaves_nothing_behind(mode):
    run = real_run("synflow", precision="fp32", **{"ramp.steps": 3})
    run.model.train(mode)
    before = copy.deepcopy(run.model.state_dict())
    state = torch.get_rng_state()
    run.method.update_masks(run)
    assert all(torch.equal(before[name], value) for name, value in run.model.state_dict().items())
    assert all(parameter.grad is None and parameter.dtype == torch.float32 for parameter in run.model.parameters())
    assert all(module.training is mode for module in run.model.modules())
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(score.requires_grad for score in run.method.saliency(run).values())


@pytest.mark.long
def test_synflow_leaves_no_layer_of_a_vgg_empty_at_99_9_percent():
    """Tanaka et al., figure 1: what is scored once, by |w · g| or by flow, empties layers where 100 rounds do not."""
    empty = {}
    for name, hyperparameters in (("synflow", {}), ("synflow", {"ramp.steps": 1}), ("snip", {})):
        torch.manual_seed(0)
        model = archs.create("vgg16_bn_cifar", 10, 3, 32)
        images = torch.randn(8, 3, 32, 32).tolist()
        method = catalog.create(name, hyperparameters)
        trainer = trainer_for(method, model, images, list(range(8)), 0.999, precision="fp64")
        trainer.run.at(0)
        method.update_masks(trainer.run)
        empty[name, bool(hyperparameters)] = [layer for layer, kept in trainer.run.masks.kept().items() if not kept]
    assert empty["synflow", False] == []
    assert empty["synflow", True]
    assert empty["snip", False]
