"""Which versions of timm the networks of a plan's runs stem from: tables say so where it is more than one.

An identity has the version only where it is not that of ``envs/constraints.txt`` (`bench.archs.digests`), and that one
moves on with the years.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench import archs
from bench.plan.grid import Network

if TYPE_CHECKING:
    from bench.plan.grid import Plan
    from bench.results.measurements import Source


@dataclass(frozen=True)
class TimmVersions:
    """The runs whose architecture is timm's.

    Attributes:
        runs: how many were made with which version, by data set and architecture.
    """

    runs: dict[Network, Counter[str]] = field(default_factory=dict)

    def notes(self, *networks: Network) -> tuple[str, ...]:
        """A sentence for tables about these networks, or about all; none if no two versions are recorded."""
        counts = sum((self.runs.get(network, Counter()) for network in networks or self.runs), Counter[str]())
        if len(counts) < 2:
            return ()
        listed = ", ".join(f"{version} ({count})" for version, count in counts.most_common())
        return (f"Runs whose network is timm's were made with different versions of timm: {listed}.",)


def read(plan: Plan, records: Mapping[str, Source]) -> TimmVersions:
    """The versions in the records of a plan; records that name none are passed over."""
    found: dict[Network, Counter[str]] = {}
    for spec in plan.runs:
        packages = records[spec.id].record.provenance.get("packages") if spec.id in records else None
        version = (packages or {}).get("timm")
        if version and spec.architecture not in archs.OWN:
            found.setdefault(Network(spec.dataset, spec.architecture), Counter())[version] += 1
    return TimmVersions(found)
