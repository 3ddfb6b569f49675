"""The papers, and which of them somebody means: by its arXiv number, its DOI or a short name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from bench import counts
from bench.base.nearest import beginning, meant, nearest
from bench.counts import Count
from bench.errors import NotFound
from bench.plan.files import configured
from bench.published import Published, Row
from bench.recompute import cells
from bench.recompute.cells import Source

ARXIV = re.compile(r"(?:^|arxiv[.:/]|/(?:abs|pdf)/)(\d{4}\.\d{4,5})(?:v\d+)?(?:\.pdf)?$", re.IGNORECASE)
"""An arXiv number: alone, with its version, in an address, or in the DOI that arXiv gives."""

DOI = re.compile(r"(?:^|doi(?:\.org/|:\s*))10\.\d{4,}/", re.IGNORECASE)


@dataclass
class Paper:
    """A paper with all of its numbers.

    Attributes:
        titles: what its rows, networks and counts call it.
        shorts: names to type: the beginning of its rows' ids, a source of networks, a grid.
        rows: accuracies and the like, copies left out.
        sources: networks of its authors.
    """

    arxiv: str
    titles: list[str] = field(default_factory=list)
    shorts: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Authors, title and year."""
        return self.titles[0]

    @property
    def folder(self) -> str:
        """The name of its folder and of its grids'."""
        return self.arxiv or self.shorts[0]

    def called(self, title: str, *shorts: str) -> None:
        """Give it one more title and more short names."""
        self.titles += [title] if title not in self.titles else []
        self.shorts += [short for short in shorts if short not in self.shorts]


def papers(published: Published) -> list[Paper]:
    """Every paper of which a number is listed, whatever its kind."""
    found: dict[str, Paper] = {}

    def paper(title: str, arxiv: str, short: str) -> Paper:
        one = found.setdefault(arxiv or short, Paper(arxiv))
        one.called(title, short)
        return one

    for row in published.rows:
        one = paper(row.paper, row.arxiv, row.id.partition("-")[0])
        one.rows += [] if row.duplicate_of else [row]
    for source in map(cells.load, cells.sources()):
        paper(source.facts.paper, source.facts.arxiv, source.name).sources.append(source)
    for count in counts.load():
        paper(count.paper, count.arxiv, count.id.partition("-")[0]).counts.append(count)
    for file, grid in configured().items():
        for one in found.values() if grid.paper else ():
            if any(title.startswith(grid.paper) for title in one.titles):
                one.called(one.title, file.rpartition("/")[2].removesuffix(".yaml"))
    return list(found.values())


def sought(text: str, known: Sequence[Paper]) -> Paper:
    """The one paper that a text names. Raises `NotFound` with what may have been meant."""
    if number := ARXIV.search(text.strip()):
        return _numbered(number[1], known)
    if DOI.search(text):
        raise NotFound(
            f"{text[:100]!r} is no DOI of arXiv's, and publishers' DOIs are not listed; name the paper's arXiv number, "
            "or its authors."
        )
    asked = _plain(text)
    exact = [one for one in known if asked in map(_plain, one.shorts)]
    found = exact or [one for one in known if asked and any(asked in _plain(title) for title in one.titles)]
    if len(found) > 1:
        named = meant([one.folder for one in found[:10]])
        raise NotFound(f"{text[:100]!r} is a part of {len(found)} papers' names; {named}")
    if not found:
        raise NotFound(f"no published number is of a paper like {text[:100]!r}; {_near(text, known)}")
    return found[0]


def _numbered(number: str, known: Iterable[Paper]) -> Paper:
    papers = {one.arxiv: one for one in known if one.arxiv}
    if number not in papers:
        close = nearest(number, papers)
        there = meant(close) if close else "`reprune published` lists the papers."
        raise NotFound(f"no published number is of arXiv:{number}; {there}")
    return papers[number]


def _near(text: str, known: Iterable[Paper]) -> str:
    shorts, titles = zip(*((one.shorts, one.titles) for one in known), strict=True)
    close = nearest(text, chain(*shorts)) or beginning(text, chain(*titles))
    return meant(close) if close else "`reprune published` lists the papers."


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
