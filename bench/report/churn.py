"""Churn: the share of test images on which two networks disagree (Bhojanapalli et al. 2021, arXiv:2102.03349).

Between seeds of a cell it says how far one can rely on a single network; between a network and the dense one of its
seed, what pruning changed beyond the accuracy. It is counted on the runs' test predictions. These are not committed, so
`reprune keep` leaves the counts, a line per pair of networks, in the kept folder's ``churn.csv``.

Less accurate networks disagree more, whatever the method: with e₁ and e₂ the two errors churn lies between |e₁ − e₂|
and e₁ + e₂. So it is also given as a multiple of the two networks' mean error, and counts outside these bounds belong
to other networks than the records and are refused. Needs no torch.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from bench.base import regular
from bench.base.schema import Strict
from bench.base.spelling import Spelling
from bench.errors import UserError
from bench.plan.grid import Cell, CellKey, Network, Plan
from bench.report.layout import Block, Number, Text, Value, known, target
from bench.results.record import Result
from bench.statistics import summarise

if TYPE_CHECKING:
    from bench.report.cell import CellResult
    from bench.results.measurements import Source

FILE = "churn.csv"


class Pair(Strict):
    """Two networks: that of a cell at a seed, and that of the same cell at another seed or the dense one of its seed.

    Attributes:
        images: of the test set; they disagree on `differing` of them.
    """

    dataset: str
    architecture: str
    method: str
    point: float | None = None
    seed: int
    against: Literal["seed", "dense"]
    other_seed: int
    images: int = Field(gt=0)
    differing: int = Field(ge=0)

    @property
    def key(self) -> CellKey:
        """The cell."""
        return CellKey(self.dataset, self.architecture, self.method, self.point)


@dataclass
class Churn:
    """What is known of a plan's networks: disagreements in % of the test images and as a multiple of the mean error.

    Attributes:
        shares: by cell and what it is set against, a pair of numbers per pair of networks; the multiple is NaN where
            neither network errs.
        notes: what is not shown.
    """

    shares: dict[tuple[CellKey, str], list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[Network, list[str]] = field(default_factory=lambda: defaultdict(list))


def read(plan: Plan, records: Mapping[str, Source]) -> Churn:
    """The churn of a plan's networks, from the predictions beside the records or from a kept folder's counts."""
    found = Churn()
    networks = _Networks(plan, records, found)
    folders = {source.path.parent.parent for source in records.values() if source.path.name != "record.json"}
    pairs = [pair for folder in sorted(folders) for pair in _kept(folder / FILE)] if folders else networks.pairs()
    for pair in pairs:
        errors = networks.errors(pair)
        if errors is None:
            continue
        first, second = (round(error / 100 * pair.images) for error in errors)
        if not abs(first - second) <= pair.differing <= first + second:
            where = (
                f"{pair.method} at {plan.spelling.percent(pair.point or 0)}, seeds {pair.seed} and {pair.other_seed}"
            )
            found.notes[pair.key.network].append(
                f"Not shown: churn of {where}, which cannot be that of networks with the recorded accuracies."
            )
            continue
        mean = (first + second) / 2
        multiple = pair.differing / mean if mean else float("nan")
        found.shares[pair.key, pair.against].append((100 * pair.differing / pair.images, multiple))
    return found


def keep(plan: Plan, records: Mapping[str, Source]) -> bytes:
    """The counts of a plan's networks as a CSV; empty if no two of them have predictions."""
    pairs = list(_Networks(plan, records, Churn()).pairs())
    if not pairs:
        return b""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Pair.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(pair.model_dump() for pair in pairs)
    return text.getvalue().encode()


def _kept(path: Path) -> Iterator[Pair]:
    """The lines of a kept file; none if there is no file. Raises `UserError` naming file, line and field."""
    try:
        text = regular.read_bytes(path, most=regular.LONGEST_TEXT).decode()
        lines = list(csv.DictReader(text.splitlines(), restkey="another field"))
    except FileNotFoundError:
        return
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)[:200]
        raise UserError(f"{path}: cannot be read as CSV ({reason}).") from None
    for number, line in enumerate(lines, 2):
        yield Pair.read({name: value for name, value in line.items() if value}, f"{path}, line {number}")


class _Networks:
    """The networks of a plan that ended well, and what they predict."""

    def __init__(self, plan: Plan, records: Mapping[str, Source], found: Churn) -> None:
        self._records, self._found = records, found
        self._cells = {cell.key: dict(self._results(cell)) for cell in plan.cells}
        self._dense = {network: self._cells[cell.key] for network, cell in plan.dense.items()}
        self._read: dict[tuple[str, float | None], np.ndarray | None] = {}

    def _results(self, cell: Cell) -> Iterator[tuple[int, tuple[str, Result]]]:
        for seed, run in cell.runs:
            record = self._records[run].record if run in self._records else None
            result = record.result(cell.point) if record is not None and record.outcome == "ok" else None
            if result is not None:
                yield seed, (run, result)

    def errors(self, pair: Pair) -> tuple[float, float] | None:
        """The errors of the two networks in %, as recorded; None if they have no such records."""
        own = self._cells.get(pair.key, {})
        others = self._dense.get(pair.key.network, {}) if pair.against == "dense" else own
        if pair.seed not in own or pair.other_seed not in others:
            return None
        return 100 - own[pair.seed][1].accuracy, 100 - others[pair.other_seed][1].accuracy

    def pairs(self) -> Iterator[Pair]:
        """Every pair whose predictions are there."""
        for key, networks in self._cells.items():
            twins = [
                ("seed", seed, networks[seed], other, networks[other]) for seed, other in combinations(networks, 2)
            ]
            dense = self._dense.get(key.network, {}) if key.method != "dense" else {}
            twins += [("dense", seed, networks[seed], seed, dense[seed]) for seed in networks if seed in dense]
            for against, seed, one, other, another in twins:
                first, second = self._predictions(key, *one), self._predictions(key, *another)
                if first is None or second is None:
                    continue
                counts = {"images": len(first), "differing": int((first != second).sum())}
                twin = {"seed": seed, "against": against, "other_seed": other}
                yield Pair.model_validate(key._asdict() | twin | counts)

    def _predictions(self, key: CellKey, run: str, result: Result) -> np.ndarray | None:
        if (run, result.point) not in self._read:
            path = self._records[run].path.with_name(Path(result.predictions).name)
            try:
                self._read[run, result.point] = _load(path, result.test_images)
            except _UNREADABLE as error:
                self._read[run, result.point] = None
                self._found.notes[key.network].append(f"Not shown: churn with {path} ({str(error)[:100]}).")
        return self._read[run, result.point]


_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading an archive that is damaged, or is none, ends in."""


def _load(path: Path, images: int) -> np.ndarray | None:
    # Opened here, since np.load leaves a path that is no archive open.
    try:
        with regular.opened(path, path.parents[1]) as raw, np.load(raw, allow_pickle=False) as file:
            predictions = np.asarray(file["predictions"])
    except FileNotFoundError:
        return None
    if predictions.shape != (images,):
        raise ValueError(f"it is not about {images} images")
    return predictions


_HEAD = ("Method", "Target", "Accuracy", "Between seeds", "× error", "From dense of the seed", "× error of both")


def block(results: Sequence[CellResult], churn: Churn) -> Block:
    """The churn of the cells that have any.

    Args:
        results: from `bench.report.summary.cells`, all of one network.
        churn: from `read`.
    """
    spelling = Spelling.of(each.point for each in results)
    rows = []
    for each in results:
        key = each.cell.key
        seeds, dense = (churn.shares.get((key, against), []) for against in ("seed", "dense"))
        if seeds or dense:
            values = (target(each.point, spelling), each.number, *_shown(seeds), *_shown(dense))
            rows.append((each.named, *map(Text, values)))
    title = (
        "Churn: test images on which two networks disagree, in % (pairs of networks), and as a multiple of their error"
    )
    return Block(title, _HEAD, tuple(rows))


def _shown(shares: Sequence[tuple[float, float]]) -> tuple[Value, Value]:
    """The means over pairs of networks."""
    if not shares:
        return "–", "–"
    count, mean, std = summarise([share for share, _ in shares])
    multiples = [multiple for _, multiple in shares if multiple == multiple]
    return Number(mean, std, count), known(Number(summarise(multiples).mean), "–")
