"""A grid's cells laid out as a report: accuracies, what is left of the networks, what training cost, and why not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench import recipe
from bench.base.spelling import Spelling
from bench.names import parse
from bench.published.outcomes import RETRAINED, Outcome
from bench.report import churn, findings, latency_block, nested, per_input, remarks
from bench.report.churn import Churn
from bench.report.latency_block import Speeds
from bench.report.layout import Block, Chapter, Report, Section, Text, points, same
from bench.report.paper_block import paper_block
from bench.report.published_block import published_blocks, published_notes
from bench.report.timm_versions import TimmVersions
from bench.statistics.standing import Place

if TYPE_CHECKING:
    from bench.plan.grid import Grid
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
    cells: pd.DataFrame,
    compared: pd.DataFrame,
    source: str,
    found: Sequence[Finding] = (),
    speeds: Speeds | None = None,
    churned: Churn | None = None,
    versions: TimmVersions | None = None,
    chapters: Sequence[Chapter] = (),
) -> Report:
    """The report of a grid.

    Args:
        grid: the grid.
        cells: from `bench.report.summary.cells`.
        compared: from `bench.published.comparison.compare`.
        source: one sentence on where the values come from.
        found: from `bench.report.findings.examine`.
        speeds: from `bench.report.latency_block.read`.
        churned: from `bench.report.churn.read`.
        versions: from `bench.report.timm_versions.read`.
        chapters: about all sections together.
    """
    pairs = list(dict.fromkeys(zip(cells["dataset"], cells["architecture"], strict=True))) if len(cells) else []
    versions = versions or TimmVersions()
    sections = []
    for dataset, architecture in pairs:
        own = cells[(cells["dataset"] == dataset) & (cells["architecture"] == architecture)]
        rows = compared[(compared["dataset"] == dataset) & (compared["architecture"] == architecture)]
        sections.append(_section(grid, own, rows, speeds or Speeds(), churned or Churn(), versions))
    return Report(
        title=grid.title or grid.name,
        warning=_warning(grid),
        facts=(*_facts(grid, cells), source, *versions.notes()),
        legend=_legend(cells, compared),
        sections=tuple(sections),
        chapters=tuple(chapters),
        claims=(findings.block(found),) if found else (),
        claims_notes=findings.notes(grid.claims),
        comparison=published_blocks(compared),
        comparison_notes=(*published_notes(compared), *versions.notes()) if len(compared) else (),
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


def _facts(grid: Grid, cells: pd.DataFrame) -> tuple[str, ...]:
    images = sorted({int(count) for count in cells["test_images"].dropna()}) if len(cells) else []
    tested = " or ".join(f"{count:,}" for count in images) or "the"
    seeds = ", ".join(map(str, grid.seeds))
    return (
        f"Top-1 accuracy in % of {tested} test images after the last epoch: mean ± sample standard deviation "
        f"(seeds that ended well).",
        f"Recipe {grid.recipe}, budget {grid.budget:g}; seeds {seeds}; prunable set: {grid.prunable}. "
        f"{NOT_ASKED.text}: not a cell of this grid.",
    )


def _legend(cells: pd.DataFrame, compared: pd.DataFrame) -> tuple[str, ...]:
    found = []
    if len(cells) and cells["best"].any():
        found.append(
            "{best}: highest mean of the column. {within}: within the margin of it, if one is fixed for the data set. "
            "{open}: open, neither within the margin nor certainly lower. Others are certainly lower (Welch's tests at "
            "5 %, corrected by Holm's method for the number of comparisons in the column). No marks below three seeds."
        )
    if len(compared):
        letters = ", ".join(f"{outcome.letter} {outcome}" for outcome in RETRAINED)
        found.append(f"Beside an accuracy, the verdict on the published number: {letters}.")
    return tuple(found)


def _section(
    grid: Grid,
    cells: pd.DataFrame,
    compared: pd.DataFrame,
    speeds: Speeds,
    churned: Churn,
    versions: TimmVersions,
) -> Section:
    notes = _Notes()
    lines = [{str(name): value for name, value in line.items()} for line in cells.to_dict("records")]
    anchors = compared[compared["anchor"].astype(bool)]
    verdicts = {
        (method, same(point)): Outcome(word).letter
        for method, point, word in zip(anchors["method"], anchors["point"], anchors["verdict"], strict=True)
    }
    spelling = Spelling.of(line["point"] for line in lines)
    keys = [(line["method"], same(line["point"])) for line in lines]
    accuracy = {key: _accuracy(line, verdicts.get(key), notes, spelling) for key, line in zip(keys, lines, strict=True)}
    dynamic, levels = per_input.block(lines, accuracy), nested.block(lines, accuracy)
    blocks = [_accuracies(grid, lines, accuracy, spelling), dynamic, levels, _remains(lines, accuracy, spelling)]
    blocks += [*latency_block.blocks(lines, speeds), churn.block(lines, accuracy, churned), _costs(lines, spelling)]
    if grid.paper:
        rows = [{str(name): value for name, value in row.items()} for row in compared.to_dict("records")]
        blocks.insert(0, paper_block(grid.paper, lines, accuracy, rows))
    network = (lines[0]["dataset"], lines[0]["architecture"])
    told = [
        *notes.texts,
        *remarks.overridden(grid, lines),
        *remarks.warnings(lines, spelling),
        *remarks.unequal(lines),
        *remarks.undecided(lines, spelling),
    ]
    others = [*versions.notes(network), *speeds.notes.get(network, []), *churned.notes.get(network, [])]
    return Section(
        dataset=lines[0]["dataset"],
        architecture=lines[0]["architecture"],
        facts=_network(lines),
        blocks=tuple(block for block in blocks if block.rows),
        notes=(*told, *dict.fromkeys(others)),
    )


def _network(lines: list[dict[str, Any]]) -> str:
    known = next((line for line in lines if line["parameters"] == line["parameters"]), None)
    if known is None:
        return "No run has ended yet."
    return f"{known['parameters'] / 1e6:.3f} M parameters, {_macs(known['macs_dense'])} per image when dense."


def _macs(macs: float) -> str:
    return f"{macs / 1e9:.3f} GMACs" if macs >= 1e9 else f"{macs / 1e6:.2f} MMACs"


def _accuracy(line: dict[str, Any], verdict: str | None, notes: _Notes, spelling: Spelling) -> Text:
    numbers = tuple(notes.number(_note(line, failure, spelling)) for failure in line["failures"].splitlines())
    if not line["n"]:
        outcomes = dict.fromkeys(text.partition(":")[0] for text in line["failures"].splitlines())
        return Text(", ".join(outcomes) or "no runs", marks=numbers)
    spread = "" if math.isnan(line["std"]) else f" ± {line['std']:.2f}"
    count = f"{line['n']}" if line["n"] == line["expected"] else f"{line['n']}/{line['expected']}"
    marks = ((verdict,) if verdict else ()) + numbers
    return Text(
        f"{line['mean']:.2f}{spread} ({count})",
        bool(line["best"]),
        line["standing"] == Place.WITHIN,
        line["standing"] == Place.OPEN,
        marks,
    )


def _note(line: dict[str, Any], failure: str, spelling: Spelling) -> str:
    if failure.startswith("missing") and not line["n"]:
        return f"{failure.partition(' (')[0]}."  # an unfinished grid has many of these: one note for all
    return f"{line['method']}{spelling.at(line['point'])}: {failure}."


def _accuracies(grid: Grid, lines: list[dict[str, Any]], accuracy: dict[Any, Text], spelling: Spelling) -> Block:
    """Methods × sparsities; methods whose points are none of these are only in the next block."""
    columns = {0.0, *grid.sparsities}
    knobs = {name for name, chosen in grid.points.items() if not columns.issuperset(chosen)}
    shown = [line for line in lines if parse(line["method"])[0] not in knobs and per_input.is_target(line["method"])]
    targets = sorted({line["point"] for line in shown if not math.isnan(line["point"])} | {0.0})
    rows = []
    for method in dict.fromkeys(line["method"] for line in shown):
        dense = accuracy.get((method, None))
        texts = [dense or accuracy.get((method, 0.0), NOT_ASKED)]
        texts += [accuracy.get((method, target), NOT_ASKED) for target in targets[1:]]
        rows.append((Text(method), *texts))
    return Block("Accuracy by sparsity", ("Method", *map(spelling.percent, targets)), tuple(rows), accuracies=True)


def _remains(lines: list[dict[str, Any]], accuracy: dict[Any, Text], spelling: Spelling) -> Block:
    head = (
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
    rows = []
    for line in lines:
        if not line["n"]:
            continue
        text = accuracy[line["method"], same(line["point"])].text
        interval = "" if math.isnan(line["low"]) else f"{max(line['low'], 0):.2f} to {min(line['high'], 100):.2f}"
        shares = [line[name] for name in _SHARES]
        texts = [line["method"], spelling.target(line["point"]), text, interval]
        texts += [points(line["drop"]) if line["method"] != "dense" else "", *map(_share, shares)]
        rows.append(tuple(map(Text, texts)))
    return Block("What is left (MACs are theoretical; drop from our dense network in points)", head, tuple(rows))


_SHARES = ("prunable_sparsity", "effective_sparsity", "parameters_kept", "macs_kept", "effective_macs_kept")


def _share(value: float) -> str:
    return "not defined" if math.isnan(value) else f"{100 * value:.2f} %"


def _costs(lines: list[dict[str, Any]], spelling: Spelling) -> Block:
    head = ("Method", "Target", "Epochs", "Epochs × dense", "Training MACs × dense", "Mask updates", "Seconds per run")
    rows = []
    for line in lines:
        if not line["n"]:
            continue
        times = "" if math.isnan(line["epochs_relative"]) else f"{line['epochs_relative']:.2f}"  # dense was not trained
        numbers = [f"{line['epochs']:.6g}", times, f"{line['training_macs_relative']:.2f}"]
        numbers += [f"{line['mask_updates']:.6g}", f"{line['seconds']:.1f}"]
        texts = [line["method"], spelling.target(line["point"]), *numbers]
        rows.append(tuple(map(Text, texts)))
    return Block(
        "What training cost (shared pretraining included in epochs and MACs, not in seconds)", head, tuple(rows)
    )
