"""reprune: does a pruning paper's table hold, and how does its method compare under one protocol?

Importing this package imports no torch: it only installs the import hook of `bench.base.imports`.
"""

from __future__ import annotations

from bench.base.imports import install

__version__ = "0.1.0"

install()
