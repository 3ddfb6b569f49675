"""Versions of installed packages, none of which is imported."""

from __future__ import annotations

from importlib import metadata

import bench

PACKAGES = ("torch", "torchvision", "timm", "fvcore", "numpy", "safetensors", "pydantic")
"""Installed packages whose versions matter to results."""


def versions() -> dict[str, str | None]:
    """The versions of reprune and of `PACKAGES`; None for what is not installed."""
    return {"reprune": bench.__version__} | {name: version(name) for name in PACKAGES}


def version(package: str) -> str | None:
    """The version of an installed package, which is not imported; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
