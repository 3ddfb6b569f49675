"""GraNet: single updates, worked out by hand."""

import pytest
import torch

from tests.methods.dynamic import NAME, ROW, TWO, prepared, put, two_layers


def test_granet_prunes_over_all_layers_and_regenerates_within_each():
    trainer = two_layers("granet", **{"drop.initial": 0.5, "drop.final": 0.5})
    run = trainer.run
    gradients = {"0.weight": [[0.0] * 4] * 3 + [[0.0, 0.0, 8.0, 9.0]], "1.weight": [[0.0] * 4, [9.0, 0.0, 0.0, 0.0]]}
    run.state.update({f"gradient.{name}": torch.tensor(rows) for name, rows in gradients.items()})
    run.sparsity, run.target = 0.75, 0.9  # six of 24: 7 8 in layer 0, 10 11 12 13 in layer 1
    trainer._update(run.method.update_masks)
    # Layer 0 drops the 7 and grows one, layer 1 drops 10 and 11 and grows two: the 9, and one of its zeros.
    assert run.masks.kept() == {"0.weight": 2, "1.weight": 4}
    assert run.weights["0.weight"].flatten().nonzero().flatten().tolist() == [7]
    assert run.masks["0.weight"][3].tolist() == [0, 0, 0, 1]
    assert run.masks["1.weight"][1, 0] == 1
    assert run.masks["1.weight"][0, 2:].tolist() == [1, 1]


def test_granet_starts_dense_or_from_a_random_sparse_mask():
    for initial, sparsity in ((0.0, 0.0), (0.5, 0.5)):
        run = prepared("granet", TWO, point=0.75, **{"schedule.initial": initial}).run
        run.at(0)
        run.method.on_train_start(run)
        assert run.masks.sparsity() == pytest.approx(sparsity, abs=1 / 24)


def test_granet_goes_on_regenerating_after_the_ramp():
    trainer = prepared("granet", TWO, point=0.75, **{"schedule.every": 2})
    fires = [step for step in range(10) if trainer.run.method.schedule.fires(step, trainer.run.timeline)]
    assert fires == [2, 4, 5, 6, 8]  # the ramp ends at 5 with an update of its own
    assert [trainer.run.method.schedule.sparsity(s, 0.75, trainer.run.timeline) for s in (5, 8)] == [0.75, 0.75]


def batches_of_their_own(trainer, steps):
    """Let every step of a trainer see four images that no other sees."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(steps, 4, 8, generator=draw, dtype=torch.float64)
    labels = torch.arange(4) % 2
    trainer.run.batches.train = lambda epoch, index, **keys: (images[index], labels)
    return images, labels


def test_granet_grows_by_the_gradient_of_the_batch_of_the_step_just_made():
    recipe = {"optimizer": {"momentum": 0.9, "weight_decay": 0.1}, "label_smoothing": 0.2, "batch_size": 4}
    trainer = prepared("granet", point=0.5, recipe=recipe, **{"schedule.every": 3, "schedule.initial": 0.5})
    run = trainer.run
    images, labels = batches_of_their_own(trainer, 4)
    trainer._update(run.method.on_train_start)
    for step in range(3):
        weight, mask = run.weights[NAME].clone(), run.masks[NAME].clone()
        trainer._step(step)
    logits = images[2] @ (weight * mask).T  # of the last step, at the weights before it
    target = torch.full_like(logits, 0.1)
    target[range(4), labels] += 0.8
    slope = ((logits.softmax(1) - target) / 4).T @ images[2]  # ∂/∂W of the mean over the batch; no decay in it
    assert torch.allclose(run.state[f"gradient.{NAME}"], slope, rtol=1e-12)
    assert run.state[f"gradient.{NAME}"][mask == 0].abs().min() > 0, "pruned positions have one too"
    # Half of the 16 weights are kept. Of these ceil(8 · (0.005 + 0.2475 (1 + cos 0.3π))) = ceil(3.18) = 4 are dropped,
    # and four grown of the twelve that are then free.
    keep = torch.zeros(16)
    keep[run.weights[NAME].abs().flatten().argsort(descending=True)[:4]] = 1
    keep[(slope.abs().flatten() * (1 - keep)).argsort(descending=True)[:4]] = 1
    trainer._step(3)
    assert run.masks[NAME].flatten().tolist() == keep.tolist()
    assert keep.tolist() != mask.flatten().tolist()


def test_granet_st_begins_with_a_period_without_an_update():
    trainer = prepared("granet", point=0.5, **{"schedule.every": 3, "schedule.initial": 0.5})
    run = trainer.run
    batches_of_their_own(trainer, 4)
    trainer._update(run.method.on_train_start)
    start = run.masks.digest()
    for step in range(3):
        trainer._step(step)
        assert run.masks.digest() == start
    trainer._step(3)
    assert run.masks.digest() != start
    assert trainer.progress.mask_updates == 1


def test_granet_regenerates_nothing_before_there_is_a_gradient():
    trainer = prepared("granet", point=0.5, **{"schedule.every": 3, "schedule.offset": 0, "schedule.initial": 0.5})
    trainer._update(trainer.run.method.on_train_start)
    start = trainer.run.masks.digest()
    assert trainer.run.method.schedule.fires(0, trainer.run.timeline)
    trainer._update(trainer.run.method.update_masks)
    assert trainer.run.masks.digest() == start


def test_granet_leaves_no_gradients_in_a_finished_stage():
    trainer = prepared("granet", **{"schedule.every": 3})
    batches_of_their_own(trainer, 10)
    trainer.train()
    assert not trainer.run.state


def test_granet_keeps_active_zeros_before_pruned_ones():
    run = (trainer := prepared("granet", **{"drop.initial": 0.0, "drop.final": 0.0})).run
    put(run, [ROW, [0.0] * 8], [[1.0] * 6 + [0.0] * 2, [0.0] * 8])
    run.sparsity = run.target = 1 - 6 / 16
    trainer._update(run.method.update_masks)
    assert run.masks[NAME][0].tolist() == [1] * 6 + [0] * 2
