"""Multiply-adds per image of a network, without building it where they are listed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench import archs
from bench.archs.sizes import sizes
from bench.counting import flops

if TYPE_CHECKING:
    from bench.data import DataInfo


def macs(architecture: str, info: DataInfo, results: Path) -> int:
    """Multiply-adds per image; of our networks on images of their usual size from the list, whatever the classes."""
    usual = (1, 28, 28) if architecture in archs.FLAT else (3, 32, 32)
    if architecture in sizes() and (info.channels, info.height, info.width) == usual:
        return int(sizes()[architecture]["macs"])
    return sum(flops.count(architecture, info, results / "archs").values())
