"""A reproducibility checklist that fills itself in, from a grid and the records of its runs.

What is asked follows the recommendations of Blalock et al. 2020 (arXiv:2003.03033) for papers about pruning, and what
conferences on machine learning ask of authors, as far as records can answer it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from bench.base.spelling import Spelling
from bench.report import latency_block
from bench.report.layout import Block, Text
from bench.results.measurements import ended_well
from bench.results.record import Record

if TYPE_CHECKING:
    from bench.plan.grid import Cell, Grid, Plan
    from bench.results.measurements import Source

Answer = Literal["yes", "partly", "no", "not known"]

PAIRS, POINTS, SEEDS = 3, 5, 3
"""How many pairs of data set and architecture, points per method and seeds per cell are enough for a "yes"."""

BASELINES = ("dense", "random", "magnitude")

UNRECORDED = "not recorded"


@dataclass(frozen=True)
class Item:
    """A question, its answer, and the fact behind it."""

    question: str
    answer: Answer
    fact: str


@dataclass(frozen=True)
class Checklist:
    """The checklist of a grid with its plan, and the records of its runs by their ids."""

    grid: Grid
    plan: Plan
    sources: Mapping[str, Source]

    @cached_property
    def records(self) -> list[Record]:
        """All records there are, in the plan's order."""
        return [self.sources[spec.id].record for spec in self.plan.runs if spec.id in self.sources]

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells that have runs: those that a method skips have none."""
        return [cell for cell in self.plan.cells if cell.runs]

    def items(self) -> list[Item]:
        """What was compared, what stands behind each number, and what it takes to get it again."""
        compared = [self._pairs(), self._points(), self._baselines(), self._protocol(), self._equal_length()]
        numbers = [self._trainings(), self._failures(), self._speed()]
        return [*compared, *numbers, self._data(), self._commit(), self._packages(), self._compute()]

    def _pairs(self) -> Item:
        pairs = list(dict.fromkeys(f"{cell.architecture} on {cell.dataset}" for cell in self.cells))
        answer: Answer = "yes" if len(pairs) >= PAIRS else "partly" if len(pairs) > 1 else "no"
        return Item(
            f"At least {PAIRS} pairs of data set and architecture", answer, f"{len(pairs)}: {', '.join(pairs)}."
        )

    def _points(self) -> Item:
        pruned = [cell for cell in self.cells if cell.point is not None]
        reached = Counter(_curve(cell) for cell in pruned if ended_well(cell, self.sources))
        counts = [reached[curve] for curve in dict.fromkeys(map(_curve, pruned))]
        targets = sorted({cell.point for cell in pruned if cell.point is not None})
        enough, each = sum(count >= POINTS for count in counts), _range(counts)
        fact = f"{each} per method and network ({', '.join(map(Spelling.of(targets).percent, targets)) or 'none'})."
        return Item(f"At least {POINTS} operating points per pruning method", _share(enough, len(counts)), fact)

    def _baselines(self) -> Item:
        methods = {cell.method_name for cell in self.cells}
        there = [name for name in BASELINES if name in methods]
        missing = [name for name in BASELINES if name not in methods]
        fact = ", ".join(there) + (f"; not there: {', '.join(missing)}." if missing else ".")
        answer: Answer = _share(len(there), len(BASELINES)) if {*there} - {"dense"} else "no"
        return Item("The dense network, random pruning and one-shot magnitude pruning as baselines", answer, fact)

    def _protocol(self) -> Item:
        recipes = dict.fromkeys(spec.recipe_text for spec in self.plan.runs)
        changed = dict.fromkeys(spec.method_text for spec in self.plan.runs if spec.hyperparameters)
        own = f"not the defaults: {', '.join(changed)}" if changed else "all methods with their defaults"
        length = "full length" if self.grid.budget == 1 else f"{self.grid.budget:g} of its length"
        same: Answer = "yes" if len(recipes) == 1 and self.grid.budget == 1 else "partly"
        return Item("The same recipe for all methods", same, f"Recipe {', '.join(recipes)}, {length}; {own}.")

    def _equal_length(self) -> Item:
        dense = {_trained(record): record.cost.epochs for record in self.records if record.spec.method == "dense"}
        ratios = {
            record.spec.method_text: record.cost.epochs / dense[_trained(record)]
            for record in self.records
            if record.spec.method != "dense" and record.outcome == "ok" and dense.get(_trained(record))
        }
        question = "All methods trained equally long (within 10 % of the dense network)"
        if not ratios:
            return Item(question, "not known", "No pair of runs to compare.")
        others = [f"{method} {ratio:.2f} × dense" for method, ratio in ratios.items() if abs(ratio - 1) > 0.1]
        fact = f"Not so: {', '.join(others)}." if others else f"{len(ratios)} methods."
        return Item(question, "partly" if others else "yes", fact)

    def _trainings(self) -> Item:
        counts = [len(ended_well(cell, self.sources)) for cell in self.cells]
        each = _range(counts)
        answer = _share(sum(count >= SEEDS for count in counts), len(counts))
        fact = f"{each} training{'s' * (each != '1')} that ended well in each cell"
        if any(spec.recipe.initialisation.file for spec in self.plan.runs):
            answer, fact = "no", f"{fact}, all from one network that was trained elsewhere"
        return Item(f"At least {SEEDS} trainings behind each number", answer, f"{fact}.")

    def _failures(self) -> Item:
        outcomes = Counter(record.outcome for record in self.records)
        missing = len(self.plan.runs) - len(self.records)
        skipped = len(self.plan.cells) - len(self.cells)
        fact = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()) or "none"
        fact += f"; {missing} of {len(self.plan.runs)} have no record yet" if missing else ""
        fact += f"; {skipped} cell{'s' * (skipped > 1)} skipped by the method, which says why" if skipped else ""
        return Item("All runs reported, failed ones too", "partly" if missing else "yes", f"Runs: {fact}.")

    def _speed(self) -> Item:
        pruned = {(*_curve(cell), cell.point) for cell in self.cells if cell.point is not None}
        timed = latency_block.read(self.plan, self.sources).timings
        machines = dict.fromkeys(machine.device for timings in timed.values() for machine in timings)
        where = f" on {', '.join(machines)}" if machines else "; reprune latency RUN does it"
        counted = f"{len(pruned & set(timed))} of {len(pruned)}"
        answer = _share(len(pruned & set(timed)), len(pruned))
        return Item(
            "Speed measured and not only calculated", answer, f"{counted} pruned cells have measurements{where}."
        )

    def _data(self) -> Item:
        named = {(record.spec.dataset, record.provenance.get("data_sha256") or UNRECORDED) for record in self.records}
        known = sum(sha256 != UNRECORDED for _, sha256 in named)
        shown = ", ".join(f"{name} {sha256[:12]}" for name, sha256 in sorted(named)) or "No record"
        return Item("Data sets named by a checksum", _share(known, len(named)), f"{shown}.")

    def _commit(self) -> Item:
        git = [record.provenance.get("git") or {} for record in self.records]
        clean = Counter(str(each["commit"]) for each in git if each.get("commit") and each.get("dirty") is False)
        others = len(git) - clean.total()
        fact = f"Commit {_listed(clean) or UNRECORDED}"
        fact += f"; {others} of {len(git)} runs with uncommitted changes, or unknown ones" if others else ""
        answer: Answer = "yes" if len(clean) == 1 and not others else "partly" if clean else "no"
        return Item("One committed version of the code", answer, f"{fact}.")

    def _packages(self) -> Item:
        versions: dict[str, Counter[str]] = {}
        for told in (record.provenance for record in self.records):
            for name, version in {"python": told.get("python"), **(told.get("packages") or {})}.items():
                versions.setdefault(name, Counter())[str(version or UNRECORDED)] += 1
        known = {name: counts for name, counts in versions.items() if set(counts) != {UNRECORDED}}
        same = sum(max(counts.values()) == len(self.records) for counts in known.values())
        shown = ", ".join(f"{name} {_listed(counts)}" for name, counts in known.items()) or "None"
        return Item("Versions of packages stated, and the same for all", _share(same, len(known)), f"{shown}.")

    def _compute(self) -> Item:
        machines = Counter(_machine(record.provenance) for record in self.records)
        known = sum(count for machine, count in machines.items() if machine != UNRECORDED)
        hours = sum(record.cost.seconds for record in self.records) / 3600
        memory = max((record.cost.peak_memory for record in self.records), default=0) / 2**20
        cost = f"{hours:.2f} hours of training in {len(self.records)} runs, at most {memory:,.0f} MiB"
        fact = f"{cost}, on: {_listed(machines) or 'none'}."
        return Item("Compute and hardware stated", _share(known, len(self.records)), fact)


def page(grid: Grid, plan: Plan, records: Mapping[str, Source]) -> str:
    """The checklist as Markdown, from the records of a plan by run id."""
    from bench.report.tables import template

    items = Checklist(grid, plan, records).items()
    counts = Counter(item.answer for item in items)
    rows = tuple((Text(item.question), Text(item.answer, best=item.answer != "yes"), Text(item.fact)) for item in items)
    shown = ", ".join(f"{counts[answer]} {answer}" for answer in ("yes", "partly", "no", "not known") if counts[answer])
    block = Block("", ("Item", "Answer", "Fact"), rows, numbers=False)
    return template("checklist.md.j2").render(title=grid.title or grid.name, counts=shown, block=block)


def _share(having: int, of: int) -> Answer:
    """Whether all have it, or a part of them, or none."""
    return "yes" if having == of and of else "partly" if having else "no"


def _range(counts: list[int]) -> str:
    """``3``, or ``1 to 3`` where they differ."""
    fewest, most = min(counts, default=0), max(counts, default=0)
    return f"{fewest}" if fewest == most else f"{fewest} to {most}"


def _listed(counts: Counter[str], most: int = 4) -> str:
    """``2.13.0`` for one value, ``2.13.0 (80), 2.12.1 (10)`` for several, the first `most` of them."""
    if len(counts) == 1:
        return next(iter(counts))
    shown = ", ".join(f"{value} ({count})" for value, count in counts.most_common(most))
    return f"{shown} and {len(counts) - most} more" if len(counts) > most else shown


def _curve(cell: Cell) -> tuple[str, str, str]:
    return cell.dataset, cell.architecture, cell.method


def _trained(record: Record) -> tuple[str, str, str]:
    return record.spec.dataset, record.spec.architecture, record.spec.recipe_text


def _machine(provenance: Mapping[str, Any]) -> str:
    gpu, cpu = provenance.get("gpu"), provenance.get("cpu")
    if isinstance(gpu, dict):
        return f"{gpu.get('name')}, {gpu.get('memory')}"
    if isinstance(cpu, dict):
        return f"{cpu.get('model')}, {cpu.get('cores')} cores, {provenance.get('threads')} of them per run"
    return UNRECORDED
