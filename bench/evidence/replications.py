"""Papers against each other: numbers that several sources print about the same network, method and sparsity."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from bench import names
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
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in published.rows:
        read = row.verified != "unverified" and row.metric == "top1" and not row.duplicate_of
        if read and row.method and row.point is not None:
            network = row.architecture or row.architecture_printed
            groups[row.dataset, network, _method(row), round(row.point, DIGITS), row.variant].append(row)
    found = [
        Replication(tuple(sorted(rows, key=lambda row: (-row.value, row.id))))
        for rows in groups.values()
        if len({row.paper for row in rows}) > 1
    ]
    return sorted(found, key=lambda one: (-one.difference, one.rows[0].id))


def _method(row: Row) -> str:
    """Its name and allocation, which papers state; other hyper-parameters belong to a protocol."""
    name, fields = names.parse(row.canonical_method)
    return f"{name} {fields.get('allocation', '')}"
