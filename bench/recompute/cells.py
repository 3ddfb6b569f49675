"""Which network files a source has and which of its printed numbers they stand behind, read from `published/networks`.

The schema is strict: what is wrong is said in one sentence with file, line and field.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from bench import names, published
from bench.base.nearest import hint
from bench.base.schema import Strict, read_yaml
from bench.data import catalog
from bench.errors import NotFound, UserError
from bench.recompute.metric import Metric
from bench.recompute.question import Question

NETWORKS = published.PUBLISHED / "networks"
SEPARATOR = ";"
"""Between the metrics of a cell, and between its printed numbers."""


class NetworkFile(Strict):
    """A file with a trained network.

    Attributes:
        path: inside the data folder.
        sha256: of its bytes; it is checked before anything runs.
        origin: where in the source's repository it lies.
        dataset: ours, whose test images it is evaluated on.
    """

    path: str = Field(pattern=r"^checkpoints/[\w.+-]+(/[\w.+-]+)*$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    origin: str = Field(min_length=1)
    dataset: str

    @field_validator("dataset")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return catalog.info(name).name
        except UserError as error:
            raise ValueError(str(error).removesuffix(".")) from None


class Facts(Strict):
    """A source's YAML.

    Attributes:
        paper: authors, year and title.
        arxiv: its number, if it has one.
        repository: ``owner/name@commit`` on GitHub, where the files lie.
        licence: of the files, by its SPDX name; ``none`` if nobody stated one.
        files: by the key that cells name.
        aside: metrics that are compared and shown, but are not part of a cell's verdict; `why_aside` says why.
        trailing_zeros: whether the source prints them. A program that writes bare floating-point numbers does not: its
            91.7 has as many digits as its 91.71000000000001.
        note: what a reader of the tables must know.
    """

    paper: str = Field(min_length=1)
    arxiv: str = ""
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+@[0-9a-f]{7,40}$")
    licence: str = Field(min_length=1)
    files: dict[str, NetworkFile] = Field(min_length=1)
    aside: tuple[Metric, ...] = ()
    why_aside: str = ""
    trailing_zeros: bool = True
    note: str = ""

    @model_validator(mode="after")
    def _explained(self) -> Self:
        if bool(self.aside) != bool(self.why_aside):
            raise ValueError("'aside' and 'why_aside' belong together")
        return self

    @property
    def shippable(self) -> bool:
        """Whether the licence lets anybody pass the files on."""
        return self.licence != "none"


class Cell(Strict):
    """A line of a source's CSV: one place of one printed table, with one number or several about one network.

    Attributes:
        id: stable, unique within the source.
        table: the source's own name for it.
        file: the key of the network file.
        names_file: whether the source names this file as the one behind the number.
        procedure: what is done to the network, ``evaluate`` or ``name[argument=value]``.
        metrics: of the printed numbers.
        printed: the numbers, digit by digit as they are printed.
        source: where they are printed.
        verified: as in `bench.published.Row`; what nobody read is not compared.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    table: str = Field(min_length=1)
    file: str
    names_file: bool
    procedure: str
    metrics: tuple[Metric, ...] = Field(min_length=1)
    printed: tuple[str, ...]
    source: str = Field(min_length=1)
    verified: Literal["primary", "secondary", "unverified"]
    note: str = ""

    @field_validator("metrics", "printed", mode="before")
    @classmethod
    def _several(cls, text: Any) -> Any:
        return tuple(part.strip() for part in text.split(SEPARATOR)) if isinstance(text, str) else text

    @field_validator("procedure")
    @classmethod
    def _form(cls, text: str) -> str:
        try:
            names.parse(text)
        except UserError as error:
            raise ValueError(str(error).removesuffix(".")) from None
        return text

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.metrics) != len(self.printed) or len(set(self.metrics)) != len(self.metrics):
            raise ValueError("'metrics' names each number of 'printed' once")
        for text in self.printed:
            if not _is_decimal(text):
                raise ValueError(f"'printed': {text[:50]!r} is not a decimal number")
        return self

    @property
    def question(self) -> Question:
        """What is to be measured, without what is printed."""
        return Question(self.id, self.file, *names.parse(self.procedure), self.metrics)


@dataclass(frozen=True)
class Source:
    """A source: its name, the facts about its files, and its cells."""

    name: str
    facts: Facts
    cells: tuple[Cell, ...]


def sources(folder: Path = NETWORKS) -> list[str]:
    """The names of all sources."""
    return sorted(file.stem for file in folder.glob("*.yaml"))


def load(name: str, folder: Path = NETWORKS) -> Source:
    """Read and check a source. Raises `UserError` naming file, line, field and value, `NotFound` if there is none."""
    if name not in sources(folder):
        raise NotFound(f"source {name[:100]!r} is unknown; {hint(name, sources(folder))}")
    path, table = folder / f"{name}.yaml", folder / f"{name}.csv"
    facts = Facts.read(read_yaml(path), str(path))
    cells: dict[str, Cell] = {}
    for line, values in published.lines(table):
        cell = Cell.read(values, f"{table}, line {line}")
        if cell.id in cells:
            raise UserError(f"{table}, line {line}: field 'id': '{cell.id}' is there twice.")
        if cell.file not in facts.files:
            known = ", ".join(facts.files)
            raise UserError(f"{table}, line {line}: field 'file': '{cell.file}' is not in {path}; there are {known}.")
        cells[cell.id] = cell
    if not cells:
        raise UserError(f"{table}: there is no cell.")
    return Source(name, facts, tuple(cells.values()))


def _is_decimal(text: str) -> bool:
    whole, point, fraction = text.removeprefix("-").partition(".")
    return text.isascii() and whole.isdigit() and (fraction.isdigit() if point else True)
