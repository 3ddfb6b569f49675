"""Published counts as data: parameters, multiply-adds, sizes and sparsities that papers print.

They are judged by arithmetic alone, which says nothing about accuracy. One CSV a source under `published/counts/`; the
convention that a table counts by is the source's own (`bench.counts.conventions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from bench import published
from bench.base.schema import Strict
from bench.counts.networks import NETWORKS
from bench.errors import UserError

COUNTS = published.PUBLISHED / "counts"

UNITS = {"": Decimal(1), "x": Decimal(1), "%": Decimal("0.01"), "M": Decimal(10**6), "G": Decimal(10**9)}
"""What a printed number is a multiple of; sizes are in bytes, and an M of them is an MB."""


def _words(value: Any) -> Any:
    """A field of several values, which stand in a CSV with spaces between them."""
    return tuple(value.split()) if isinstance(value, str) else value


@dataclass(frozen=True)
class Printed:
    """A number as printed, with what its digits leave open, both in its unit."""

    value: Decimal
    half_unit: Decimal

    @classmethod
    def read(cls, text: str) -> Self:
        """From digits such as ``23.685`` or ``3.13e8``. Raises `ValueError` if it is no number."""
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise ValueError(f"'{text}' is no number") from None
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int):
            raise ValueError(f"'{text}' is no number")
        return cls(value, Decimal(5).scaleb(exponent - 1))


class Count(Strict):
    """One count that a source prints.

    Attributes:
        id: stable, unique over all sources.
        table: of the source; all its rows have one convention.
        convention: a name in `bench.counts.conventions.CONVENTIONS`.
        network: a name in `bench.counts.networks.NETWORKS`.
        method_printed: what pruned it, in the source's words.
        distribution: of the zeros. ``dense``: there are none; ``uniform`` and ``erk`` over layers; ``layers``: each
            layer has the sparsity that the source lists; ``overall``: only that of the whole network is known;
            ``filters``: whole ones are gone.
        sparsity: of the layers that are pruned, in [0, 1), as the method was told; under ``layers`` and ``overall`` as
            the source prints it for the network.
        kept_dense: kinds of layers that the method leaves alone.
        rates: fraction of the filters that goes, by stage, under ``filters``.
        skipped: numbers of the convolutions that keep their filters, under ``filters``.
        quantity: what is counted; the ``_ratio`` ones are relative to the dense network, the ``_reduction`` ones are
            what the dense network has more.
        part: what is counted of; the backbone is the network without its classifier.
        printed: as it stands in the source, digits and all, in `unit`.
        own_figures: other figures of the source from which the printed one should follow, as printed there.
        own_rule: how. ``same``: it is the same number; ``quotient``: the first over the second; ``kept``: of the first,
            what is left if the second, in percent, are zeros.
        verified: read at the source (``primary``), in somebody else's (``secondary``), or recalled (``unverified``).
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    paper: str = Field(min_length=1)
    arxiv: str = ""
    table: str = Field(min_length=1)
    convention: str
    network: str
    method_printed: str = Field(min_length=1)
    distribution: Literal["dense", "uniform", "erk", "layers", "overall", "filters"]
    sparsity: float | None = Field(default=None, ge=0, lt=1)
    kept_dense: Annotated[tuple[Literal["conv1", "depthwise"], ...], BeforeValidator(_words)] = ()
    rates: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], BeforeValidator(_words)] = ()
    skipped: Annotated[tuple[Annotated[int, Field(gt=0)], ...], BeforeValidator(_words)] = ()
    quantity: Literal[
        "parameters", "parameters_reduction", "sparsity", "size", "flops", "flops_ratio", "flops_reduction"
    ]  # fmt: skip
    part: Literal["network", "backbone"] = "network"
    printed: str
    unit: Literal["", "x", "%", "M", "G", "MB"] = ""
    source: str = Field(min_length=1)
    own_figures: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    own_rule: Literal["same", "quotient", "kept"] | None = None
    own_source: str = ""
    verified: Literal["primary", "secondary", "unverified"]
    note: str = ""

    @field_validator("printed", "own_figures")
    @classmethod
    def _numbers(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for text in (value,) if isinstance(value, str) else value:
            Printed.read(text)
        return value

    @field_validator("network")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in NETWORKS:
            raise ValueError(f"no network '{value}'; there are {', '.join(NETWORKS)}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.sparsity is None) == (self.distribution in ("uniform", "erk", "layers", "overall")):
            raise ValueError(f"a distribution '{self.distribution}' and 'sparsity' {self.sparsity} do not go together")
        if self.distribution != "filters" and (self.rates or self.skipped):
            raise ValueError("'rates' and 'skipped' are of filters")
        if len(self.own_figures) != (0 if self.own_rule is None else 1 if self.own_rule == "same" else 2):
            raise ValueError(f"'own_figures' are {len(self.own_figures)}, which is not what 'own_rule' asks for")
        if bool(self.own_rule) != bool(self.own_source):
            raise ValueError("'own_figures' and 'own_source' belong together")
        return self

    def fits(self, paper: str) -> bool:
        """Whether `paper` is a part of the source's authors, title or arXiv number, or of the count's id."""
        return paper.casefold() in f"{self.id} {self.paper} {self.arxiv}".casefold()

    @property
    def claim(self) -> Printed:
        """What is printed, in `unit`."""
        return Printed.read(self.printed)

    @property
    def scale(self) -> Decimal:
        """What one of the printed unit is worth."""
        return UNITS[self.unit.removesuffix("B")]

    @property
    def pruned(self) -> str:
        """The method in the source's words, with its sparsity."""
        return self.method_printed if self.sparsity is None else f"{self.method_printed}, {100 * self.sparsity:.5g} %"


def load(folder: Path = COUNTS) -> tuple[Count, ...]:
    """Read and check every CSV of the folder.

    Raises `UserError` naming file, line, field and value.
    """
    from bench.counts.conventions import CONVENTIONS

    counts: dict[str, Count] = {}
    conventions: dict[tuple[str, str], str] = {}
    for file in sorted(folder.glob("*.csv")):
        for line, values in published.lines(file):
            place = f"{file}, line {line}"
            count = Count.read(values, place)
            if count.id in counts:
                raise UserError(f"{place}: field 'id': '{count.id}' is there twice.")
            if count.convention not in CONVENTIONS:
                listed = ", ".join(CONVENTIONS)
                raise UserError(f"{place}: field 'convention': '{count.convention}' is none of {listed}.")
            convention = CONVENTIONS[count.convention]
            for name, known in (("quantity", convention.quantities), ("distribution", convention.distributions)):
                if (value := getattr(count, name)) not in known:
                    raise UserError(f"{place}: field '{name}': '{value}' is nothing that {count.convention} counts.")
            if conventions.setdefault((count.paper, count.table), count.convention) != count.convention:
                raise UserError(f"{place}: field 'convention': the table '{count.table}' is counted by another one.")
            counts[count.id] = count
    return tuple(counts.values())
