"""Which exceptions tell that the machine failed, and not the run."""

from __future__ import annotations

import re

import torch

KINDS = (torch.AcceleratorError, torch.OutOfMemoryError, torch.distributed.DistError)

WORDS = re.compile(
    r"CUDA error|CUDA driver error|cuDNN error|CUDNN_STATUS_|CUBLAS_STATUS_|CUSOLVER_STATUS_|NCCL error|"
    r"can't allocate memory"
)
"""What the libraries that drive a GPU, and the allocator of a CPU, write into a plain RuntimeError."""


def is_one(error: BaseException) -> bool:
    """Whether an exception, or what it was raised from, is a device's, a driver's or an allocator's."""
    return (
        isinstance(error, KINDS)
        or (isinstance(error, RuntimeError) and bool(WORDS.search(str(error))))
        or (error.__cause__ is not None and is_one(error.__cause__))
    )
