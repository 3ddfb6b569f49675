"""What is known of one cell: its runs, what their seeds say together, and what that is set against."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from bench.base.grouping import grouped
from bench.report.layout import Number, Span, Text, Value, known, signed
from bench.statistics import Summary, interval, summarise
from bench.statistics.standing import Place, Standing

if TYPE_CHECKING:
    from bench.plan.grid import Cell, Network
    from bench.published import Row
    from bench.published.comparison import Compared


@dataclass(frozen=True)
class Ended:
    """How the run of one seed ended; the outcome of `bench.results.measurements`, the accuracy NaN if it has none."""

    seed: int
    run: str
    outcome: str
    reason: str
    accuracy: float


@dataclass(frozen=True)
class Failure:
    """What happened to some seeds of a cell instead of ending well; a cell that is skipped has none."""

    outcome: str
    reason: str
    seeds: tuple[int, ...] = ()

    @property
    def what(self) -> str:
        """``diverged: the loss is NaN``."""
        return f"{self.outcome}: {self.reason}" if self.reason else self.outcome

    def __str__(self) -> str:
        which = f"{'seed' if len(self.seeds) == 1 else 'seeds'} {', '.join(map(str, self.seeds))}"
        return f"{self.what} ({which})" if self.seeds else self.what


@dataclass(frozen=True)
class Means:
    """Means over the seeds that ended well of what `bench.results.measurements` calls so; NaN if there are none.

    Attributes:
        parameters_kept, macs_kept, effective_macs_kept: fractions of the dense network's.
    """

    parameters_kept: float
    macs_kept: float
    effective_macs_kept: float
    best_accuracy: float
    loss: float
    test_images: float
    prunable_sparsity: float
    global_sparsity: float
    effective_sparsity: float
    parameters: float
    macs_dense: float
    epochs: float
    training_macs_relative: float
    mask_updates: float
    empty_layers: float
    seconds: float
    peak_memory: float

    @classmethod
    def of(cls, runs: pd.DataFrame) -> Means:
        """Those of the runs of a frame."""
        shares = {
            "parameters_kept": runs["parameters_kept"] / runs["parameters"],
            "macs_kept": runs["macs"] / runs["macs_dense"],
            "effective_macs_kept": runs["effective_macs"] / runs["macs_dense"],
        }
        columns = {each.name: shares[each.name] if each.name in shares else runs[each.name] for each in fields(cls)}
        return cls(**{name: float(column.mean()) for name, column in columns.items()})


@dataclass(frozen=True)
class Baseline:
    """The dense network of a cell's data set and architecture; NaN where there is none."""

    mean: float = math.nan
    epochs: float = math.nan


@dataclass(frozen=True)
class CellResult:
    """What is known of a cell.

    Attributes:
        recipe, prunable, budget: what its runs were asked.
        runs: all that are planned.
        means, diagnostics: over those that ended well; only these count in what follows.
        warnings: of these, each once.
        dense: what it is set against, which may be itself.
        best: whether it is the highest mean of its column.
        standing: seen from the best of its column; None without one, and for the best itself.
        published: the published rows about it, the one that its verdict is about first.
    """

    cell: Cell
    recipe: str
    prunable: str
    budget: float
    runs: tuple[Ended, ...]
    means: Means
    diagnostics: Mapping[str, float]
    warnings: str
    dense: Baseline = Baseline()
    best: bool = False
    standing: Standing | None = None
    published: tuple[Compared, ...] = field(default=(), repr=False)

    @property
    def method(self) -> str:
        """As rows of tables are called."""
        return self.cell.method

    @property
    def named(self) -> Text:
        """The beginning of a row about it."""
        return Text(self.method, method=self.cell.method_name)

    @property
    def point(self) -> float | None:
        """None for the dense network."""
        return self.cell.point

    @property
    def network(self) -> Network:
        """On which data set it is."""
        return self.cell.network

    @cached_property
    def scored(self) -> tuple[Ended, ...]:
        """The runs that gave a network, collapsed ones too: to collapse is an outcome of the method."""
        gave = (run for run in self.runs if run.outcome in ("ok", "collapsed"))
        return tuple(run for run in gave if not math.isnan(run.accuracy))

    @cached_property
    def accuracies(self) -> tuple[float, ...]:
        """Of the runs that ended well, in %, by seed."""
        return tuple(run.accuracy for run in self.scored if run.outcome == "ok")

    @cached_property
    def accuracy(self) -> Summary:
        """Of these."""
        return summarise(self.accuracies)

    @property
    def n(self) -> int:
        """How many runs ended well."""
        return self.accuracy.n

    @property
    def mean(self) -> float:
        """Of their accuracies, in %; NaN if there are none."""
        return self.accuracy.mean

    @property
    def number(self) -> Number:
        """The accuracy as tables print it."""
        return Number(self.mean, self.accuracy.std, self.n, len(self.runs))

    @property
    def interval(self) -> Value:
        """Student's 95 % interval of the mean as tables print it: no accuracy is beyond 0 or 100 %."""
        low, high = interval(self.accuracies)
        return known(Span(max(low, 0), min(high, 100)))

    @property
    def drop(self) -> float:
        """From the mean of our own dense network, in points."""
        return self.dense.mean - self.mean

    @property
    def epochs_relative(self) -> float:
        """Passes over the data, parents included, as a multiple of the dense training's; NaN if that took none."""
        return self.means.epochs / self.dense.epochs if self.dense.epochs else math.nan

    @property
    def place(self) -> Place | None:
        """Where it stands, seen from the best of its column."""
        return self.standing.place if self.standing else None

    @property
    def anchor(self) -> Compared | None:
        """The published row that its verdict is about."""
        return self.published[0] if self.published and self.published[0].anchor else None

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """What went wrong, by outcome and reason; empty if nothing did."""
        if self.cell.skipped:
            return (Failure("skipped", self.cell.skipped),)
        seeds = grouped(((run.outcome, run.reason), run.seed) for run in self.runs if run.outcome != "ok")
        return tuple(Failure(*what, tuple(which)) for what, which in seeds.items())

    @property
    def instead(self) -> str:
        """What stands where no run ended well."""
        return ", ".join(dict.fromkeys(failure.outcome for failure in self.failures)) or "no runs"


def published(results: Iterable[CellResult]) -> list[Compared]:
    """All published rows about cells, by cell."""
    return [each for result in results for each in result.published]


def ours(compared: Compared) -> Number:
    """Our number beside a published one, of the same epoch; NaN if no run has ended well."""
    return Number(compared.ours.mean, compared.ours.std, compared.ours.n)


def theirs(compared: Compared) -> Number:
    """The published number."""
    return printed(compared.row)


def printed(row: Row) -> Number:
    """A published number, compared or not."""
    return Number(row.value, math.nan if row.std is None else row.std)


def difference(compared: Compared) -> Number:
    """Ours minus theirs with its 90 % interval, in points; NaN where nothing was compared."""
    return Number(compared.verdict.difference, compared.verdict.half_width, form=signed)
