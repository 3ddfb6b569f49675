"""The papers behind methods and numbers, found where the code names them."""

from __future__ import annotations

import re
from functools import cache

from bench import catalog, published
from bench.errors import UserError

_NAMED = re.compile(r"([A-Z][\w&, ]*?(?:et al\. )?\d{4}), arXiv:(\d{4}\.\d{4,5})")
"""``Lin et al. 2020, arXiv:2006.07253``, as docstrings name a paper."""


def address(arxiv: str) -> str:
    """Where a paper can be read."""
    return f"https://arxiv.org/abs/{arxiv}"


def stated(method: str) -> str:
    """The first paragraph of a method's docstring; empty if the method is not there any more."""
    try:
        return catalog.summary(catalog.method_class(method))
    except UserError:
        return ""


def of_method(method: str) -> dict[str, str]:
    """The papers that a method's docstring names, by their numbers at arXiv.

    With the title, where there are published numbers of the paper; else as the docstring says it.
    """
    return {number: _titles().get(number, name) for name, number in _NAMED.findall(stated(method))}


@cache
def _titles() -> dict[str, str]:
    return {row.arxiv: row.paper for row in published.load().rows if row.arxiv}
