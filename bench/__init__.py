"""reprune: does a pruning paper's table hold, and how does its method compare under one protocol?

Importing this package imports no torch: it only installs the import hook of `bench.imports`.
"""

from __future__ import annotations

from bench.imports import install

__version__ = "0.1.0"

install()
