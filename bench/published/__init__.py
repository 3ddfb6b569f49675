"""Published numbers as data: one CSV per paper and the protocols behind them, both under `published/`.

A number is not worth more than what is known about it, so a row says who read it where, how exactly, under which
protocol, over how many seeds, and what its sparsity is a fraction of.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from bench import catalog, names, statistics
from bench.base.grouping import grouped
from bench.base.schema import Strict, read_yaml, shown
from bench.errors import UNPRINTABLE, UserError

if TYPE_CHECKING:
    from bench.plan.grid import Cell

PUBLISHED = Path(__file__).parents[2] / "published"
SAME_SPARSITY = 5e-4
"""Targets closer than this are the same target: papers round 89.26 % to 89.3 %."""

Letter = Annotated[str, Field(pattern="^[B-Z]$")]

Report = Literal["last", "best", "best_validation", "unknown"]
Structure = Literal[
    "dense", "unstructured", "filter", "N:M", "dynamic channels", "dynamic positions", "nested", "ensemble"
]


class Protocol(Strict):
    """How a set of published numbers came about.

    Attributes:
        recipe: of `configs/recipes/`, ``name`` or ``name[field=value]``; None if no recipe can state it.
        reason: why there is no recipe; its rows are not comparable for this reason.
        readings: recipes of what an unclear protocol may mean besides, by letters from B on; `recipe` is reading A.
        prunable: the set of tensors its methods may zero.
        report: accuracy on the test set after the ``last`` epoch, in the ``best`` epoch, in the epoch that was best on
            a validation set, or ``unknown``.
        known: what was read of a protocol without recipe, for whoever writes one.
        deviations: where the recipe is known to differ from the source in ways the recipe's fields cannot state.
    """

    recipe: str | None
    reason: str = ""
    readings: dict[Letter, str] = Field(default_factory=dict)
    prunable: str
    report: Report
    source: str
    known: str = ""
    deviations: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _explained(self) -> Self:
        if (self.recipe is None) != bool(self.reason):
            raise ValueError("give either a 'recipe' or the 'reason' why there is none")
        if self.readings and self.recipe is None:
            raise ValueError("'readings' come after a 'recipe', which is reading A")
        return self

    @property
    def recipes(self) -> dict[str, str]:
        """Every reading's recipe by its letter, A first; empty if there is none."""
        return {"A": self.recipe, **self.readings} if self.recipe is not None else {}


class Row(Strict):
    """One number of one paper.

    Attributes:
        id: stable, unique over all papers.
        dataset, architecture, method: our names; the ``_printed`` ones are the source's. An empty architecture or
            method is not in the suite, or the source does not say which it is. A method is what the authors' code
            computes; if that is not what it is called, brackets behind the printed name say what it is.
        method: with the hyper-parameters in which it differs from our defaults.
        structure: what is removed together; ``dense`` for dense networks, small ones too.
        sparsity: target in [0, 1), a fraction of `sparsity_of`; 0 for the dense network, None if not stated.
        target: of the method where that is no sparsity (FTWT's r), in [0, 1].
        variant: what else tells the row from its neighbours, as ``2:4``, ``width 0.5``, ``5x training``.
        flops_reduction: fraction of the dense network's multiply-adds that is saved, as the source counts.
        prunable, report: the protocol's, unless this row says otherwise.
        metric: ``top1_drop`` is the dense network's accuracy minus the pruned one's, ``churn`` the share of test images
            on which two runs disagree.
        value, std, dense_value: in percent of the test images.
        std_kind: what the number after ± is; ``unknown`` if the source does not say.
        n_seeds: None if the source does not say.
        reading_error: half a unit of the last printed digit, or of the reading from a figure; in points.
        verified: read in the authors' own paper, repository or reply (``primary``), in somebody else's (``secondary``),
            or recalled and never read (``unverified``).
        pilot: what had been seen of a re-run before the rule that judges this row was fixed; empty if nothing.
        duplicate_of: the row that stands for the same number.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    paper: str = Field(min_length=1)
    arxiv: str = ""
    table: str = Field(min_length=1)
    dataset: str
    architecture: str = ""
    architecture_printed: str
    method: str = ""
    method_printed: str
    structure: Structure
    sparsity: float | None = Field(default=None, ge=0, lt=1)
    sparsity_of: str = ""
    target: float | None = Field(default=None, ge=0, le=1)
    variant: str = ""
    flops_reduction: float | None = Field(default=None, gt=-1e6, lt=1)
    prunable: str = ""
    metric: Literal["top1", "top5", "top1_drop", "churn"]
    value: float = Field(ge=-100, le=100)
    std: float | None = Field(default=None, ge=0, le=100)
    std_kind: Literal["std", "sem", "ci95", "unknown"] = "unknown"
    n_seeds: int | None = Field(default=None, gt=0, le=10**6)
    dense_value: float | None = Field(default=None, ge=0, le=100)
    protocol: str
    report: Report | None = None
    reading: Literal["exact", "digitised"]
    reading_error: float = Field(ge=1e-9, le=100)
    source: str = Field(min_length=1)
    verified: Literal["primary", "secondary", "unverified"]
    note: str = ""
    pilot: str = ""
    duplicate_of: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.method and len({self.structure == "dense", self.sparsity == 0, self.method == "dense"}) > 1:
            raise ValueError("the structure 'dense', the method 'dense' and sparsity 0 go together")
        if (self.sparsity is None) != (not self.sparsity_of):
            raise ValueError("'sparsity' and 'sparsity_of' belong together")
        if self.sparsity is None and self.target is None and self.flops_reduction is None and not self.variant:
            raise ValueError("give at least one of 'sparsity', 'target', 'flops_reduction', 'variant'")
        if self.value < 0 and self.metric != "top1_drop":
            raise ValueError(f"'value' is an accuracy and cannot be {self.value:g}")
        if self.method:
            _check_form(self.method)
        return self

    @property
    def authors(self) -> str:
        """The first part of the paper's name."""
        return self.paper.partition(",")[0]

    @property
    def point(self) -> float | None:
        """The point of our grid that the row is about: the method's target, else the sparsity; None if not stated."""
        return self.sparsity if self.target is None else self.target

    @property
    def is_read(self) -> bool:
        """Whether it is an accuracy that somebody read in a source, and no duplicate."""
        return self.metric == "top1" and self.verified != "unverified" and not self.duplicate_of

    @property
    def seed_std(self) -> float | None:
        """The standard deviation over seeds, whatever the source printed; None if nothing is known of it."""
        if self.std is None or self.n_seeds is None:
            return self.std if self.std_kind in ("std", "unknown") else None
        if self.std_kind == "sem":
            return self.std * math.sqrt(self.n_seeds)
        if self.std_kind == "ci95":
            return self.std * math.sqrt(self.n_seeds) / statistics.quantile(0.975, max(self.n_seeds - 1, 1))
        return self.std

    @property
    def canonical_method(self) -> str:
        """The method without fields that equal our defaults, as cells name it."""
        return _canonical(self.method)


def _check_form(method: str) -> None:
    try:
        names.parse(method)
    except UserError as error:
        raise ValueError(f"'method': {str(error).removesuffix('.')}") from None


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
        target = 0.0 if cell.point is None else cell.point
        found = self._index.get((cell.dataset, cell.architecture, _name(cell.method)), [])
        return [row for row in found if row.point is not None and abs(row.point - target) < SAME_SPARSITY]

    def neighbours(self, row: Row) -> list[Row]:
        """The other rows of a table about the same network that somebody read: another method, point or variant."""
        return [
            other
            for other in self._tables.get(_table(row), [])
            if (other.canonical_method, other.point, other.variant, other.protocol)
            != (row.canonical_method, row.point, row.variant, row.protocol)
        ]

    @cached_property
    def spreads(self) -> list[tuple[Row, float]]:
        """Accuracies that somebody read and whose standard deviation over seeds is printed, with it."""
        known = (row for row in self.rows if row.is_read and row.std_kind != "unknown" and row.n_seeds != 1)
        return [(row, std) for row in known if (std := row.seed_std)]

    @cached_property
    def _tables(self) -> dict[tuple[str, ...], list[Row]]:
        """Accuracies that were read, by table and network, duplicates left out."""
        return grouped((_table(row), row) for row in self.rows if row.is_read)

    @cached_property
    def _index(self) -> dict[tuple[str, str, str], list[Row]]:
        """Accuracies by data set, architecture and name of the method, duplicates left out."""
        ours = (row for row in self.rows if row.architecture and row.method)
        accuracies = (row for row in ours if row.metric == "top1" and not row.duplicate_of)
        return grouped(((row.dataset, row.architecture, _name(row.method)), row) for row in accuracies)


def _table(row: Row) -> tuple[str, ...]:
    return row.paper, row.table, row.dataset, row.architecture_printed


def _name(method: str) -> str:
    return names.parse(method)[0]


def load(folder: Path = PUBLISHED) -> Published:
    """Read and check every CSV of the folder and its `protocols.yaml`.

    Raises `UserError` naming file, line, field and value.
    """
    path = folder / "protocols.yaml"
    stated = read_yaml(path) or {}
    if not isinstance(stated, dict):
        raise UserError(f"{path}: expected protocols by name, found {shown(stated)}.")
    protocols = {str(name): Protocol.read(values, f"{path}, {shown(name)}") for name, values in stated.items()}
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
    return [(line, Row.read(values, f"{file}, line {line}")) for line, values in lines(file)]


def lines(file: Path) -> list[tuple[int, dict[str, str]]]:
    """The filled fields of each line of a CSV by their names, with the line's number. Raises `UserError`."""
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, restkey="more fields than the first line has", restval="")
            found = [(reader.line_num, {key: value for key, value in line.items() if value}) for line in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{file}: cannot be read as CSV ({str(error)[:200]}).") from None
    for line, values in found:
        for name, value in values.items():
            if unprintable := UNPRINTABLE.search(str(value)):
                raise UserError(
                    f"{file}, line {line}: field '{name}' has the unprintable character {unprintable[0]!a}."
                )
    return found


def _filled(row: Row, protocol: Protocol) -> Row:
    filled = {"prunable": row.prunable or protocol.prunable, "report": row.report or protocol.report}
    return row.model_copy(update=filled)
