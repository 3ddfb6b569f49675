"""The squared errors of SET's tutorial, whose gradient takes the sigmoid twice."""

import numpy as np
import pytest
import torch

from bench.errors import UserError
from bench.losses import sigmoid_twice
from bench.recipe import Recipe

LOGITS = torch.tensor([[0.0, 2.0, -1.0], [8.0, -8.0, 0.5]], dtype=torch.float64)
LABELS = torch.tensor([1, 1])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def by_hand(logits, labels):
    """Outputs minus targets, and the gradient of the mean over images by the logits."""
    outputs = sigmoid(logits.numpy())
    errors = outputs - np.eye(logits.shape[1])[labels.numpy()]
    return errors, errors * sigmoid(outputs) * (1 - sigmoid(outputs)) / len(labels)


def test_its_value_is_half_the_squared_error_of_an_image():
    errors, _ = by_hand(LOGITS, LABELS)
    assert sigmoid_twice(LOGITS, LABELS).item() == pytest.approx((errors**2).sum() / 2 / 2)


def test_its_gradient_hardly_depends_on_how_certain_an_output_is():
    logits = LOGITS.clone().requires_grad_()
    sigmoid_twice(logits, LABELS).backward()
    errors, expected = by_hand(LOGITS, LABELS)
    assert logits.grad.numpy() == pytest.approx(expected)
    # The last image's first output is 0.9997 and wrong: its share is that of 1, and not 0.0003 as by the derivative.
    assert logits.grad[1, 0].item() == pytest.approx(errors[1, 0] * 0.1966 / 2, rel=1e-3)


def test_shares_of_classes_are_targets_like_labels():
    shares = torch.eye(3, dtype=torch.float64)[LABELS]
    assert sigmoid_twice(LOGITS, shares).item() == sigmoid_twice(LOGITS, LABELS).item()


def test_its_gradient_has_a_derivative():
    """Second derivatives that methods ask for, against differences of the gradient worked out above."""
    logits = LOGITS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(sigmoid_twice(logits, LABELS), logits, create_graph=True)
    (found,) = torch.autograd.grad(gradient.sum(), logits)
    more, less = (by_hand(LOGITS + step, LABELS)[1] for step in (1e-6, -1e-6))
    assert found.numpy() == pytest.approx((more - less) / 2e-6, rel=1e-6)  # each by its own logit alone


def test_labels_are_not_smoothed_where_nothing_is_a_cross_entropy():
    values = {"batch_size": 1, "train": {"epochs": 1, "lr": 0.1}, "loss": "sigmoid_twice", "label_smoothing": 0.1}
    with pytest.raises(UserError, match=r"'label_smoothing' is of the cross-entropy; with the loss 'sigmoid_twice' it"):
        Recipe.read(values, "the test")
