"""How dense each layer is: a row for each sparse cell, a column for each layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from bench.base.grouping import grouped
from bench.report.page.material import Material
from bench.results.measurements import ended_well


@dataclass(frozen=True)
class Heat:
    """Densities in % by layer, averaged over the seeds that ended well; None where a record has no such layer."""

    layers: tuple[str, ...]
    shapes: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[float | None, ...]], ...]


def heat(material: Material, numbers: Iterable[int]) -> Heat | None:
    """The densities of a section's cells; None if no pruned network is there."""
    shapes: dict[str, str] = {}
    rows = []
    for number in numbers:
        each = material.results[number]
        if each.point is None:
            continue
        measured = [layer for result in ended_well(each.cell, material.records) for layer in result.layers]
        layers = [layer for layer in measured if layer.prunable]
        shapes |= {layer.name: " × ".join(map(str, layer.shape)) for layer in layers if layer.name not in shapes}
        densities = grouped((layer.name, 100 * layer.density) for layer in layers)
        if densities and any(value < 100 for values in densities.values() for value in values):
            means = {name: fmean(values) for name, values in densities.items()}
            rows.append((each.method, material.point_name(each), means))
    if not rows:
        return None
    ordered = tuple((method, point, tuple(means.get(name) for name in shapes)) for method, point, means in rows)
    return Heat(tuple(name.removesuffix(".weight") for name in shapes), tuple(shapes.values()), ordered)
