"""Stateless randomness: every draw is a pure function of what it is for.

No generator is ever saved. A resumed run, a run with one more method hook and a run on another machine draw the same
numbers, because a draw's seed is a hash of the run's seed and of the draw's purpose, never a count of earlier draws.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def seed_for(seed: int, purpose: str, *keys: int | str) -> int:
    """A 63-bit seed from the run's seed, the purpose ("init", "order", …) and keys such as epoch and step."""
    text = "/".join(str(part) for part in (seed, purpose, *keys))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(device: torch.device | str, seed: int, purpose: str, *keys: int | str) -> torch.Generator:
    """A torch generator on `device`, seeded by `seed_for`."""
    import torch

    return torch.Generator(device=device).manual_seed(seed_for(seed, purpose, *keys))


def reseed(device: torch.device, seed: int) -> None:
    """Seed torch's default generators: the CPU's, and those of the GPUs if `device` is one.

    `torch.manual_seed` does the same, but for every backend that has not been started it also formats a stack trace:
    fifty times as long, in every step.
    """
    import torch

    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed_all(seed)
