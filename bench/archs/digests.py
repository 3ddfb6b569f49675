"""The code behind an architecture, which enters a run's identity once it is another than that of the first records.

``digests.csv`` has the digests of our own networks. As long as the code at hand has the same, and timm is the version
of ``envs/constraints.txt``, an identity holds the name alone. Imports neither torch nor timm.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from bench import archs, identity
from bench.base import packages

TIMM = "1.0.31"
"""The version of timm that needs no mention; a test holds it to ``envs/constraints.txt``."""

TABLE = Path(__file__).with_suffix(".csv")


@cache
def deviation(name: str) -> dict[str, str | None]:
    """What a run's identity says of its architecture beside the name: nothing, unless its code is another one.

    Args:
        name: of ours or of timm's.
    """
    if name in archs.OWN:
        digest = own(name)
        return {} if recorded().get(name) == digest else {"network": digest}
    version = packages.version("timm")
    return {} if version == TIMM else {"timm": version}


def own(name: str) -> str:
    """SHA-256 of what one of our own networks does.

    Its class and settings, and the files that define it without docstrings, comments and import lines: code may move to
    another package and stay the same network.
    """
    module, cls, settings = archs.entry(name)
    return identity.digest({"class": cls, "settings": settings, "source": _source(module)})


@cache
def recorded() -> dict[str, str]:
    """The digests of ``digests.csv``, by the network's name."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {line["name"]: line["digest"] for line in csv.DictReader(file)}


@cache
def _source(module: str) -> dict[str, str]:
    package = identity.Package(archs.__name__, tuple(map(Path, archs.__path__)))
    file = package.find(f"{archs.__name__}.{module}")
    assert file is not None
    return identity.skeletons(file, package, imports=False)
