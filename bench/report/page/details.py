"""What opens when a cell is chosen: its seeds, what it is compared to and why not, and the records behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.published.comparison import Compared
from bench.report import cell
from bench.report.cell import CellResult, Ended
from bench.report.layout import known, points
from bench.report.page.material import Material, share
from bench.statistics.standing import Place


def details(material: Material, curves: Mapping[tuple[str, float | None], int]) -> list[dict[str, Any]]:
    """A cell's texts, in the order of the plan; `curves` says where the training curve of a run at a point is."""
    return [
        {
            "title": f"{each.method}, {material.point_name(each)}",
            "place": str(each.network),
            "ours": _ours(each),
            "facts": _facts(each),
            "failures": list(map(str, each.failures)),
            "warnings": each.warnings,
            "runs": [_run(material, run) for run in each.runs],
            "published": [_published(one) for one in each.published],
            "curve": next(
                (found for run in each.runs if (found := curves.get((run.run, each.point))) is not None), None
            ),
        }
        for each in material.results
    ]


def _ours(each: CellResult) -> str:
    accuracy = replace(each.number, n=None, planned=None, unit="%")
    return f"{accuracy} ({each.n} of {len(each.runs)} seeds)" if each.n else "no result"


def _facts(each: CellResult) -> list[tuple[str, str]]:
    means = each.means
    texts = {
        "95 % interval of the mean": str(each.interval),
        "Seen from the best of its column": _standing(each),
        "Drop from our dense network": "" if each.point is None else points(each.drop),
        "Sparsity of prunable weights": share(means.prunable_sparsity),
        "Effective sparsity": share(means.effective_sparsity),
        "Parameters kept": share(means.parameters_kept),
        "MACs kept (theoretical)": share(means.macs_kept),
        "Effective MACs kept": share(means.effective_macs_kept),
        "Epochs, shared pretraining included": "" if math.isnan(means.epochs) else f"{means.epochs:.6g}",
        "Recipe": each.recipe + ("" if each.budget == 1 else f", budget {each.budget:g}"),
        "Prunable set": each.prunable,
    }
    return [(name, text) for name, text in texts.items() if text]


def _standing(each: CellResult) -> str:
    """``open; about 12 seeds would tell``; nothing for the best itself."""
    if each.standing is None:
        return ""
    match each.standing.place:
        case Place.WITHIN:
            return "within the margin"
        case Place.WORSE:
            return "certainly lower"
        case Place.OPEN:
            seeds = each.standing.seeds
            return f"open; {f'about {seeds}' if seeds else 'no number of'} seeds would tell"


def _run(material: Material, run: Ended) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "id": run.run,
        "outcome": run.outcome,
        "reason": run.reason,
        "accuracy": None if math.isnan(run.accuracy) else round(run.accuracy, 4),
        "record": material.link(run.run),
    }


def _published(each: Compared) -> dict[str, Any]:
    row, verdict = each.row, each.verdict
    seeds = "number of seeds not given" if row.n_seeds is None else f"{row.n_seeds} seeds"
    epoch = {"best": "best epoch", "best_validation": "best epoch on held-out images"}.get(row.report or "", "")
    difference = str(cell.difference(each))
    texts = {
        "Published": ", ".join(filter(None, (str(cell.theirs(each)), seeds, epoch))),
        "Ours": str(known(replace(cell.ours(each), n=None), "no result")),
        "Difference": f"{difference} points" if difference else "",
        "Margin": "" if math.isnan(verdict.margin) else f"± {verdict.margin:g} points",
        "Printed value": f"{each.printed} of the margin around the printed number" if each.printed else "",
        "Drop from dense (theirs / ours)": f"{points(each.published_drop) or '?'} / {points(each.drop) or '?'}",
        "Paper": ", ".join(filter(None, (row.paper, f"arXiv:{row.arxiv}" if row.arxiv else ""))),
        "There": f"{row.table}: {row.method_printed}, {row.architecture_printed} [{row.id}]",
        "Read in": row.source,
        "Verified": row.verified,
        "Reading": row.reading,
        "Note": row.note,
        "Known deviations of our protocol": each.deviations,
    }
    return {
        "anchor": each.anchor,
        "verdict": each.outcome,
        "letter": each.outcome.letter,
        "colour": each.outcome.colour,
        "why": list(map(str, verdict.obstacles)) or [each.reason] * bool(each.reason),
        "facts": [(name, text) for name, text in texts.items() if text],
    }
