"""Papers against each other: numbers that several sources print about the same network, method and sparsity."""

from __future__ import annotations

from dataclasses import dataclass

from bench import names
from bench.base.grouping import grouped
from bench.published import Published, Row

DIGITS = 3
"""Of a sparsity: papers round 89.26 % to 89.3 %."""


@dataclass(frozen=True)
class Replication:
    """Rows of several papers about one thing, the highest number first."""

    rows: tuple[Row, ...]

    @property
    def difference(self) -> float:
        """Between the highest and the lowest, in points."""
        return self.rows[0].value - self.rows[-1].value


def replications(published: Published) -> list[Replication]:
    """Every such group, the largest difference first; only of numbers that were read in their papers.

    Hyper-parameters count: RigL with ERK and with uniform layers are two methods. Protocols may differ, and mostly do.
    """
    read = (row for row in published.rows if row.is_read and row.method and row.point is not None)
    groups = grouped((_about(row), row) for row in read)
    found = [
        Replication(tuple(sorted(rows, key=lambda row: (-row.value, row.id))))
        for rows in groups.values()
        if len({row.paper for row in rows}) > 1
    ]
    return sorted(found, key=lambda one: (-one.difference, one.rows[0].id))


def _about(row: Row) -> tuple[object, ...]:
    """Of the method name and allocation, which papers state; other hyper-parameters belong to a protocol."""
    name, fields = names.parse(row.canonical_method)
    method, network = f"{name} {fields.get('allocation', '')}", row.architecture or row.architecture_printed
    return row.dataset, network, method, round(row.point or 0.0, DIGITS), row.variant
