"""How large our own architectures are, from a list: nothing is built, and torch stays unimported."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

SIZES = Path(__file__).with_suffix(".csv")
"""With 10 classes at 3x32x32; a test holds it to the code."""


@cache
def sizes() -> dict[str, dict[str, str]]:
    """Family, arXiv number, parameters and MACs of our own architectures, by name."""
    with SIZES.open(encoding="utf-8", newline="") as file:
        return {line.pop("name"): line for line in csv.DictReader(file)}
