"""The state of evidence for people, for programs and for readers who only browse the repository."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.text import Text as Line

from bench import published
from bench.base.atomic import write_text
from bench.evidence.chapters import State, chapters, headline, papers_block
from bench.evidence.findings import REPRODUCTIONS, counted, folders, grids, recomputed, retrained
from bench.evidence.leaders import boards
from bench.evidence.papers import papers
from bench.evidence.replications import replications
from bench.plan.grid import load
from bench.published.outcomes import Evidence, Outcome
from bench.report import tables
from bench.report.kept import GRID
from bench.report.page import embed, environment
from bench.report.terminal import table

TITLE = "The state of evidence"
STYLES, SCRIPT = ("page.css", "tables.css", "media.css"), "page.js"


def state(folder: Path = REPRODUCTIONS) -> State:
    """Everything that is known, from what is committed."""
    known, kept = published.load(), grids(folder)
    findings = [*retrained(known, kept), *recomputed(folder), *counted()]
    return State(findings, papers(known, findings, folders(folder)), replications(known), boards(kept))


def markdown(found: State) -> str:
    """``evidence.md``."""
    made = chapters(found, everything=False)
    text = tables.template("evidence.md.j2").render(title=TITLE, headline=headline(found), chapters=made)
    return tables.tidy(text)


def page(found: State) -> str:
    """``evidence.html``: one file that opens offline and asks nobody for anything."""
    style = "\n".join((tables.TEMPLATES / name).read_text(encoding="utf-8") for name in STYLES)
    script = (tables.TEMPLATES / SCRIPT).read_text(encoding="utf-8")
    return (
        environment()
        .get_template("evidence.html.j2")
        .render(
            title=TITLE,
            headline=headline(found),
            chapters=chapters(found, everything=True),
            outcomes={str(outcome): outcome for outcome in Outcome},
            css=Markup(style),
            script=Markup(script),
            policy=embed.policy([script]),
        )
    )


def index(found: State, folder: Path = REPRODUCTIONS) -> str:
    """``index.md``: where to begin, for readers who only browse the repository."""
    grids = [(path.name, load(path / GRID).title or path.name) for path in folders(folder)]
    return tables.tidy(tables.template("evidence_index.md.j2").render(headline=headline(found), folders=grids))


def write(found: State, folder: Path) -> list[Path]:
    """Write ``index.md``, ``evidence.md`` and ``evidence.html``; returns their paths."""
    texts = {"index.md": index(found), "evidence.md": markdown(found), "evidence.html": page(found)}
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def terminal(found: State) -> RenderableType:
    """What fits a terminal: the headline, disagreements, and papers of which anything was checked."""
    first, second, *_ = chapters(found, everything=False)
    checked = papers_block([paper for paper in found.papers if paper.findings])
    parts: list[RenderableType] = [Line(TITLE, "bold"), *map(Line, headline(found))]
    for block in (*first.blocks, checked):
        parts += [Line(), table(block, block.title)]
    return Group(*parts, *(Line(note, "dim") for note in (*first.notes, *second.notes)))


def as_json(found: State) -> dict[str, Any]:
    """Everything as JSON-like values."""
    return {
        "headline": list(headline(found)),
        "findings": [asdict(finding) | {"decided": finding.decided} for finding in found.findings],
        "papers": [
            asdict(paper) | {"outcomes": {kind: dict(paper.outcomes[kind]) for kind in Evidence}}
            for paper in found.papers
        ],
        "replications": [
            {"rows": [row.id for row in one.rows], "difference": one.difference} for one in found.replications
        ],
        "boards": [
            {
                **{name: getattr(board, name) for name in ("folder", "dataset", "architecture", "note")},
                "scores": [
                    {"method": method, "point": point, "seeds": seeds, "mean": mean,
                     "std": None if std != std else std}
                    for (method, point), (seeds, mean, std) in board.scores.items()
                ],
            }
            for board in found.boards
        ],
    }  # fmt: skip
