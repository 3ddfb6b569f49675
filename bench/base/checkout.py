"""The folder that the packages are a part of."""

from __future__ import annotations

from pathlib import Path

from bench.errors import UserError

CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder with `configs/`, `published/` and the Snakefile, of which the packages are a part."""


def require_checkout() -> None:
    """Raise `UserError` where the packages were installed without what lies beside them."""
    if not (CHECKOUT / "configs" / "recipes").is_dir():
        raise UserError(
            f"reprune is installed in {CHECKOUT} without its configs/ and published/; install it from a clone that "
            "stays where it is, by `pip install -e .` there."
        )
