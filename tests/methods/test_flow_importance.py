"""Importances from gradient flow: scores against derivatives taken in plain torch, rounds by hand."""

import pytest
import torch

from bench import catalog
from tests.methods.by_hand import linear, trainer_for

IMAGES, LABELS = [[1.0, 2.0, -0.5], [0.3, -1.0, 1.5], [-2.0, 0.7, 0.1], [0.2, 0.4, 0.8]], [0, 0, 1, 1]
FIRST, SECOND = [[0.5, -0.2, 0.3], [0.1, 0.4, -0.6], [0.9, -0.7, 0.2]], [[0.4, -0.3, 0.6], [-0.5, 0.8, 0.1]]


def run_for(**fields):
    model = torch.nn.Sequential(*linear(FIRST), torch.nn.Tanh(), *linear(SECOND))
    method = catalog.create("flow_importance", {"images": 4, "exempt": 0.0} | fields)
    run = trainer_for(method, model, IMAGES, LABELS, 0.5, train={"epochs": 3, "lr": 0.1}).run
    run.batches.classes = 2
    return run


def weights():
    return [torch.tensor(rows).double().requires_grad_() for rows in (FIRST, SECOND)]


def gradient(at, temperature=1.0):
    """That of the mean over classes of each class's mean cross-entropy, which the two images of each make the same."""
    logits = (torch.tensor(IMAGES, dtype=torch.float64) @ at[0].T).tanh() @ at[1].T / temperature
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS))
    return torch.autograd.grad(loss, at, create_graph=True)


def norm_changes(temperature):
    """Per weight: the derivative of half the squared gradient norm along the weight itself, which is θ · Hg."""
    at = weights()
    half = sum(g.square().sum() for g in gradient(at, temperature)) / 2
    return [w.detach() * d for w, d in zip(at, torch.autograd.grad(half, at), strict=True)]


def per_filter(values):
    return [value.sum(1) for value in values]


@pytest.mark.parametrize("score", ["loss", "magnitude_loss", "gradient_norm", "gradient_increase"])
def test_scores_of_filters_and_of_weights(score):
    at = weights()
    g = [each.detach() for each in gradient(at)]
    theta = [each.detach() for each in at]
    expected = {
        "loss": [(w * d).abs() for w, d in zip(theta, g, strict=True)],
        "magnitude_loss": [(w * w * d).abs() for w, d in zip(theta, g, strict=True)],
        "gradient_norm": norm_changes(1.0),
        "gradient_increase": norm_changes(200.0),
    }[score]
    signs = torch.abs if score == "gradient_norm" else torch.clone
    run = run_for(score=score)
    pooled = [run.method.structure.pool(value) for value in run.method.saliency(run).values()]
    for ours, theirs in zip(pooled, per_filter(expected), strict=True):
        torch.testing.assert_close(ours, signs(theirs), rtol=1e-9, atol=1e-16)
    run = run_for(score=score, structure="weights")
    for ours, theirs in zip(run.method.saliency(run).values(), expected, strict=True):
        torch.testing.assert_close(ours, signs(theirs), rtol=1e-9, atol=1e-16)


def rounds(monkeypatch, scores, epochs=(1, 2), point=0.5, **fields):
    """Kept filters of the one layer after each round, if these were the scores at first and twice that later."""
    model = linear([[0.1, 0.2]] * len(scores))
    method = catalog.create("flow_importance", {"exempt": 0.0} | fields)
    trainer = trainer_for(method, model, [[1.0, 2.0]], [1], point, train={"epochs": 3, "lr": 0.1})
    value = torch.tensor(scores).double()[:, None].expand(-1, 2)
    found = []
    monkeypatch.setattr(type(method), "saliency", lambda *_: type(trainer.run.weights)({"0.weight": value.clone()}))
    for epoch in epochs:
        trainer.run.at(10 * epoch)
        trainer._update(trainer.run.method.update_masks)
        found.append([int(row[0]) for row in trainer.run.masks["0.weight"]])
    return found, trainer


def test_every_round_removes_as_many_and_what_is_gone_stays_gone(monkeypatch):
    # Three epochs have two borders: of eight filters two go at each, the lowest, signs and all.
    scores = [5.0, -3.0, 2.0, 7.0, -1.0, 4.0, 1.0, 3.0]
    found, _ = rounds(monkeypatch, scores)
    assert found == [[1, 0, 1, 1, 0, 1, 1, 1], [1, 0, 0, 1, 0, 1, 0, 1]]


def test_a_single_round_removes_all_at_once(monkeypatch):
    found, _ = rounds(monkeypatch, [5.0, 3.0, 2.0, 7.0], rounds=1)
    assert found == [[1, 0, 0, 1]] * 2


def test_the_last_filters_are_exempt(monkeypatch):
    # int(0.25 · 4) + 1 = 2 of four.
    found, _ = rounds(monkeypatch, [5.0, 3.0, 2.0, 1.0], epochs=(2,), exempt=0.25)
    assert found == [[0, 0, 1, 1]]


def test_momentum_begins_anew(monkeypatch):
    _, trainer = rounds(monkeypatch, [5.0, 3.0, 2.0, 7.0], epochs=())
    weight = trainer.run.parameters["0.weight"]
    trainer.run.optimizer.state[weight]["momentum_buffer"] = torch.ones_like(weight)
    trainer.run.at(10)
    trainer._update(trainer.run.method.update_masks)
    assert not trainer.run.optimizer.state[weight]["momentum_buffer"].any()
