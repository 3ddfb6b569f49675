"""DNW against its rule in plain torch: the largest of every layer forward, gradients for all backward."""

import torch

from bench import catalog
from tests.methods.by_hand import linear, trainer_for


def test_a_layer_uses_its_largest_weights_and_all_are_trained():
    """Of 6 and 10 weights int(0.6 · n) are left out, 3 and 6: in every step anew, and after the last one."""
    drawn = torch.Generator().manual_seed(0)
    starts = [torch.randn(shape, generator=drawn) for shape in ((2, 3), (5, 2))]
    images, labels = [[1.0, -0.5, 2.0]], [3]
    model = linear(*(start.tolist() for start in starts))
    phase = {"train": {"epochs": 1, "lr": 0.3}, "optimizer": {"momentum": 0.9, "weight_decay": 0.01}}
    trainer = trainer_for(catalog.create("dnw", {}), model, images, labels, 0.6, **phase)
    dense = [start.double().requires_grad_() for start in starts]
    plain = torch.optim.SGD(dense, lr=0.3, momentum=0.9, weight_decay=0.01)

    def sparse():
        found = []
        for weight in dense:
            mask = torch.ones(weight.numel()).double()
            mask[weight.detach().abs().flatten().sort().indices[: int(0.6 * weight.numel())]] = 0
            found.append(mask.view_as(weight))
        return found

    changed = 0
    for step in range(10):
        masks = sparse()
        used = [(weight.detach() * mask).requires_grad_() for weight, mask in zip(dense, masks, strict=True)]
        logits = torch.tensor(images, dtype=torch.float64) @ used[0].T @ used[1].T
        torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
        for weight, value in zip(dense, used, strict=True):
            weight.grad = value.grad
        plain.step()
        trainer._step(step)
        for ours, theirs in zip(trainer.run.weights.values(), dense, strict=True):
            torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=1e-12)
        changed += any(not torch.equal(a, b) for a, b in zip(masks, sparse(), strict=True))
    assert [mask.tolist() for mask in trainer.run.masks.values()] == [mask.tolist() for mask in sparse()]
    assert changed > 1, "weights come and go"


def test_one_ranking_over_all_layers_is_an_option():
    method = catalog.create("dnw", {"allocation": "global"})
    run = trainer_for(method, linear([[1.0, 2.0]], [[3.0], [4.0]]), [[1.0, 1.0]], [1], 0.5).run
    run.method.update_masks(run)
    assert [mask.flatten().tolist() for mask in run.masks.values()] == [[0, 0], [1, 1]]
