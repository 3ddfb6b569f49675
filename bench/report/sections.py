"""A grid's cells laid out as a report: accuracies, what is left of the networks, what training cost, and why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench import recipe
from bench.base.spelling import Spelling
from bench.published.comparison import Compared
from bench.published.looks import RULE
from bench.published.outcomes import RETRAINED
from bench.report import churn, diagnostics_block, findings, latency_block, per_input, remarks
from bench.report.cell import CellResult, Failure, published
from bench.report.churn import Churn
from bench.report.latency_block import Speeds
from bench.report.layout import Block, Chapter, Number, Report, Section, Text, known, share, target
from bench.report.paper_block import paper_block
from bench.report.published_block import published_blocks, published_notes
from bench.report.timm_versions import TimmVersions
from bench.statistics.standing import Place

if TYPE_CHECKING:
    from bench.plan.grid import CellKey, Grid, Network
    from bench.report.findings import Finding

NOT_ASKED = Text("–")
"""Where a row and a column meet without a cell: a dense network has no sparsity, say."""


@dataclass
class _Notes:
    """Numbered notes, each text once."""

    texts: list[str] = field(default_factory=list)

    def number(self, text: str) -> str:
        if text not in self.texts:
            self.texts.append(text)
        return str(self.texts.index(text) + 1)


def report(
    grid: Grid,
    results: Sequence[CellResult],
    source: str,
    found: Sequence[Finding] = (),
    speeds: Speeds | None = None,
    churned: Churn | None = None,
    versions: TimmVersions | None = None,
    chapters: Sequence[Chapter] = (),
    left_aside: Mapping[Network, Sequence[str]] = MappingProxyType({}),
) -> Report:
    """The report of a grid.

    Args:
        grid: the grid.
        results: from `bench.report.summary.cells`.
        source: one sentence on where the values come from.
        found: from `bench.report.findings.examine`.
        speeds: from `bench.report.latency_block.read`.
        churned: from `bench.report.churn.read`.
        versions: from `bench.report.timm_versions.read`.
        chapters: about all sections together.
        left_aside: from `bench.published.looks.aside`.
    """
    versions, compared = versions or TimmVersions(), published(results)
    networks = dict.fromkeys(each.network for each in results)
    sections = [
        _section(
            grid,
            [each for each in results if each.network == network],
            speeds or Speeds(),
            churned or Churn(),
            versions,
            left_aside.get(network, ()),
        )
        for network in networks
    ]
    return Report(
        title=grid.title or grid.name,
        warning=_warning(grid),
        facts=(*_facts(grid, results), source, *versions.notes()),
        legend=_legend(results, compared),
        sections=tuple(sections),
        chapters=tuple(chapters),
        claims=(findings.block(found),) if found else (),
        claims_notes=findings.notes(grid.claims),
        comparison=published_blocks(compared),
        comparison_notes=(*published_notes(compared), *versions.notes()) if compared else (),
    )


def _warning(grid: Grid) -> str:
    found = []
    if grid.budget != 1:
        found.append(
            f"SCALED DOWN: every run had {grid.budget:g} of the length of recipe {_recipes(grid)}. "
            "These numbers are not comparable with published ones."
        )
    if parent := recipe.load(grid.recipe).initialisation.file:
        found.append(
            f"SINGLE PARENT: every run starts from the same trained network ({Path(parent).name}), so nothing here "
            "says how results vary between trainings of it."
        )
    return " ".join(found)


def _recipes(grid: Grid) -> str:
    others = [*(each.recipe for each in grid.overrides if each.recipe), *(each.recipe for each in grid.trainings)]
    used = dict.fromkeys([grid.recipe, *others])
    return " or ".join(f"'{text}'" for text in used)


def _facts(grid: Grid, results: Sequence[CellResult]) -> tuple[str, ...]:
    images = sorted({int(each.means.test_images) for each in results if each.n})
    tested = " or ".join(f"{count:,}" for count in images) or "the"
    seeds = RULE if grid.looks else ", ".join(map(str, grid.seeds))
    return (
        f"Top-1 accuracy in % of {tested} test images after the last epoch: mean ± sample standard deviation "
        f"(seeds that ended well).",
        f"Recipe {grid.recipe}, budget {grid.budget:g}; seeds {seeds}; prunable set: {grid.prunable}. "
        f"{NOT_ASKED.text}: not a cell of this grid.",
    )


def _legend(results: Sequence[CellResult], compared: Sequence[Compared]) -> tuple[str, ...]:
    found = []
    if any(each.best for each in results):
        found.append(
            "{best}: highest mean of the column. {within}: within the margin of it, if one is fixed for the data set. "
            "{open}: open, neither within the margin nor certainly lower. Others are certainly lower (Welch's tests at "
            "5 %, corrected by Holm's method for the number of comparisons in the column). No marks below three seeds."
        )
    if compared:
        letters = ", ".join(f"{outcome.letter} {outcome}" for outcome in RETRAINED)
        found.append(f"Beside an accuracy, the verdict on the published number: {letters}.")
    return tuple(found)


def _section(
    grid: Grid,
    results: Sequence[CellResult],
    speeds: Speeds,
    churned: Churn,
    versions: TimmVersions,
    left_aside: Sequence[str],
) -> Section:
    notes, network = _Notes(), results[0].network
    spelling = Spelling.of(each.point for each in results)
    accuracy = {each.cell.key: _accuracy(each, notes, spelling) for each in results}
    blocks = [
        *([paper_block(grid.paper, results, accuracy)] if grid.paper else []),
        _accuracies(grid, results, accuracy, spelling),
        *diagnostics_block.blocks(results),
        _remains(results, spelling),
        *latency_block.blocks(results, speeds),
        churn.block(results, churned),
        _costs(results, spelling),
    ]
    told = [
        *notes.texts,
        *remarks.overridden(grid, results),
        *remarks.warnings(results, spelling),
        *remarks.unequal(results),
        *remarks.undecided(results, spelling),
        *left_aside,
    ]
    others = [*versions.notes(network), *speeds.notes.get(network, []), *churned.notes.get(network, [])]
    return Section(
        dataset=network.dataset,
        architecture=network.architecture,
        facts=_network(results),
        blocks=tuple(block for block in blocks if block.rows),
        notes=(*told, *dict.fromkeys(others)),
    )


def _network(results: Sequence[CellResult]) -> str:
    known = next((each.means for each in results if each.n), None)
    if known is None:
        return "No run has ended yet."
    return f"{known.parameters / 1e6:.3f} M parameters, {_macs(known.macs_dense)} per image when dense."


def _macs(macs: float) -> str:
    return f"{macs / 1e9:.3f} GMACs" if macs >= 1e9 else f"{macs / 1e6:.2f} MMACs"


def _accuracy(each: CellResult, notes: _Notes, spelling: Spelling) -> Text:
    numbers = tuple(notes.number(_note(each, failure, spelling)) for failure in each.failures)
    if not each.n:
        return Text(each.instead, notes=numbers)
    return Text(
        each.number,
        each.best,
        each.place is Place.WITHIN,
        each.place is Place.OPEN,
        each.anchor.outcome.letter if each.anchor else "",
        numbers,
    )


def _note(each: CellResult, failure: Failure, spelling: Spelling) -> str:
    if failure.outcome == "missing" and not each.n:
        return f"{failure.what}."  # an unfinished grid has many of these: one note for all
    return f"{each.method}{spelling.at(each.point)}: {failure}."


def _accuracies(
    grid: Grid, results: Sequence[CellResult], accuracy: Mapping[CellKey, Text], spelling: Spelling
) -> Block:
    """Methods × sparsities; methods whose points are none of these are only in the next block."""
    columns = {0.0, *grid.sparsities}
    knobs = {name for name, chosen in grid.points.items() if not columns.issuperset(chosen)}
    shown = [each for each in results if each.cell.method_name not in knobs and per_input.is_target(each.method)]
    targets = sorted({each.point or 0.0 for each in shown} | {0.0})
    found: dict[Text, dict[float, Text]] = {}
    for each in shown:
        found.setdefault(each.named, {})[each.point or 0.0] = accuracy[each.cell.key]
    rows = tuple((named, *(at.get(point, NOT_ASKED) for point in targets)) for named, at in found.items())
    return Block("Accuracy by sparsity", ("Method", *map(spelling.percent, targets)), rows, accuracies=True)


_HEAD = (
    "Method",
    "Target",
    "Accuracy",
    "95 % interval",
    "Drop",
    "Sparsity",
    "Effective sparsity",
    "Parameters kept",
    "MACs kept",
    "Effective MACs kept",
)


def _remains(results: Sequence[CellResult], spelling: Spelling) -> Block:
    rows = []
    for each in (one for one in results if one.n):
        means = each.means
        values = (
            target(each.point, spelling),
            each.number,
            each.interval,
            known(Number(each.drop)) if each.method != "dense" else "",
            share(means.prunable_sparsity),
            share(means.effective_sparsity),
            share(means.parameters_kept),
            share(means.macs_kept),
            share(means.effective_macs_kept),
        )
        rows.append((each.named, *map(Text, values)))
    return Block("What is left (MACs are theoretical; drop from our dense network in points)", _HEAD, tuple(rows))


def _costs(results: Sequence[CellResult], spelling: Spelling) -> Block:
    head = ("Method", "Target", "Epochs", "Epochs × dense", "Training MACs × dense", "Mask updates", "Seconds per run")
    rows = []
    for each in (one for one in results if one.n):
        values = (
            target(each.point, spelling),
            Number(each.means.epochs, form="{:.6g}".format),
            known(Number(each.epochs_relative)),  # dense may not have been trained
            Number(each.means.training_macs_relative),
            Number(each.means.mask_updates, form="{:.6g}".format),
            Number(each.means.seconds, form="{:.1f}".format),
        )
        rows.append((each.named, *map(Text, values)))
    return Block(
        "What training cost (shared pretraining included in epochs and MACs, not in seconds)", head, tuple(rows)
    )
