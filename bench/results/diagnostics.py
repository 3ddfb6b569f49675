"""Numbers that only some methods state about their networks (`Method.diagnostics`) and that tables have columns for."""

from __future__ import annotations

from collections.abc import Mapping

PER_INPUT = (
    "flops_paper",
    "flops_strict",
    "reduction_paper",
    "reduction_strict",
    "reduction_paper_estimated",
    "reduction_strict_estimated",
    "predictors",
    "filters_kept",
)
"""Numbers of `Method.diagnostics` that tables show, where a method has them; `bench.gated_macs` says what they are."""

NESTED = ("mask_bytes", "private_bytes", "overhead_bytes")
"""Numbers of `Method.diagnostics`: a level's mask, what it shares with no other, what all sparser ones add to it."""


def shown(diagnostics: Mapping[str, float]) -> dict[str, float | None]:
    """The `PER_INPUT` of a result, and the multiply-adds that its table goes by, if they are decided per input."""
    found: dict[str, float | None] = {name: diagnostics.get(name) for name in PER_INPUT}
    return found if found["flops_strict"] is None else found | {"macs": found["flops_strict"], "effective_macs": None}
