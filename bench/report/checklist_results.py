"""Items of the checklist on what was compared, and on what its numbers are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from bench import data, published
from bench.base.spelling import Spelling
from bench.names import parse
from bench.report import latency_block
from bench.report.checklist_facts import Facts

Answer = Literal["yes", "partly", "no", "not known"]

PAIRS, POINTS, SEEDS = 3, 5, 3
"""How many pairs of data set and architecture, points per method and seeds per cell are enough for a "yes"."""

BASELINES = ("dense", "random", "magnitude")

SELECTION = "Nothing selected on the test set within a run"

MANY_CLASSES = 100
"""From so many classes on, top-5 accuracy is asked for."""


@dataclass(frozen=True)
class Item:
    """A question, its answer, and the fact behind it."""

    question: str
    answer: Answer
    fact: str


def all_or_part(having: int, of: int) -> Answer:
    """Whether all have it, or a part of them, or none."""
    return "yes" if having == of and of else "partly" if having else "no"


def experiments(facts: Facts) -> list[Item]:
    """Data sets, networks, operating points and baselines."""
    return [_pairs(facts), _points(facts), _baselines(facts), _equal_start(facts), _equal_length(facts), _papers(facts)]


def numbers(facts: Facts) -> list[Item]:
    """Spread, selection, failures, and what is counted."""
    every = [_seeds(facts), _spread(facts), _selection(facts), _failures(facts), _sparsity(facts), _macs(facts)]
    return [*every, _latency(facts), *_top5(facts)]


def _pairs(facts: Facts) -> Item:
    shown = ", ".join(f"{architecture} on {dataset}" for dataset, architecture in facts.pairs)
    answer: Answer = "yes" if len(facts.pairs) >= PAIRS else "partly" if len(facts.pairs) > 1 else "no"
    return Item(f"At least {PAIRS} pairs of data set and architecture", answer, f"{len(facts.pairs)}: {shown}.")


def _points(facts: Facts) -> Item:
    found: dict[tuple[str, str, str], set[float]] = {}
    for cell in facts.cells:
        if cell.point is not None:
            reached = found.setdefault((cell.dataset, cell.architecture, cell.method), set())
            reached |= {cell.point} if facts.ended_well(cell) else set()
    enough = sum(len(points) >= POINTS for points in found.values())
    targets = sorted({point for points in found.values() for point in points})
    counts = sorted({len(points) for points in found.values()})
    each = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0] if counts else 0}"
    fact = f"{each} per method and network ({', '.join(map(Spelling.of(targets).percent, targets)) or 'none'})."
    return Item(f"At least {POINTS} operating points per pruning method", all_or_part(enough, len(found)), fact)


def _baselines(facts: Facts) -> Item:
    methods = {parse(cell.method)[0] for cell in facts.cells}
    there = [name for name in BASELINES if name in methods]
    missing = [name for name in BASELINES if name not in methods]
    fact = f"{', '.join(there)}; not there: {', '.join(missing)}." if missing else f"{', '.join(there)}."
    sparse = len(there) - ("dense" in there)
    answer: Answer = "no" if not sparse else all_or_part(len(there), len(BASELINES))
    return Item("The dense network, random pruning and one-shot magnitude pruning as baselines", answer, fact)


def _equal_start(facts: Facts) -> Item:
    recipes = Counter(spec.recipe_text for spec in facts.plan.runs)
    starts = "at one seed all methods start from the same weights and see the same batches, unless a method states so"
    fact = f"Recipe {', '.join(recipes)}; {starts}."
    return Item("The same recipe for all methods", "yes" if len(recipes) == 1 else "partly", fact)


def _equal_length(facts: Facts) -> Item:
    dense = {
        (record.spec.dataset, record.spec.architecture, record.spec.recipe_text): record.cost.epochs
        for record in facts.records
        if record.spec.method == "dense"
    }
    longer: dict[str, float] = {}
    asked = 0
    for record in facts.records:
        epochs = dense.get((record.spec.dataset, record.spec.architecture, record.spec.recipe_text))
        if record.spec.method == "dense" or record.outcome != "ok" or not epochs:
            continue
        asked += 1
        if abs(record.cost.epochs / epochs - 1) > 0.1:
            longer[record.spec.method_text] = record.cost.epochs / epochs
    question = "All methods trained equally long (within 10 % of the dense network)"
    if not asked:
        return Item(question, "not known", "No pair of runs to compare.")
    shown = ", ".join(f"{method} {ratio:.2f} × dense" for method, ratio in longer.items())
    return Item(question, "partly" if longer else "yes", f"Not so: {shown}." if longer else f"{asked} pruned runs.")


def _papers(facts: Facts) -> Item:
    everything = published.load()
    beside = sum(bool(everything.rows_for(cell)) for cell in facts.cells)
    fact = f"{beside} of {len(facts.cells)} cells have a published number; comparison.md says which are comparable."
    return Item("Published results stand beside these", all_or_part(beside, len(facts.cells)), fact)


def _given(facts: Facts) -> bool:
    """Whether runs start from a trained network that came from elsewhere."""
    return any(spec.recipe.initialisation.file for spec in facts.plan.runs)


def _seeds(facts: Facts) -> Item:
    counts = [len(facts.ended_well(cell)) for cell in facts.cells]
    fewest, most = (min(counts), max(counts)) if counts else (0, 0)
    each = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    answer = all_or_part(sum(count >= SEEDS for count in counts), len(counts))
    trainings = "training" if each == "1" else "trainings"
    fact = f"{each} {trainings} that ended well in each cell"
    if _given(facts):
        answer, fact = "no", f"{fact}, all from one network that was trained elsewhere"
    return Item(f"At least {SEEDS} trainings behind each number", answer, f"{fact}.")


def _spread(facts: Facts) -> Item:
    enough = sum(len(facts.ended_well(cell)) > 1 for cell in facts.cells)
    fact = (
        f"The sample standard deviation over seeds (n − 1), and Student's 95 % interval of the mean, for {enough} of "
        f"{len(facts.cells)} cells. A seed sets initial weights, the order and augmentation of images, and ties."
    )
    return Item("Error bars, and what they are", all_or_part(enough, len(facts.cells)), fact)


def _selection(facts: Facts) -> Item:
    held_out = sorted({spec.recipe.data.validation for spec in facts.plan.runs})
    images = f"{' or '.join(f'{size:,}' for size in held_out)} training images" if any(held_out) else "no images"
    fact = f"Accuracies are those after the last epoch, no run is left out by its accuracy; {images} held out"
    if _given(facts):
        return Item(SELECTION, "partly", f"{fact}. How the network was selected that runs start from is not known.")
    return Item(SELECTION, "yes", f"{fact}.")


def _failures(facts: Facts) -> Item:
    outcomes = Counter(record.outcome for record in facts.records)
    missing = len(facts.plan.runs) - len(facts.records)
    skipped = len(facts.plan.cells) - len(facts.cells)
    fact = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()) or "none"
    fact += f"; {missing} of {len(facts.plan.runs)} have no record yet" if missing else ""
    fact += f"; {skipped} cell{'s' * (skipped > 1)} skipped by the method, which says why" if skipped else ""
    return Item("All runs reported, failed ones too", "partly" if missing else "yes", f"Runs: {fact}.")


def _sparsity(facts: Facts) -> Item:
    sets = ", ".join(dict.fromkeys(spec.prunable for spec in facts.plan.runs))
    fact = f"Zeros are counted in the saved weights, as a share of the prunable set ({sets}) and of all parameters."
    return Item("Sparsity measured, and its denominator named", "yes" if facts.records else "no", fact)


def _macs(facts: Facts) -> Item:
    results = [result for record in facts.records for result in record.results]
    counted = sum(result.counts.macs_dense > 0 for result in results)
    fact = "Theoretical multiply-adds of dense and pruned networks, layer by layer; dead paths removed beside them."
    return Item("Compression and multiply-adds both reported", all_or_part(counted, len(results)), fact)


def _latency(facts: Facts) -> Item:
    pruned = {(c.dataset, c.architecture, c.method, c.point) for c in facts.cells if c.point is not None}
    timed = latency_block.read(facts.plan, facts.sources).timings
    machines = dict.fromkeys(machine.device for timings in timed.values() for machine in timings)
    where = f" on {', '.join(machines)}" if machines else "; reprune latency RUN does it"
    return Item(
        "Speed measured and not only calculated",
        all_or_part(len(pruned & set(timed)), len(pruned)),
        f"{len(pruned & set(timed))} of {len(pruned)} pruned cells have measurements{where}.",
    )


def _top5(facts: Facts) -> list[Item]:
    many = [name for name in dict.fromkeys(name for name, _ in facts.pairs) if data.info(name).classes >= MANY_CLASSES]
    question = f"Top-5 beside top-1 accuracy from {MANY_CLASSES} classes on"
    return [Item(question, "no", f"Top-1 alone ({', '.join(many)}).")] if many else []
