"""What opens when a cell is chosen: its seeds, what it is compared to and why not, and the records behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bench.published.outcomes import Outcome
from bench.report.layout import points, signed
from bench.report.page.material import Line, Material, key_of, number, share
from bench.results.measurements import key
from bench.statistics.standing import Place


def details(material: Material, curves: Mapping[tuple[str, float | None], int]) -> list[dict[str, Any]]:
    """A cell's texts, in the order of the plan; `curves` says where the training curve of a run at a point is."""
    found = []
    for place, (line, cell) in enumerate(zip(material.lines, material.plan.cells, strict=True)):
        runs = [_run(material, material.by_key[key(run, cell.point)], seed, run) for seed, run in cell.runs]
        found.append(
            {
                "title": f"{line['method']}, {material.point_name(line)}",
                "place": f"{line['architecture']} on {line['dataset']}",
                "ours": _ours(line),
                "facts": _facts(line),
                "failures": [str(failure) for failure in material.failures(place)],
                "warnings": line["warnings"],
                "runs": runs,
                "published": [_published(row) for row in material.published.get(key_of(line), [])],
                "curve": next((curves[run, cell.point] for _, run in cell.runs if (run, cell.point) in curves), None),
            }
        )
    return found


def _ours(line: Line) -> str:
    if not line["n"]:
        return "no result"
    return f"{number(line['mean'], line['std'])} % ({line['n']} of {line['expected']} seeds)"


def _facts(line: Line) -> list[tuple[str, str]]:
    low, high = line["low"], line["high"]
    texts = {
        "95 % interval of the mean": "" if math.isnan(low) else f"{max(low, 0):.2f} to {min(high, 100):.2f}",
        "Seen from the best of its column": _standing(line),
        "Drop from our dense network": points(line["drop"]) if not math.isnan(line["point"]) else "",
        "Sparsity of prunable weights": share(line["prunable_sparsity"]),
        "Effective sparsity": share(line["effective_sparsity"]),
        "Parameters kept": share(line["parameters_kept"]),
        "MACs kept (theoretical)": share(line["macs_kept"]),
        "Effective MACs kept": share(line["effective_macs_kept"]),
        "Epochs, shared pretraining included": "" if math.isnan(line["epochs"]) else f"{line['epochs']:.6g}",
        "Recipe": line["recipe"] + ("" if line["budget"] == 1 else f", budget {line['budget']:g}"),
        "Prunable set": line["prunable"],
    }
    return [(name, text) for name, text in texts.items() if text]


def _standing(line: Line) -> str:
    """``open; about 12 seeds would tell``; nothing for the best itself."""
    if line["standing"] != Place.OPEN:
        return {Place.WITHIN: "within the margin", Place.WORSE: "certainly lower"}.get(line["standing"], "")
    seeds = line["seeds_to_tell"]
    return f"open; {'no number of' if math.isnan(seeds) else f'about {seeds:.0f}'} seeds would tell"


def _run(material: Material, line: Line, seed: int, run: str) -> dict[str, Any]:
    accuracy = line["accuracy"]
    return {
        "seed": seed,
        "id": run,
        "outcome": line["outcome"],
        "reason": line["reason"],
        "accuracy": None if math.isnan(accuracy) else round(accuracy, 4),
        "record": material.link(run),
    }


def _published(row: Line) -> dict[str, Any]:
    half = "" if math.isnan(row["half_width"]) else f" ± {row['half_width']:.2f}"
    seeds = "number of seeds not given" if math.isnan(row["published_n"]) else f"{row['published_n']:.0f} seeds"
    epoch = {"best": "best epoch", "best_validation": "best epoch on held-out images"}.get(row["report"], "")
    difference = signed(row["difference"])
    drops = (points(row[name]) or "?" for name in ("published_drop", "ours_drop"))
    texts = {
        "Published": ", ".join(filter(None, (number(row["published"], row["published_std"]), seeds, epoch))),
        "Ours": number(row["ours"], row["ours_std"]) or "no result",
        "Difference": f"{difference}{half} points" if difference else "",
        "Margin": "" if math.isnan(row["margin"]) else f"± {row['margin']:g} points",
        "Printed value": f"{row['printed']} of the margin around the printed number" if row["printed"] else "",
        "Drop from dense (theirs / ours)": " / ".join(drops),
        "Paper": ", ".join(filter(None, (str(row["paper"]), f"arXiv:{row['arxiv']}" if row["arxiv"] else ""))),
        "There": f"{row['table']}: {row['method_printed']}, {row['architecture_printed']} [{row['row']}]",
        "Read in": row["source"],
        "Verified": row["verified"],
        "Reading": row["reading"],
        "Note": row["note"],
        "Known deviations of our protocol": row["deviations"],
    }
    return {
        "anchor": bool(row["anchor"]),
        "verdict": row["verdict"],
        "letter": Outcome(row["verdict"]).letter,
        "colour": Outcome(row["verdict"]).colour,
        "why": list(map(str, row["obstacles"])) or [row["reason"]] * bool(row["reason"]),
        "facts": [(name, str(text)) for name, text in texts.items() if text and text == text],
    }
