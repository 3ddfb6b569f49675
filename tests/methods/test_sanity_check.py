"""Masks of SNIP, spoilt. The network is that of `test_at_init_and_one_shot`.

|W · ∂L/∂W| / p₀:  W1 → [[1, 0], [1.5, 6]],  W2 → [[1, 1.5], [0, 3]]; with three of eight kept: 6, 3 and one 1.5.
"""

import pytest
import torch

from bench import catalog
from bench.errors import Collapsed, UserError
from bench.plan.lineage import identify
from tests.contract.harness import spec_for
from tests.methods.by_hand import linear, trainer_for

ONE_ROUND = "iterative_snip[ramp.steps=1,loss=cross_entropy,allocation.rounding=nearest]"
"""SNIP under another name."""


def prepared(point, **fields):
    weights = [[1.0, 0.0], [0.5, -1.0]], [[1.0, -1.0], [0.0, 2.0]]
    initialisation = {"weights": "kaiming_normal"}
    method = catalog.create("sanity_check", fields)
    trainer = trainer_for(method, linear(*weights), [[1.0, 2.0]], [1], point, initialisation=initialisation)
    trainer._update(method.update_masks)
    return trainer.run


def test_inverted_snip_keeps_the_lowest_scores():
    run = prepared(0.75, check="invert")  # both zeros
    assert run.masks["0.weight"].tolist() == [[0, 1], [0, 0]]
    assert run.masks["1.weight"].tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize("of", ["force", "iterative_snip"])
def test_inverted_rounds_remove_the_highest_of_what_is_left(of):
    # To 0.32 of eight in two rounds: 8 · √0.32 = 4.5 and 2.6, so 4 and 2. Round 1 keeps the lowest four, both zeros and
    # both ones. Round 2: W1 = [[1, 0], [·, ·]], W2 = [[1, ·], [0, ·]], h = (1, 0), logits (1, 0), δ = (p, −p), and
    #   W1 → p [[1, 0], [·, ·]],  W2 → p [[1, ·], [0, ·]].
    # The two ones go. FORCE would have brought others back.
    run = prepared(0.68, of=f"{of}[ramp.steps=2,loss=cross_entropy]", check="invert")
    assert run.masks["0.weight"].tolist() == [[0, 1], [0, 0]]
    assert run.masks["1.weight"].tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize(("of", "counts"), [("snip", [4, 2]), ("iterative_snip", [3, 2]), ("synflow", [4, 3])])
def test_counts_are_rounded_as_the_other_method_rounds_them(of, counts):
    # 3.6 and 2.4 of eight are kept: to the nearest number, int(3.6) and int(2.4), or 8 − int(4.4) and 8 − int(5.6).
    of += {"iterative_snip": "[ramp.steps=1,loss=cross_entropy]", "synflow": "[ramp.steps=1]"}.get(of, "")
    assert [sum(prepared(point, of=of).masks.kept().values()) for point in (0.55, 0.7)] == counts


def test_inverted_synflow_cuts_the_network_and_says_so():
    # Scores W1 → [[1, 0], [1.5, 3]], W2 → [[1, 1.5], [0, 3]]. Four rounds to one of eight keep 4.8, 2.8, 1.7, 1: the 3s
    # and a 1.5 go, then the ones; whatever is left leads nowhere.
    with pytest.raises(Collapsed, match="no saliency of what is left differs from 0"):
        prepared(0.875, of="synflow[ramp.steps=4]", check="invert")


def test_shuffling_keeps_the_count_of_every_layer_and_moves_its_entries():
    weights = [[float((7 * i + 3 * j) % 11 - 5) for j in range(12)] for i in range(12)]
    found = {}
    for name, fields in (("snip", {}), ("sanity_check", {}), ("sanity_check", {"of": ONE_ROUND})):
        images = [[0.1 * i for i in range(12)]]
        trainer = trainer_for(catalog.create(name, fields), linear(weights, weights), images, [1], 0.8)
        trainer._update(trainer.run.method.update_masks)
        found[name, str(fields)] = trainer.run.masks
    snip, *shuffled = found.values()
    assert all(masks.kept() == snip.kept() for masks in shuffled)
    assert all(masks.digest() != snip.digest() for masks in shuffled)


def test_reinitialising_keeps_the_mask_and_draws_other_weights():
    run = prepared(0.5, check="reinitialise")
    assert run.masks["0.weight"].tolist() == [[0, 0], [1, 1]]
    assert run.masks["1.weight"].tolist() == [[0, 1], [0, 1]]
    old = torch.tensor([[0.0, 0.0], [0.5, -1.0]])
    assert (run.weights["0.weight"] != old).tolist() == [[False, False], [True, True]]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"of": "gmp"}, "'gmp' does not prune single weights at initialisation"),
        ({"of": "magnitude", "check": "invert"}, "'magnitude' does not prune single weights at initialisation"),
        ({"of": "nothing"}, "there is no method 'nothing'"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(fields, message):
    with pytest.raises(UserError, match=message):
        catalog.create("sanity_check", fields)


def test_the_file_of_the_other_method_is_part_of_the_identity(monkeypatch):
    from bench.data import DATASETS
    from tests.contract.harness import INFO

    monkeypatch.setitem(DATASETS, "tiny", INFO)
    before = identify(spec_for("sanity_check")).identity
    real = catalog.source_digest
    monkeypatch.setattr(catalog, "source_digest", lambda name: "other" if name == "snip" else real(name))
    assert identify(spec_for("sanity_check")).identity != before
