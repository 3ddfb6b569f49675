"""Rows state what the authors' code computes, which is not always what its name says."""

from __future__ import annotations

import pytest

from bench import archs, names, published, recipe
from bench.allocation import Global, Uniform
from bench.published.search import hindrances
from bench.recipe import prunable

PUBLISHED = published.load()


def rows(paper: str, printed: str = "") -> list[published.Row]:
    """The rows of a paper, by its arXiv number or else the beginning of its ids, with these words in the method."""
    found = [one for one in PUBLISHED.rows if one.arxiv == paper or one.id.startswith(f"{paper}-")]
    return [one for one in found if printed in one.method_printed]


@pytest.mark.parametrize(
    ("paper", "printed", "count", "what"),
    [
        # H of one half of the images, on twice its own gradient plus that of the other half
        ("2512.07142", "GraSP (two halves", 48, "GraSP (two halves, by class)"),
        # weights are made positive and stay so
        ("2512.07142", "SynFlow (", 37, "SynFlow (trained from absolute values)"),
        ("2009.02594", "Random", 3, "Random (half of what is left, ten times)"),
        ("2009.02594", "SNIP", 3, "SNIP (of other weights, by raw logits)"),
    ],
)
def test_what_only_shares_a_method_s_name_has_no_method(paper: str, printed: str, count: int, what: str) -> None:
    found = rows(paper, printed)
    assert len(found) == count
    assert {one.method for one in found} == {""}
    assert all(f"method: no module for {what}" in map(str, hindrances(PUBLISHED, one)) for one in found)


def test_the_replication_of_rigl_never_prunes_the_first_layer_of_uniform_networks() -> None:
    """Its uniform masks leave the first tensor out, and its GMP starts from such a mask; its ERK masks do not."""
    for one in rows("2103.15767"):
        if one.method and one.method != "dense" and not one.protocol.startswith("rigl"):
            dense_first = "uniform" in one.method_printed or one.method.startswith("gmp")
            assert one.prunable == ("all[exclude=conv1.weight]" if dense_first else "all"), one.id
            assert one.sparsity_of.endswith("but the first") == dense_first, one.id


def test_the_replication_of_rigl_keeps_as_many_weights_as_its_code() -> None:
    """Its code, run at 97443be on WRN-22-2: 22 masked tensors, 1,076,480 weights, of which GMP keeps 107,648 at 90 %.

    By hand: 1,076,912 weights less the first layer's 16 · 3 · 3² = 432. Its uniform masks are drawn, so they have so
    many on average.
    """
    (chosen,) = {one.prunable for one in rows("2103.15767", "global magnitude")}
    tensors = prunable.prunable(archs.create("wrn22_2_cifar", 10, 3, 32), chosen)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    units = {name: tensor.numel() for name, tensor in tensors.items()}
    assert (len(units), sum(units.values())) == (22, 1_076_480)
    (group,) = Global().groups(shapes, units, 0.9)
    assert group.keep == 107_648
    # Nothing but the rounding of 22 layers lies between.
    assert sum(group.keep for group in Uniform().groups(shapes, units, 0.9)) == pytest.approx(107_648, abs=11)


def test_lottery_tickets_rewind_to_the_epochs_of_their_code() -> None:
    """TLAB's `imp` goes back to epoch 3 (ResNet-20) or 5 (VGG-16), its `late_imp` to three times that."""
    epochs = {
        (one.architecture_printed.partition(" (")[0], one.variant): names.parse(one.method)[1].get("rewind")
        for one in rows("2512.07142", "LTH")
        if one.method != "dense"
    }
    assert epochs == {
        ("ResNet-20", "rewinding"): 3,
        ("ResNet-20", "late rewinding"): 9,
        ("VGG-16-BN", "rewinding"): 5,
        ("VGG-16-BN", "late rewinding"): 15,
    }


def test_tlab_s_networks_are_its_own() -> None:
    """Its ResNet-20 has 3×3 convolutions in the shortcuts, which no network here has; its VGG keeps the classifier."""
    for one in rows("2512.07142"):
        vgg = one.architecture_printed == "VGG-16-BN"
        assert vgg or one.architecture_printed == "ResNet-20 (3x3 convolutions in the shortcuts)"
        assert one.architecture == ""
        assert one.prunable == ("conv" if vgg else "all")


def test_whose_rounds_differentiate_the_cross_entropy_say_so() -> None:
    """Only FORCE's own code has another loss; these are others' code, and Ramanujan's lets weights come back."""
    for paper, method in (("2304.02840", "iterative_snip"), ("ramanujan", "force")):
        found = [names.parse(one.method) for one in rows(paper, "Iterative SNIP") if one.dataset.startswith("cifar")]
        assert found
        assert {(name, fields.get("loss")) for name, fields in found} == {(method, "cross_entropy")}


@pytest.mark.parametrize("paper", ["2304.02840", "2009.08576", "ramanujan"])
def test_grasp_in_others_code_scores_the_weights_that_are_trained(paper: str) -> None:
    """Two halves of the classes, and a classifier drawn anew, are the authors' own."""
    found = [
        names.parse(one.method)[1] for one in rows(paper, "GraSP") if one.method and one.protocol != "ntk_sap_imagenet"
    ]
    assert found
    assert {(fields.get("parts"), fields.get("linear")) for fields in found} == {(1, "trained")}


def test_what_synflow_s_paper_calls_grasp_is_of_the_reversed_score_in_batches_of_at_most_256_images() -> None:
    """Ten images for every class, in batches of 256: on CIFAR-10 one, on CIFAR-100 four, on Tiny ImageNet eight."""
    found = rows("2006.05467", "GraSP")
    assert len(found) == 144 + 36  # 36 join the two panels of one network
    assert {(one.dataset, one.method) for one in found} == {
        ("cifar10", "grasp_reversed"),
        ("cifar100", "grasp_reversed[batches=4]"),
        ("tiny_imagenet", "grasp_reversed[batches=8]"),
    }
    protocols = {one.protocol: one.dataset for one in found}
    sizes = {name: recipe.load(PUBLISHED.protocols[name].recipe or "").scoring.batch_size for name in protocols}
    assert {(protocols[name], size) for name, size in sizes.items()} == {
        ("cifar10", 100),
        ("cifar100", 250),
        ("tiny_imagenet", 250),
    }


def test_ramanujan_s_scores_are_of_all_images() -> None:
    """45,000 images in batches of 256 are 176 of them; random masks come from one ranking over all layers."""
    methods = {one.method_printed: one.method for one in rows("ramanujan") if one.method != "random[allocation=erk]"}
    assert methods == {
        "Random (global)": "random[allocation=global]",
        "SNIP": "snip[batches=176]",
        "GraSP": "grasp[batches=176,linear=trained,parts=1,per_class=null,temperature=1.0]",
        "Iterative SNIP": "force[batches=176,loss=cross_entropy,ramp.steps=100]",
        "SynFlow (of log-softmax outputs)": "synflow_log_softmax",
    }
