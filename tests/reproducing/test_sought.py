"""Which paper somebody means."""

from __future__ import annotations

import pytest

from bench import published
from bench.commands.reproducing.sought import papers, sought
from bench.errors import NotFound

PUBLISHED = published.load()
KNOWN = papers(PUBLISHED)


@pytest.mark.parametrize(
    "text",
    [
        "1911.11134", "arXiv:1911.11134", "arXiv:1911.11134v3", "https://arxiv.org/abs/1911.11134v2",
        "https://arxiv.org/pdf/1911.11134.pdf", "10.48550/arXiv.1911.11134", "https://doi.org/10.48550/arXiv.1911.11134",
        "rigl", "RigL", "Evci et al., Rigging",
    ],
)  # fmt: skip
def test_a_paper_by_its_number_doi_or_name(text: str) -> None:
    assert sought(text, KNOWN).arxiv == "1911.11134"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("snfs", "Dettmers & Zettlemoyer, "),
        ("Neuron Merging", "Kim et al., Neuron Merging: "),  # whose networks alone are listed
        ("gate_decorator", "You et al., Gate Decorator: "),
        ("gate-decorator", "You et al., Gate Decorator: "),
        ("set_tutorial", "Mocanu et al., "),  # which has no arXiv number
        ("snfs_mnist", "Dettmers & Zettlemoyer, "),  # a grid of it
        ("1608.08710", "Li et al., Pruning Filters "),
    ],
)
def test_short_names(text: str, title: str) -> None:
    assert sought(text, KNOWN).title.startswith(title)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1911.11135", r"no published number is of arXiv:1911\.11135; did you mean '1911\.11134'"),
        ("snsf", r"like 'snsf'; did you mean .*'snfs'"),
        ("Evcci", r"like 'Evcci'; did you mean .*'Evci et al\., Rigging"),
        ("10.1109/CVPR.2020.00160", r"publishers' DOIs are not listed"),
        ("neural network pruning", r"is a part of \d papers' names; did you mean '"),
        ("zzzzzz", r"`reprune published` lists the papers"),
        ("", r"no published number is of a paper like ''"),
    ],
)
def test_what_is_not_there_comes_with_what_may_be_meant(text: str, sentence: str) -> None:
    with pytest.raises(NotFound, match=sentence):
        sought(text, KNOWN)


def test_every_paper_can_be_named_in_a_folder_s_way() -> None:
    assert {row.id for one in KNOWN for row in one.rows} == {row.id for row in PUBLISHED.rows if not row.duplicate_of}
    for one in KNOWN:
        assert sought(one.folder, KNOWN) is one
    assert len({one.folder for one in KNOWN}) == len(KNOWN)
