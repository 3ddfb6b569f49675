"""Accuracy against sparsity and against MACs: one figure per data set, one panel per architecture, as SVG and PNG."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from bench import recipe
from bench.base.atomic import write_atomic
from bench.base.spelling import Spelling
from bench.report import per_input
from bench.report.cell import CellResult, Means
from bench.report.palette import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bench.plan.grid import Grid

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h", "<", ">", "*", "p")

CROWDED = 12
"""With more methods than this, bands would hide each other."""

LABEL = 34
"""Letters of a line of the legend; a longer name is broken."""

ROWS = 15
"""Lines of a column of the legend, which stands beside the panels and is as high."""

LINE, LETTER = 0.19, 0.076
"""Height of a line and width of a letter at 9 points, in inches."""

STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar sign in a name is one
    "svg.hashsalt": "reprune",  # the same figure gives the same file
}


@dataclass(frozen=True)
class Kind:
    """A kind of figure: what its x axis shows, the fraction kept at a value of it, and which values may be ticks."""

    name: str
    of: Callable[[Means], float]
    label: str
    kept: Callable[[float], float]
    ticks: tuple[float, ...]


# Sparsities crowd towards 100 %; on a logarithmic scale of what is kept, halving it is the same step anywhere.
MACS = Kind(
    "macs",
    lambda means: means.macs_kept,
    "Theoretical MACs kept (% of dense)",
    lambda macs: macs,
    (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001),
)
SPARSITY = Kind(
    "sparsity",
    lambda means: means.prunable_sparsity,
    "Sparsity (%)",
    lambda sparsity: 1 - sparsity,
    (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999),
)


def draw(grid: Grid, results: Sequence[CellResult], folder: Path) -> list[Path]:
    """Write ``accuracy-{sparsity,macs}-<dataset>.{svg,png}``; returns the paths.

    Data sets of which no pruned run has ended get no figure.
    """
    paths = []
    sparsity = replace(SPARSITY, ticks=grid.sparsities or SPARSITY.ticks)
    for dataset in grid.datasets:
        ended = [each for each in results if each.network.dataset == dataset and each.n]
        sparse = [each for each in ended if not per_input.decides(each.method)]  # else the network itself is dense
        for kind, shown in ((sparsity, sparse), (MACS, ended)):
            if any(each.point is not None for each in shown):
                paths += _figure(grid, shown, kind, folder / f"accuracy-{kind.name}-{dataset}")
    return paths


def _figure(grid: Grid, results: Sequence[CellResult], kind: Kind, stem: Path) -> list[Path]:
    drawn = {each.network.architecture for each in results}
    architectures = [name for name in grid.architectures if name in drawn]
    methods = list(dict.fromkeys(each.method for each in results if each.point is not None))
    looks = dict(zip(methods, zip(cycle(PALETTE), cycle(MARKERS), _strokes(), strict=False), strict=False))
    longest, rows = _extent([label for method in methods for label in _wrapped(method).splitlines()])
    columns = -(-rows // ROWS)
    with rc_context(STYLE):
        width = 3.4 * len(architectures) + 0.6 + columns * (0.6 + LETTER * longest)
        figure = Figure(figsize=(width, 0.6 + LINE * ROWS), layout="constrained")
        panels = figure.subplots(1, len(architectures), squeeze=False)
        for panel, architecture in zip(panels[0], architectures, strict=True):
            _panel(panel, [each for each in results if each.network.architecture == architecture], kind, looks)
            panel.set_title(architecture, fontsize=9)
            panel.set_xlabel(kind.label)
        panels[0][0].set_ylabel("Top-1 accuracy (%)")
        handles, labels = _legend(panels[0])
        figure.legend(handles, list(map(_wrapped, labels)), loc="outside right upper", ncols=columns)
        if banner := _banner(grid):
            figure.suptitle(banner, x=0.01, ha="left", color="#8a1c00", fontsize=9)
        return [_save(figure, stem.with_name(f"{stem.name}.{ending}")) for ending in ("svg", "png")]


def _extent(lines: list[str]) -> tuple[int, int]:
    """The longest line, in letters, and the number of lines, with one for the dense network."""
    return max(map(len, lines)), len(lines) + 1


def _wrapped(method: str) -> str:
    """A method's name on lines of at most about `LABEL` letters, broken behind commas."""
    return textwrap.fill(method.replace(",", ", "), LABEL, break_long_words=False).replace(", ", ",")


def _banner(grid: Grid) -> str:
    """What nobody may overlook who sees the figure alone."""
    scaled = f"SCALED DOWN to {grid.budget:g} of the recipe's length" if grid.budget != 1 else ""
    parent = "SINGLE PARENT: all start from one trained network" if recipe.load(grid.recipe).initialisation.file else ""
    return "\n".join(filter(None, (scaled, parent)))


def _strokes() -> Iterator[str]:
    """Solid until colours and markers come together again, then dashed, and so on."""
    for stroke in cycle(("-", "--", ":")):
        yield from repeat(stroke, math.lcm(len(PALETTE), len(MARKERS)))


def _panel(panel: Axes, results: Sequence[CellResult], kind: Kind, looks: dict[str, tuple[str, str, str]]) -> None:
    for n, mean, std in (each.accuracy for each in results if each.method == "dense"):
        panel.axhline(mean, color="black", linestyle="--", linewidth=1, label="dense")
        if n > 1:
            panel.axhspan(mean - std, mean + std, color="black", alpha=0.1, lw=0)
    for method, (colour, marker, stroke) in looks.items():
        line = [each for each in results if each.method == method and kind.kept(kind.of(each.means)) > 0]
        line.sort(key=lambda each: kind.of(each.means))
        x = -np.log10([kind.kept(kind.of(each.means)) for each in line])
        means, spreads = (np.array([each.accuracy[index] for each in line]) for index in (1, 2))
        panel.plot(x, means, stroke, color=colour, marker=marker, markersize=4, linewidth=1.2, label=method)
        if len(looks) > CROWDED:
            continue
        # Where a single seed has no spread, the band is simply absent.
        panel.fill_between(x, means - spreads, means + spreads, color=colour, alpha=0.18, linewidth=0)
    left, right = panel.get_xlim()
    write = Spelling.of(kind.ticks).percentage
    ticks = {-math.log10(kind.kept(value)): write(value) for value in kind.ticks}
    inside = {position: text for position, text in ticks.items() if left <= position <= right}
    panel.set_xticks(list(inside), list(inside.values()))


def _legend(panels: Any) -> tuple[list[Any], list[str]]:
    found: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def _save(figure: Figure, path: Path) -> Path:
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix[1:], dpi=200, metadata={"Date": None} if path.suffix == ".svg" else None)
    write_atomic(path, data.getvalue())
    return path
