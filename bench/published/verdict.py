"""Does our number reproduce the published one? The rule, written down in one place.

A verdict is an equivalence test (two one-sided t-tests at 5 %, Schuirmann 1987): with d = ours − published, h the half
width of its 90 % interval and δ a margin fixed beforehand,

    reproduced    |d| + h ≤ δ         the difference is certainly small
    above, below  |d| − h > δ         the difference is certainly not small
    inconclusive  otherwise           (with the number of seeds that would decide)

    h = t(0.95, df) · √(s²/n + s_pub²/n_pub) + reading error

where s is our standard deviation over seeds, pooled within method × architecture over neighbouring sparsities (three
seeds alone say little about it), and df is Welch's. If the paper gives no standard deviation, ours stands for it; if
it gives no number of seeds, one. A difference that is merely "not significant" proves nothing and is never the rule.

Before that, numbers must be comparable: same recipe, budget 1, same prunable set, same variant of the method, a row
that somebody has read. Otherwise the verdict is "not comparable", with every reason.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench import lineage, recipe
from bench.published import SAME_SPARSITY, Protocol, Row, barriers
from bench.spec import RunSpec
from bench.statistics import Relation, equivalence, pooled_std, quantile, summarise, welch_degrees

MARGINS = {"cifar10": 0.5, "cifar100": 1.0}
"""δ in points of top-1 accuracy, by data set; fixed before anything was run."""

EXTREME_SPARSITY = 0.98
"""From here on the margin is twice as wide: accuracies fall steeply and scatter more."""

DEGREES = 6
"""The pooled standard deviation must rest on at least so many degrees of freedom."""

COLLAPSED = 1.5
"""Accuracy up to so many times chance counts as collapsed."""

MOST_SEEDS = 1000
"""Beyond this, no number of seeds is said to decide."""

Word = Literal["reproduced", "above", "below", "inconclusive", "not comparable", "both collapsed"]


@dataclass(frozen=True)
class Spread:
    """Our standard deviation over seeds: pooled over `cells` cells, with `degrees` degrees of freedom."""

    std: float
    degrees: int
    cells: int


@dataclass(frozen=True)
class Verdict:
    """What a comparison says. The numbers are NaN where the comparison did not get that far; all are in points."""

    word: Word
    reason: str = ""
    difference: float = math.nan
    half_width: float = math.nan
    margin: float = math.nan
    seeds_needed: int | None = None


def margin(dataset: str, sparsity: float) -> float | None:
    """δ for a data set and sparsity; None if none was fixed."""
    base = MARGINS.get(dataset)
    if base is None:
        return None
    return 2 * base if sparsity >= EXTREME_SPARSITY - SAME_SPARSITY else base


def spread(groups: Mapping[float, Sequence[float]], point: float) -> Spread:
    """The standard deviation at `point`, pooled over three neighbouring sparsities.

    Args:
        groups: accuracies by sparsity, of one method on one architecture.
        point: one of the keys. The three neighbours are it and one on each side, or the nearest three at an end.
    """
    points = sorted(groups)
    first = min(max(points.index(point) - 1, 0), max(len(points) - 3, 0))
    near = points[first : first + 3]
    return Spread(*pooled_std([groups[each] for each in near]), len(near))


def obstacles(row: Row, protocol: Protocol, spec: RunSpec) -> list[str]:
    """Why a published row and a run of ours cannot be compared; empty if they can."""
    found = barriers(row, protocol)
    if row.canonical_method != spec.method_text:
        found.append(f"variant: the paper's is {row.canonical_method}")
    if spec.budget != 1:
        found.append(f"budget: {spec.budget:g} of the recipe's length")
    if spec.prunable != row.prunable:
        found.append(f"prunable set: {spec.prunable} instead of {row.prunable}")
    held_out = spec.recipe.data.validation > 0
    if row.report == "best" and held_out:
        found.append("reported epoch: the best on the test set, which a run with held-out images does not look at")
    if row.report == "best_validation" and not held_out:
        found.append("reported epoch: the best on held-out images, of which our recipe has none")
    if protocol.recipe is not None:
        found += [f"recipe: {difference}" for difference in _recipe_differences(spec, protocol.recipe)]
    return found


def _recipe_differences(spec: RunSpec, text: str) -> list[str]:
    """Material differences, apart from the budget and from a fine-tuning phase that the method does not use."""
    ours, theirs = spec.recipe, recipe.load(text).scaled(spec.budget)
    if all(stage.phase != "finetune" for stage in lineage.stages_of(spec)):
        ours, theirs = (each.model_copy(update={"finetune": None}) for each in (ours, theirs))
    return recipe.differences(ours, theirs)


def judge(values: Sequence[float], ours: Spread, row: Row, chance: float) -> Verdict:
    """The verdict on comparable numbers.

    Args:
        values: our accuracies at this cell, one per seed, of the epoch that the row reports.
        ours: their pooled spread.
        row: the published number.
        chance: accuracy of guessing, in percent.
    """
    if not values:
        return Verdict("inconclusive", "no finished run of ours")
    delta = margin(row.dataset, row.sparsity or 0.0)
    if delta is None:
        return Verdict("not comparable", f"margin: none is fixed for {row.dataset}")
    difference = summarise(values).mean - row.value
    if max(summarise(values).mean, row.value) <= COLLAPSED * chance:
        return Verdict("both collapsed", "both at chance level", difference, margin=delta)
    half = half_width(ours, len(values), row) if ours.degrees else math.nan
    word = decide(difference, half, delta) if ours.degrees >= DEGREES else "inconclusive"
    if word != "inconclusive":
        return Verdict(word, "", difference, half, delta)
    needed = seeds_needed(difference, len(values), ours, row, delta)
    return Verdict(word, _why(ours, needed), difference, half, delta, needed)


def half_width(ours: Spread, n: int, row: Row) -> float:
    """h: the half width of the 90 % interval of the difference, reading error included."""
    published, n_published = row.seed_std, row.n_seeds or 1
    if published is None or (row.std_kind == "unknown" and published <= ours.std):
        # One estimate stands for both. A "±" of unknown kind may be a standard error: never take it for less than ours.
        error, degrees = ours.std**2 * (1 / n + 1 / n_published), float(ours.degrees)
    else:
        own, theirs = ours.std**2 / n, published**2 / n_published
        error, degrees = own + theirs, welch_degrees((own, ours.degrees), (theirs, max(n_published - 1, 1)))
    return quantile(0.95, degrees) * math.sqrt(error) + row.reading_error


def decide(difference: float, half: float, delta: float) -> Word:
    """The rule itself."""
    return _WORDS[equivalence((difference - half, difference + half), delta)]


_WORDS: dict[Relation, Word] = {
    "within": "reproduced",
    "above": "above",
    "below": "below",
    "open": "inconclusive",
}


def seeds_needed(difference: float, n: int, ours: Spread, row: Row, delta: float) -> int | None:
    """The least number of seeds (in every pooled cell) that decides if mean and spread stay as they are.

    None if no number does, because the published number itself is too uncertain or lies at the margin. With a single
    seed nothing is known of the spread, and the answer is what gives `DEGREES` degrees of freedom.
    """

    def decides(seeds: int) -> bool:
        degrees = ours.cells * (seeds - 1)
        if degrees < DEGREES or not ours.degrees:
            return degrees >= DEGREES
        half = half_width(Spread(ours.std, degrees, ours.cells), seeds, row)
        return decide(difference, half, delta) != "inconclusive"

    candidates = range(n + 1, MOST_SEEDS + 1)
    index = bisect_left(candidates, True, key=decides)  # more seeds never undo a decision
    return candidates[index] if index < len(candidates) else None


def _why(ours: Spread, needed: int | None) -> str:
    few = f"{ours.degrees} degrees of freedom where {DEGREES} are needed; " if ours.degrees < DEGREES else ""
    if needed is None:
        return few + "no number of our seeds would decide"
    return few + f"needs {'at least' if not ours.degrees else 'about'} {needed} seeds"
