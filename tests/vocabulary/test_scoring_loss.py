"""The loss that scores and grows weights is the recipe's training loss, label smoothing included."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from bench import archs, catalog, identity
from bench.context import Run
from bench.plan.lineage import identities
from bench.recipe import Recipe
from bench.recipe.prunable import prunable
from bench.spec import RunSpec
from tests.methods.by_hand import OneBatch

SMOOTHING = 0.1


def recipe(smoothing):
    values = {
        "batch_size": 16,
        "train": {"epochs": 4, "lr": 0.1, "schedule": "multistep", "milestones": [2, 3]},
        "finetune": {"epochs": 1, "lr": 0.1},
        "precision": "fp64",
        "label_smoothing": smoothing,
    }
    return Recipe.read(values, "the test")


def a_run(smoothing=SMOOTHING):
    """SNIP on ResNet-8 with half of the weights masked, and a batch of 16 images."""
    torch.manual_seed(0)
    images, labels = torch.randn(16, 3, 32, 32, dtype=torch.float64), torch.arange(16) % 10
    model = archs.create("resnet8_cifar", 10, 3, (32, 32)).double()
    method = catalog.create("snip", {})
    batches = OneBatch(images, labels)
    run = Run(method, model, prunable(model, "all"), recipe(smoothing), batches, method.stages((0.5,))[0], seed=0)
    for mask in run.masks.values():
        mask.copy_(torch.rand_like(mask) < 0.5)
    return run


def smoothed(logits, labels):
    """Szegedy et al. 2016, arXiv:1512.00567, §7: the label has 1 − ε + ε/K of the target, the others ε/K each."""
    classes = logits.shape[1]
    target = torch.full_like(logits, SMOOTHING / classes)
    target[range(len(labels)), labels] += 1 - SMOOTHING
    return -(target * logits.log_softmax(1)).sum(1).mean()


def point_of(run):
    run.model.train()
    return {name: (weight * run.masks[name]).requires_grad_() for name, weight in run.weights.items()}


def slopes(run, loss, **how):
    images, labels = run.batches.batch
    point = point_of(run)
    value = loss(functional_call(run.model, point, (images,)), labels)
    return point, dict(zip(point, torch.autograd.grad(value, list(point.values()), **how), strict=True))


def assert_close(found, expected):
    for name, value in expected.items():
        assert torch.allclose(found[name], value.detach(), rtol=1e-9, atol=1e-12), name


def test_gradients_are_those_of_the_smoothed_loss():
    run = a_run()
    _, expected = slopes(run, smoothed)
    found = run.gradients()
    assert_close(found, expected)
    _, plain = slopes(run, nn.functional.cross_entropy)
    distance = {name: float((found[name] - plain[name]).norm() / plain[name].norm()) for name in plain}
    assert min(distance.values()) > 0.01  # no layer's are those of plain cross-entropy


def test_so_is_the_product_with_the_hessian():
    run = a_run()
    vector = run.normal()
    point, gradient = slopes(run, smoothed, create_graph=True)
    along = sum((gradient[name] * vector[name]).sum() for name in gradient)
    expected = torch.autograd.grad(along, list(point.values()))
    assert_close(run.hessian_product(vector), dict(zip(point, expected, strict=True)))


def test_a_method_may_still_differentiate_a_loss_of_its_own():
    run = a_run()
    _, expected = slopes(run, nn.functional.cross_entropy)
    assert_close(run.gradients(loss=nn.functional.cross_entropy), expected)


def test_a_penalty_is_no_part_of_it(monkeypatch):
    run = a_run()
    _, expected = slopes(run, smoothed)
    monkeypatch.setattr(type(run.method), "penalty", lambda self, run: 3 * run.parameters["conv1.weight"].sum())
    assert_close(run.gradients(), expected)
    images, labels = run.batches.batch
    expected = smoothed(run.forward(images), labels) + 3 * run.parameters["conv1.weight"].sum()
    assert torch.allclose(run.loss(images, labels), expected, rtol=1e-9)


# -- what this does to identities -----------------------------------------------------------------------------------


def ids(method, smoothing, **hyperparameters):
    spec = RunSpec(
        dataset="digits",
        architecture="resnet8_cifar",
        method=method,
        hyperparameters=hyperparameters,
        points=(0.9,),
        seed=0,
        recipe=recipe(smoothing),
        recipe_text="r",
    )
    return identities(spec)


def before(method, smoothing, monkeypatch, **hyperparameters):
    """The identities without the rule."""
    with monkeypatch.context() as patch:
        patch.setattr(identity, "asks_for_gradients", lambda path, package: False)
        return ids(method, smoothing, **hyperparameters)


@pytest.mark.parametrize(
    ("method", "hyperparameters"),
    [("rigl", {}), ("grasp", {}), ("grasp_it", {}), ("sanity_check", {"of": "snip"}), ("elsa", {"of": "rigl"})],
)
def test_only_under_smoothing_do_those_that_ask_for_gradients_have_another_identity(
    method, hyperparameters, monkeypatch
):
    assert ids(method, 0.0, **hyperparameters) == before(method, 0.0, monkeypatch, **hyperparameters)
    old, new = before(method, SMOOTHING, monkeypatch, **hyperparameters), ids(method, SMOOTHING, **hyperparameters)
    assert old.keys() == new.keys()
    assert all(old[stage] != new[stage] for stage in old)


@pytest.mark.parametrize("method", ["magnitude", "gmp", "random", "set", "snfs", "dpf", "synflow"])
def test_those_that_never_ask_keep_theirs(method, monkeypatch):
    assert ids(method, SMOOTHING) == before(method, SMOOTHING, monkeypatch)


def test_asking_is_found_in_the_file_itself_and_in_those_that_it_imports(tmp_path):
    folder = tmp_path / "methods"
    folder.mkdir()
    asks, child, silent = (folder / f"{name}.py" for name in ("asks", "child", "silent"))
    asks.write_text("class A:\n    def f(self, run):\n        return run.gradients().abs()\n")
    child.write_text("from methods.asks import A\n\nclass C(A):\n    pass\n")
    silent.write_text('class S:\n    """Calls no run.gradients()."""\n\n    gradients = 1\n')
    package = identity.Package("methods", (folder,))
    assert [identity.asks_for_gradients(path, package) for path in (asks, child, silent)] == [True, True, False]
    asks.write_text("class A:\n    def f(self, run, v):\n        return run.hessian_product(v)\n")
    identity.asks_for_gradients.cache_clear()
    assert identity.asks_for_gradients(asks, package)
