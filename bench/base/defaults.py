"""What a command takes where nothing is named."""

from __future__ import annotations

from pathlib import Path

QUICK = Path("configs/quick.yaml")
"""The default grid."""
