"""Data sets: decoded once to arrays with a checksum, kept on the device as uint8, augmented there.

Image folders, which do not fit into memory, are indexed once and decoded batch by batch, in processes of their own.

Importing this package imports neither torch nor torchvision nor scikit-learn; only preparing and loading do.
"""

from __future__ import annotations

from bench.data.catalog import DATASETS, DataInfo, info, names
from bench.data.images import Images, load
from bench.data.prepare import prepare

__all__ = ["DATASETS", "DataInfo", "Images", "info", "load", "names", "prepare"]
