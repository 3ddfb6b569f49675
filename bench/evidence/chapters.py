"""The state of evidence as chapters of tables, from which Markdown, the page and the terminal's text are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.evidence.findings import Finding
from bench.evidence.leaders import Board
from bench.evidence.papers import Paper
from bench.evidence.replications import Replication
from bench.published import Row
from bench.published.outcomes import Evidence, Outcome
from bench.published.search import short
from bench.report.layout import Block, Chapter, Number, Text
from bench.statistics import Summary

DISAGREEING = (Outcome.BELOW, Outcome.ABOVE, Outcome.DIFFERS, Outcome.CONTRADICTS_ITSELF, Outcome.OTHER_FILE)
"""What readers should see first."""

LARGEST = 30
"""Disagreements between papers that Markdown and the terminal show; the page has all."""


@dataclass(frozen=True)
class State:
    """Everything that is known."""

    findings: Sequence[Finding]
    papers: Sequence[Paper]
    replications: Sequence[Replication]
    boards: Sequence[Board]


def headline(state: State) -> tuple[str, ...]:
    """A sentence per kind of evidence; kinds are never added up."""
    return tuple(_sentence(kind, [each for each in state.findings if each.kind is kind]) for kind in Evidence)


_SENTENCES = {
    Evidence.RETRAINED: "Re-trained at the paper's protocol",
    Evidence.RECOMPUTED: "Recomputed from the authors' networks (accuracies, losses, sizes)",
    Evidence.COUNTED: "Counted (arithmetic only, no accuracy)",
}


def _sentence(kind: Evidence, findings: Sequence[Finding]) -> str:
    decided = [each for each in findings if each.decided]
    tables, sources = {(each.paper, each.table) for each in decided}, {each.paper for each in decided}
    words = words_of(each.outcome for each in decided)
    places = f"in {_count(len(tables), 'table')} of {_count(len(sources), 'source')}"
    told = f"{len(decided)} of {_count(len(findings), 'number')} decided {places}"
    return f"{_SENTENCES[kind]}: {told}{f' ({words})' if words else ''}{_apart(decided)}."


def _apart(decided: Sequence[Finding]) -> str:
    """Names a source that most decided numbers are of: readers must not take them for numbers of many sources."""
    paper, most = Counter(each.paper for each in decided).most_common(1)[0] if decided else ("", 0)
    if 2 * most <= len(decided) or most == len(decided):
        return ""
    tables = {each.table for each in decided if each.paper == paper}
    return f"; {most} of them are {_count(len(tables), 'table')} of one source, {short(paper)}"


def words_of(outcomes: Iterable[Outcome]) -> str:
    """``3 reproduced, 1 below``, in the order of the outcomes."""
    counted = Counter(outcomes)
    return ", ".join(f"{counted[outcome]} {outcome}" for outcome in Outcome if counted[outcome])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def chapters(state: State, *, everything: bool) -> tuple[Chapter, ...]:
    """The chapters in the order in which they are read.

    Args:
        state: what is known.
        everything: with every single finding, and all replications; else what disagrees, and the largest differences.
    """
    shown = state.replications if everything else state.replications[:LARGEST]
    left = len(state.replications) - len(shown)
    return (
        Chapter(
            "Disagreements first",
            (findings_block("Where ours is not what is printed", _only(state.findings, DISAGREEING)),),
            FIRST_NOTES,
        ),
        Chapter("Papers", (papers_block(state.papers),), PAPERS_NOTES),
        Chapter(
            "Papers against each other",
            (replications_block(shown),),
            (*AMONG_PAPERS, *([f"{left} smaller differences are on the page."] if left else [])),
        ),
        *([_every(state.findings)] if everything else []),
        Chapter("Leaderboards", tuple(map(board_block, state.boards)), BOARD_NOTES),
    )  # fmt: skip


FIRST_NOTES = (
    "Kinds differ in what they can say: counting says nothing about accuracy, and a file that is not the printed run "
    "nothing about the number.",
)

AMONG_PAPERS = (
    "The same network, data set, method and sparsity in several papers, from what they print. Protocols mostly differ, "
    "and nothing here was run.",
)

PAPERS_NOTES = (
    "Rows: numbers in published/*.csv without copies. Read: in a source. Comparable: with a run of ours. Decidable: "
    "with at most 20 seeds. To run: 10^15 multiply-adds of the runs that comparable rows still need. Recomputed and "
    "counted numbers have lists of their own, and are not part of the rows.",
)

BOARD_NOTES = (
    "Top-1 accuracy in % of the test images, mean ± sample standard deviation (seeds that ended well), the best first. "
    "Boards are of one grid each: recipes differ between them. The reports say which differences are more than chance.",
)


def _only(findings: Iterable[Finding], outcomes: Sequence[Outcome]) -> list[Finding]:
    chosen = [each for each in findings if each.outcome in outcomes]
    return sorted(chosen, key=lambda each: (outcomes.index(each.outcome), each.paper, each.number))


def findings_block(title: str, findings: Iterable[Finding]) -> Block:
    """A line per finding."""
    head = ("Number", "Kind", "What it is", "Printed", "Ours", "Verdict", "Why")
    rows = [
        tuple(map(Text, (
            f"{short(each.paper)}, {each.table}: {each.number}", each.kind, each.about, each.printed, each.ours,
            each.outcome, each.why,
        )))
        for each in findings
    ]  # fmt: skip
    return Block(title, head, tuple(rows), numbers=False)


def _every(findings: Sequence[Finding]) -> Chapter:
    blocks = [findings_block(_SENTENCES[kind], [each for each in findings if each.kind is kind]) for kind in Evidence]
    return Chapter("Every number", tuple(block for block in blocks if block.rows))


def papers_block(papers: Sequence[Paper]) -> Block:
    """A line per paper of which anything can be said beyond that it was read or recalled."""
    head = ("Paper", "Rows", "Read", "Comparable", "Decidable", "To run", "Re-trained", "Recomputed", "Counted")
    rows = [
        tuple(map(Text, (
            f"{paper.name}{f', arXiv:{paper.arxiv}' if paper.arxiv else ''}",
            *(str(number or "–") for number in (paper.rows, paper.read, paper.comparable, paper.decidable)),
            f"{paper.rest / 1e15:,.1f}" if paper.rest else "–",
            *(words_of(paper.outcomes[kind].elements()) or "–" for kind in Evidence),
        )))
        for paper in papers
    ]  # fmt: skip
    return Block("What is known of each paper", head, tuple(rows), numbers=False)


def replications_block(replications: Iterable[Replication]) -> Block:
    """A line per group of rows."""
    head = ("About", "Highest", "Lowest", "Difference", "Others")
    rows = [
        (
            Text(_about(first)),
            Text(_printed(one.rows[0])),
            Text(_printed(one.rows[-1])),
            Text(f"{one.difference:.2f}"),
            Text("; ".join(map(_printed, one.rows[1:-1]))),
        )
        for one in replications
        for first in one.rows[:1]
    ]  # fmt: skip
    return Block("Largest differences first, in points", head, tuple(rows), numbers=False)


def _about(row: Row) -> str:
    return f"{row.canonical_method} at {100 * (row.point or 0):.4g} %, {row.architecture_printed}, {row.dataset}"


def _printed(row: Row) -> str:
    spread = f" ± {row.std:g}" if row.std is not None else ""
    return f"{row.value:g}{spread}{f' ({row.n_seeds})' if row.n_seeds else ''}, {short(row.paper)}"


def board_block(board: Board) -> Block:
    """A board as a table."""
    dense = f", dense {_score(board.dense)}" if board.dense else ""
    title = f"{board.architecture} on {board.dataset} ({board.folder}): {board.note}{dense}"
    head = ("Method", *(f"{100 * point:.5g} %" for point in board.points))
    best = {
        point: max((score.mean for (_, at), score in board.scores.items() if at == point), default=None)
        for point in board.points
    }
    rows = [
        (Text(method), *(_cell(board.scores.get((method, point)), best[point]) for point in board.points))
        for method in board.methods
    ]
    return Block(title, head, tuple(rows))


def _cell(score: Summary | None, best: float | None) -> Text:
    return Text(_score(score), best=score.mean == best) if score else Text("")


def _score(score: Summary) -> Number:
    return Number(score.mean, score.std, score.n)
