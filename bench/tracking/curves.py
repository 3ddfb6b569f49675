"""The curves of one run as a small figure: it is stored with the run in the tracking store.

Written as SVG by hand: drawing it with matplotlib took longer than all the rest that is stored with a run.
"""

from __future__ import annotations

from html import escape

from bench.results.record import Record

COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")
LEFT, TOP, WIDTH, HEIGHT = 45, 15, 480, 280
"""The frame, in pixels."""


def draw(record: Record) -> str:
    """Accuracy (%) and sparsity (%) over epochs, one line per stage, as SVG; an empty frame if nothing was measured."""
    longest = max((epoch for curve in record.curves for epoch in curve.epoch), default=1.0)
    drawn = [f'<path d="M{LEFT} {_height(value):g}h{WIDTH}" stroke="#ddd"/>' for value in (0, 25, 50, 75, 100)]
    drawn += [_text(LEFT - 5, _height(value) + 4, f"{value}", "end") for value in (0, 25, 50, 75, 100)]
    drawn += [_text(LEFT + WIDTH * part, TOP + HEIGHT + 15, f"{part * longest:g}", "middle") for part in (0, 0.5, 1)]
    drawn.append(_text(LEFT + WIDTH / 2, TOP + HEIGHT + 30, "% by epoch of the stage", "middle"))
    lines = [
        (f"{curve.stage}: {kind}", f'stroke="{COLOURS[number % len(COLOURS)]}" {dashes}', curve.epoch, values)
        for number, curve in enumerate(record.curves)
        for kind, dashes, values in (
            ("accuracy", "", curve.accuracy),
            ("sparsity", 'stroke-dasharray="5 4"', [100 * value for value in curve.sparsity]),
        )
    ]
    for row, (name, style, epochs, values) in enumerate(lines):
        places = [(LEFT + WIDTH * x / longest, _height(y)) for x, y in zip(epochs, values, strict=False)]
        right, down = LEFT + WIDTH + 10, TOP + 15 * (row + 1)
        drawn += [_line(places, style), _line([(right, down), (right + 20, down)], style)]
        drawn.append(_text(right + 25, down + 4, name, "start"))
    size = f'width="{LEFT + WIDTH + 220}" height="{max(TOP + HEIGHT + 40, TOP + 15 * (len(lines) + 1))}"'
    style = 'font-family="sans-serif" font-size="12"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', *drawn, "</svg>\n"])


def _height(percent: float) -> float:
    return TOP + HEIGHT * (1 - percent / 100)


def _line(places: list[tuple[float, float]], style: str) -> str:
    return (
        f'<polyline fill="none" stroke-width="2" {style} points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
