"""The charts as Vega-Lite specifications without data, which the page adds; colours are the page's own variables.

Written out instead of made with altair: there are four, they share almost everything, and nothing has to be imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bench.base.spelling import Spelling
from bench.report.palette import PALETTE

SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left")

STROKES = ([1, 0], [5, 3], [1, 2], [8, 3, 2, 3])

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

CONFIG: dict[str, Any] = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--soft)",
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 12,
        "gridColor": "var(--grid)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "tickSize": 4,
        "labelPadding": 4,
    },
}

CHOSEN = "!length(chosen) || indexof(chosen, datum.method) >= 0"
"""Whether a mark's method is highlighted; all are if none is."""

CUT = {"expr": "floor > 0"}
"""Marks below the lowest accuracy asked for are cut off; else those at the edge are shown whole."""

SHOWN = "indexof(hidden, datum.method) < 0"


KEPT = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Ticks at a fraction of weights or multiply-adds."""

DENSE = {"method": "dense", "colour": "var(--ink)", "shape": "circle", "stroke": [5, 3]}


def looks(methods: Sequence[str]) -> list[dict[str, Any]]:
    """Colour, shape and stroke of each method: no two have the same three before 256 of them. Dense stands out."""
    return [
        DENSE,
        *(
            {
                "method": method,
                "colour": f"var(--c{index % len(PALETTE)})",
                "shape": SHAPES[(index + index // len(PALETTE)) % len(SHAPES)],
                "stroke": STROKES[(index // len(PALETTE)) % len(STROKES)],
            }
            for index, method in enumerate(method for method in methods if method != "dense")
        ),
    ]


def trade_off(field: str, sparsities: Sequence[float], methods: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy against the fraction of ``weights`` or ``macs`` that is kept, on a logarithmic scale."""
    title = "Sparsity (%)" if field == "weights" else "Theoretical MACs kept (% of dense)"
    ticks = _sparsities(sparsities) if field == "weights" else {kept: f"{100 * kept:g}" for kept in KEPT}
    axis = {"title": title, "grid": False, "labelOverlap": True, "values": list(ticks)}
    axis["labelExpr"] = f"{json.dumps(list(ticks.values()))}[indexof({json.dumps(list(ticks))}, datum.value)]"
    x = {
        "field": field,
        "type": "quantitative",
        "axis": axis,
        "scale": {"type": "log", "reverse": True, "nice": False, "padding": 12},
    }
    tooltip = [
        {"field": name, "type": "nominal", "title": title}
        for name, title in (
            ("method", "Method"),
            ("at", "At"),
            ("accuracy", "Accuracy"),
            ("kept", "Weights kept"),
            ("macs_text", "MACs kept"),
        )
    ]
    sparse = [{"filter": f"!datum.dense && isValid(datum.{field}) && {SHOWN}"}]
    y = _accuracy("mean")
    lines = {"x": x, "color": _scale(methods, "colour"), "detail": {"field": "method"}}
    marks = {**lines, "y": y}
    return _chart(
        [
            {
                "transform": [{"filter": "datum.dense"}],
                "mark": {"type": "rect", "color": "var(--ink)", "opacity": 0.08, "clip": CUT},
                "encoding": {"y": _accuracy("low"), "y2": {"field": "high"}},
            },
            {
                "transform": [{"filter": "datum.dense"}],
                "mark": {"type": "rule", "color": "var(--ink)", "strokeDash": [5, 3], "clip": CUT},
                "encoding": {"y": y, "tooltip": tooltip},
            },
            _band(sparse, lines),
            {
                "transform": sparse,
                "mark": {"type": "line", "strokeWidth": 1.6, "clip": CUT},
                "encoding": {**marks, "strokeDash": _scale(methods, "stroke"), "opacity": _faded(0.08)},
            },
            {
                "transform": sparse,
                "mark": {"type": "point", "filled": True, "size": 46, "cursor": "pointer", "clip": CUT},
                "encoding": {**marks, "shape": _scale(methods, "shape"), "opacity": _faded(0.12), "tooltip": tooltip},
            },
        ],
        340,
    )


def _sparsities(own: Iterable[float]) -> dict[float, str]:
    """Sparsities in %, the grid's `own` among them, by the fraction kept, the largest first."""
    sparsities = sorted({*own, *(round(1 - kept, 9) for kept in KEPT)})
    write = Spelling.of(sparsities).percentage
    return {round(1 - each, 15): write(each) for each in sparsities}


def training(field: str, methods: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """``accuracy`` or mask ``flips`` over training; the page says in `along` what ``x`` is."""
    x = {
        "field": "x",
        "type": "quantitative",
        "axis": {"title": {"expr": "along"}, "grid": False},
        "scale": {"nice": False, "zero": False},
    }
    y = _accuracy(field)
    if field == "flips":
        y = {
            "field": field,
            "type": "quantitative",
            "axis": {"title": "Mask flips per epoch (%)", "format": "~r", "tickCount": 5},
            "scale": {"type": "symlog", "constant": 0.1},
        }
    tooltip = [
        {"field": "method", "type": "nominal", "title": "Method"},
        {"field": "epoch", "type": "quantitative", "title": "Epoch", "format": "~r"},
        {"field": "accuracy", "type": "quantitative", "title": "Accuracy (%)", "format": ".2f"},
        {"field": "flips", "type": "quantitative", "title": "Flips per epoch (%)", "format": ".3~r"},
    ]
    lines = {"x": x, "color": _scale(methods, "colour"), "detail": {"field": "method"}}
    shown = [{"filter": SHOWN}]
    layers: list[dict[str, Any]] = [
        {
            "transform": shown,
            "mark": {"type": "line", "strokeWidth": 1.5, "clip": CUT},
            "encoding": {**lines, "y": y, "strokeDash": _scale(methods, "stroke"), "opacity": _faded(0.07)},
        },
        {
            "transform": shown,
            "mark": {"type": "point", "filled": True, "size": 18, "clip": CUT},
            "encoding": {**lines, "y": y, "opacity": _faded(0.07), "tooltip": tooltip},
        },
    ]
    if field == "accuracy":
        layers.insert(0, _band(shown, lines))
    return _chart(layers, 260)


def _band(transform: list[dict[str, str]], lines: dict[str, Any]) -> dict[str, Any]:
    """The spread over seeds around lines, of those methods that are chosen."""
    return {
        "transform": transform,
        "mark": {"type": "area", "clip": CUT},
        "encoding": {
            **lines,
            "y": _accuracy("low"),
            "y2": {"field": "high"},
            "opacity": {"condition": {"test": CHOSEN, "value": {"expr": "bands"}}, "value": 0},
        },
    }


def _chart(layers: list[dict[str, Any]], height: int) -> dict[str, Any]:
    values = {"chosen": [], "hidden": [], "along": "Epoch", "floor": 0, "crowded": False}
    bands = {"name": "bands", "expr": "crowded && !length(chosen) ? 0 : 0.16"}
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": CONFIG,
        "data": {"name": "rows"},
        "params": [*({"name": name, "value": value} for name, value in values.items()), bands],
        "layer": layers,
    }


def _accuracy(field: str) -> dict[str, Any]:
    axis = {"title": "Top-1 accuracy (%)", "tickCount": 6}
    scale = {"zero": False, "nice": True, "domainMin": {"expr": "floor || null"}}
    return {"field": field, "type": "quantitative", "axis": axis, "scale": scale}


def _faded(least: float) -> dict[str, Any]:
    return {"condition": {"test": CHOSEN, "value": 1}, "value": least}


def _scale(methods: Sequence[dict[str, Any]], what: str) -> dict[str, Any]:
    scale = {"domain": [each["method"] for each in methods], "range": [each[what] for each in methods]}
    return {"field": "method", "type": "nominal", "scale": scale, "legend": None}
