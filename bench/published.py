"""Published numbers as data: one CSV per paper and the protocols behind them, both under `published/`.

A number is not worth more than what is known about it, so a row says who read it where, how exactly, under which
protocol, over how many seeds, and what its sparsity is a fraction of.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from bench import catalog, names, statistics
from bench.errors import UserError
from bench.schema import Strict, read_yaml

if TYPE_CHECKING:
    from bench.grid import Cell

PUBLISHED = Path(__file__).parent.parent / "published"
SAME_SPARSITY = 5e-4
"""Targets closer than this are the same target: papers round 89.26 % to 89.3 %."""

Report = Literal["last", "best", "best_validation"]


class Protocol(Strict):
    """How a set of published numbers came about.

    Attributes:
        recipe: of `configs/recipes/`, ``name`` or ``name[field=value]``; None if no recipe can state it.
        reason: why there is no recipe; its rows are not comparable for this reason.
        prunable: the set of tensors its methods may zero.
        report: accuracy on the test set after the ``last`` epoch, in the ``best`` epoch, or in the epoch that was best
            on a validation set.
        deviations: where the recipe is known to differ from the source in ways the recipe's fields cannot state.
    """

    recipe: str | None
    reason: str = ""
    prunable: str
    report: Report
    source: str
    deviations: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _explained(self) -> Self:
        if (self.recipe is None) != bool(self.reason):
            raise ValueError("give either a 'recipe' or the 'reason' why there is none")
        return self


class Row(Strict):
    """One number of one paper.

    Attributes:
        id: stable, unique over all papers.
        dataset, architecture, method: our names; the ``_printed`` ones are the source's.
        method: with the hyper-parameters in which it differs from our defaults.
        sparsity: target in [0, 1), a fraction of `sparsity_of`; 0 for the dense network.
        prunable, report: the protocol's, unless this row says otherwise.
        value, std, dense_value: in percent of the test images.
        std_kind: what the number after ± is; ``unknown`` if the source does not say.
        n_seeds: None if the source does not say.
        reading_error: half a unit of the last printed digit, or of the reading from a figure; in points.
        verified: read in the authors' own paper, repository or reply (``primary``), in somebody else's (``secondary``),
            or recalled and never read (``unverified``).
        duplicate_of: the row that stands for the same number.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    paper: str = Field(min_length=1)
    arxiv: str = ""
    table: str = Field(min_length=1)
    dataset: str
    architecture: str
    architecture_printed: str
    method: str
    method_printed: str
    structure: Literal["dense", "unstructured"]
    sparsity: float = Field(ge=0, lt=1)
    sparsity_of: str = Field(min_length=1)
    prunable: str = ""
    metric: Literal["top1"]
    value: float = Field(ge=0, le=100)
    std: float | None = Field(default=None, ge=0)
    std_kind: Literal["std", "sem", "ci95", "unknown"] = "unknown"
    n_seeds: int | None = Field(default=None, gt=0)
    dense_value: float | None = Field(default=None, ge=0, le=100)
    protocol: str
    report: Report | None = None
    reading: Literal["exact", "digitised"]
    reading_error: float = Field(gt=0)
    source: str = Field(min_length=1)
    verified: Literal["primary", "secondary", "unverified"]
    note: str = ""
    duplicate_of: str = ""

    @model_validator(mode="after")
    def _dense_is_dense(self) -> Self:
        if len({self.structure == "dense", self.sparsity == 0, self.method == "dense"}) > 1:
            raise ValueError("the structure 'dense', the method 'dense' and sparsity 0 go together")
        return self

    @property
    def seed_std(self) -> float | None:
        """The standard deviation over seeds, whatever the source printed; None if nothing is known of it."""
        if self.std is None or self.n_seeds is None:
            return self.std
        if self.std_kind == "sem":
            return self.std * math.sqrt(self.n_seeds)
        if self.std_kind == "ci95":
            return self.std * math.sqrt(self.n_seeds) / statistics.quantile(0.975, max(self.n_seeds - 1, 1))
        return self.std

    @property
    def canonical_method(self) -> str:
        """The method without fields that equal our defaults, as cells name it."""
        return _canonical(self.method)


@cache
def _canonical(method: str) -> str:
    try:
        return names.show(*catalog.parse(method))
    except UserError:  # a method that the suite does not have (yet)
        return method


@dataclass(frozen=True)
class Published:
    """All rows, and the protocols by id."""

    rows: tuple[Row, ...]
    protocols: dict[str, Protocol]

    def rows_for(self, cell: Cell) -> list[Row]:
        """The rows about a cell, duplicates left out.

        Same data set, architecture and sparsity, and the same method, be it with other hyper-parameters (a variant).
        """
        name = names.parse(cell.method)[0]
        target = 0.0 if cell.point is None else cell.point
        return [
            row
            for row in self.rows
            if (row.dataset, row.architecture) == (cell.dataset, cell.architecture)
            and names.parse(row.method)[0] == name
            and abs(row.sparsity - target) < SAME_SPARSITY
            and not row.duplicate_of
        ]


def load(folder: Path = PUBLISHED) -> Published:
    """Read and check every CSV of the folder and its `protocols.yaml`.

    Raises `UserError` naming file, line, field and value.
    """
    path = folder / "protocols.yaml"
    protocols = {name: Protocol.read(values, f"{path}, '{name}'") for name, values in (read_yaml(path) or {}).items()}
    rows: dict[str, Row] = {}
    for file in sorted(folder.glob("*.csv")):
        for line, row in _rows(file):
            if row.id in rows:
                raise UserError(f"{file}, line {line}: field 'id': '{row.id}' is there twice.")
            if row.protocol not in protocols:
                raise UserError(f"{file}, line {line}: field 'protocol': '{row.protocol}' is not in {path}.")
            rows[row.id] = _filled(row, protocols[row.protocol])
    for row in rows.values():
        if row.duplicate_of and (row.duplicate_of not in rows or rows[row.duplicate_of].duplicate_of):
            raise UserError(f"{folder}: row '{row.id}': field 'duplicate_of': no original row '{row.duplicate_of}'.")
    return Published(tuple(rows.values()), protocols)


def _rows(file: Path) -> list[tuple[int, Row]]:
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        filled = [(reader.line_num, {key: value for key, value in line.items() if value}) for line in reader]
    return [(line, Row.read(values, f"{file}, line {line}")) for line, values in filled]


def _filled(row: Row, protocol: Protocol) -> Row:
    filled = {"prunable": row.prunable or protocol.prunable, "report": row.report or protocol.report}
    return row.model_copy(update=filled)
