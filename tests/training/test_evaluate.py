from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.training.evaluate import evaluate

Batch = tuple[torch.Tensor, torch.Tensor]


def cut(images: torch.Tensor, labels: torch.Tensor, size: int) -> Iterator[Batch]:
    for start in range(0, len(labels), size):
        yield images[start : start + size], labels[start : start + size]


def same(images: torch.Tensor) -> torch.Tensor:
    return images


def test_a_perfect_network_scores_100() -> None:
    """10,000 images in batches of 128 leave a last one of 16; elsewhere a perfect network got 98.89 %."""
    labels = torch.arange(10_000) % 10
    found = evaluate(same, cut(torch.nn.functional.one_hot(labels, 10) * 30.0, labels, 128))
    assert found.accuracy == 100
    assert found.images == 10_000
    assert found.loss < 1e-9


def test_the_last_partial_batch_weighs_its_images() -> None:
    # Two right ones in the first batch, one wrong one in the last: 2/3, where the mean over batches would say 1/2.
    # Softmax of (ln 3, 0) is (3/4, 1/4), so the losses are ln(4/3), ln(4/3) and ln 4: together ln(64/9).
    logits = torch.tensor([[3.0, 1], [3, 1], [3, 1]]).log()
    found = evaluate(same, cut(logits, torch.tensor([0, 0, 1]), 2))
    assert found.accuracy == pytest.approx(200 / 3)
    assert found.loss == pytest.approx(torch.log(torch.tensor(64 / 9)).item() / 3)
    assert found.predictions.tolist() == [0, 0, 0]


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 50))
def test_the_size_of_batches_changes_nothing(images: int, size: int) -> None:
    random = torch.Generator().manual_seed(images)
    logits = torch.randn(images, 5, generator=random)
    labels = torch.randint(5, (images,), generator=random)
    found, whole = evaluate(same, cut(logits, labels, size)), evaluate(same, [(logits, labels)])
    assert found.accuracy == whole.accuracy == pytest.approx(100 * (logits.argmax(1) == labels).double().mean().item())
    assert found.loss == pytest.approx(whole.loss, rel=1e-12)
    assert torch.equal(found.predictions, whole.predictions)
    assert torch.equal(found.logits, whole.logits)


def test_what_is_kept_of_the_logits() -> None:
    weight = torch.eye(3, requires_grad=True)
    found = evaluate(lambda images: images @ weight, [(torch.tensor([[0.1, 70000.0, 2]]), torch.tensor([1]))])
    assert found.logits.dtype == torch.float16
    assert not found.logits.requires_grad
    assert found.logits[0, 1] == float("inf")
    assert found.predictions.dtype == torch.int64


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluate(same, [])


def test_logits_are_joined_under_autocast_to_bfloat16_too() -> None:
    logits = torch.tensor([[3.0, 1], [3, 1], [1, 3]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = evaluate(same, cut(logits, torch.tensor([0, 0, 1]), 2))
    assert (found.accuracy, found.logits.tolist()) == (100, logits.tolist())


def test_no_number_is_no_class() -> None:
    nan = float("nan")
    logits = torch.tensor([[nan, nan, nan], [0, nan, 5], [0, 0, 5]])
    found = evaluate(same, cut(logits, torch.tensor([0, 1, 2]), 3))
    assert found.predictions.tolist() == [-1, -1, 2]
    assert found.accuracy == pytest.approx(100 / 3)
