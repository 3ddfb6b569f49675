"""``report.html``: one file for whoever wants to know what holds. It opens offline and asks nobody for anything.

Tables are HTML that needs no script; scripts add charts, sorting, filters and what opens when a cell is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from bench.published.outcomes import Outcome
from bench.report import origins, tables
from bench.report.layout import Section
from bench.report.page import about, charts, embed, overview, series
from bench.report.page.details import details
from bench.report.page.heat import heat
from bench.report.page.material import Material
from bench.report.page.matrix import matrices
from bench.report.palette import LIGHTER, PALETTE
from bench.report.tables import TEMPLATES, facts

STYLES = ("page.css", "tables.css", "charts.css", "media.css")
SCRIPTS = ("page.js", "detail.js", "charts.js")


def render(material: Material, library: str) -> str:
    """The page, with `library` (`bench.report.page.embed.library`) in it to draw the charts."""
    names = {each.method: each.cell.method_name for each in material.results}
    trainings, where = series.trainings(material)
    sections = [
        _section(material, number, numbers, layout)
        for number, (numbers, layout) in enumerate(zip(material.sections(), material.report.sections, strict=True))
    ]
    looks = charts.looks(list(names))
    data = {
        "cells": details(material, where),
        "looks": looks,
        "trainings": [asdict(training) for training in trainings],
        "sections": [
            {"rows": section["rows"], "trainings": sorted({where[key] for key in section["runs"] if key in where})}
            for section in sections
        ],
        "specs": {
            "sparsity": charts.trade_off("weights", material.grid.sparsities, looks),
            "macs": charts.trade_off("macs", material.grid.sparsities, looks),
            "accuracy": charts.training("accuracy", looks),
            "flips": charts.training("flips", looks),
        },
    }
    style, script = (
        "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names) for names in (STYLES, SCRIPTS)
    )
    common, varying = origins.blocks(material.records)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=material.report,
            facts=facts(material.report, "html"),
            cards=overview.cards(material),
            leaders=overview.leaders(material),
            sections=sections,
            failures=overview.failures(material),
            missing=overview.missing(material),
            names=names,
            outcomes={str(outcome): outcome for outcome in Outcome},
            methods=about.methods(material),
            recipes=about.recipes(material),
            totals=origins.totals(material.plan, material.records),
            notices=origins.notices(material.records),
            common=common,
            varying=varying,
            grid=origins.written(material.grid),
            commands=about.commands(material),
            runs=about.runs(material),
            palette=[(colour, LIGHTER.get(colour, colour)) for colour in PALETTE],
            css=Markup(style),
            data=Markup(embed.data(data)),
            library=Markup(library),
            script=Markup(script),
            policy=embed.policy([library, script]),
        )
    )


def _section(material: Material, number: int, numbers: Sequence[int], layout: Section) -> dict[str, Any]:
    results = [material.results[each] for each in numbers]
    return {
        "id": f"section-{number}",
        "number": number,
        "layout": layout,
        "blocks": [block for block in layout.blocks if not block.accuracies],
        "matrices": matrices(material, numbers),
        "heat": heat(material, numbers),
        "rows": series.trade_off(material, numbers),
        "runs": [(run.run, each.point) for each in results for run in each.runs],
        "points": list(dict.fromkeys(material.point_name(each) for each in results if each.point is not None)),
    }


def _breakable(text: str) -> Markup:
    """A method's name that may be broken behind its commas and brackets."""
    return Markup("<wbr>").join(re.split(r"(?<=[,\[=])", text))


@cache
def environment() -> Environment:
    """The templates of pages, which escape what is put into them."""
    pages = tables.environment(autoescape=True)
    pages.filters |= {"breakable": _breakable}
    return pages
