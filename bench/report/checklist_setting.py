"""Items of the checklist on data, protocol, code, machines and cost, and what only the authors can say."""

from __future__ import annotations

from collections import Counter

from bench import data
from bench.report.checklist_facts import Facts, listed
from bench.report.checklist_results import Answer, Item, all_or_part

UNRECORDED = "not recorded"


def material(facts: Facts) -> list[Item]:
    """Data sets and recipes."""
    return [_checksums(facts), _splits(facts), _hyperparameters(facts), _full_length(facts)]


def code(facts: Facts) -> list[Item]:
    """Versions, hardware, and what it takes to run again."""
    return [_commit(facts), _packages(facts), _hardware(facts), _determinism(facts), _commands(facts)]


def cost(facts: Facts) -> list[Item]:
    """Time and memory."""
    hours = sum(record.cost.seconds for record in facts.records) / 3600
    macs = sum(record.cost.training_macs for record in facts.records)
    memory = max((record.cost.peak_memory for record in facts.records), default=0)
    fact = (
        f"{hours:.2f} hours of training in {len(facts.records)} runs, {macs:.2e} multiply-adds (shared pretraining "
        f"counted with every run that has it), at most {memory / 2**20:,.0f} MiB. What was tried before is not in it."
    )
    return [Item("Compute, all trials included", "partly" if facts.records else "no", fact)]


def yours(facts: Facts) -> list[Item]:
    """What no record holds."""
    datasets = ", ".join(dict.fromkeys(name for name, _ in facts.pairs))
    asked = {
        "How the hyper-parameters of recipe and methods were chosen": "and on which images, and how many were tried",
        "Licence and origin of the data": f"of {datasets}",
        "Who ran this and who paid for it": "and which interests compete",
        "What was expected before running, and what was decided afterwards": "a grid may state claims beforehand",
        "Limits, and what harm sparse networks of this kind may do": "for what they were not tried",
    }
    return [Item(what, "not known", f"Not known to reprune; state it ({hint}).") for what, hint in asked.items()]


def _checksums(facts: Facts) -> Item:
    found = {(record.spec.dataset, record.provenance.get("data_sha256") or UNRECORDED) for record in facts.records}
    known = [pair for pair in found if pair[1] != UNRECORDED]
    shown = ", ".join(f"{name} {sha256[:12]}" for name, sha256 in sorted(found))
    return Item("Data sets named by a checksum", all_or_part(len(known), len(found)), f"{shown or 'No record'}.")


def _splits(facts: Facts) -> Item:
    held_out: dict[str, set[int]] = {}
    for spec in facts.plan.runs:
        held_out.setdefault(spec.dataset, set()).add(spec.recipe.data.validation)
    shown = [_split(name, sizes) for name, sizes in held_out.items()]
    return Item("Training, validation and test images stated", "yes", f"{'; '.join(shown)}.")


def _split(name: str, held_out: set[int]) -> str:
    info = data.info(name)
    validation = " or ".join(f"{size:,}" for size in sorted(held_out))
    return f"{name}: {info.train_images:,} for training, of which {validation} held out; {info.test_images:,} test"


def _hyperparameters(facts: Facts) -> Item:
    stated = sum(bool(record.hyperparameters) or record.spec.method == "dense" for record in facts.records)
    changed = dict.fromkeys(spec.method_text for spec in facts.plan.runs if spec.hyperparameters)
    own = f"; not the defaults: {', '.join(changed)}" if changed else "; all methods with their defaults"
    fact = f"Resolved recipe and hyper-parameters stand in every record{own}."
    return Item("All hyper-parameters stated", all_or_part(stated, len(facts.records)), fact)


def _full_length(facts: Facts) -> Item:
    budget = facts.grid.budget
    fact = "The recipe's own." if budget == 1 else f"{budget:g} of it: these numbers stand for no paper's protocol."
    return Item("Trained for the recipe's full length", "yes" if budget == 1 else "no", fact)


def _commit(facts: Facts) -> Item:
    commits = facts.provenance("git", "commit")
    dirty = sum((record.provenance.get("git") or {}).get("dirty") is not False for record in facts.records)
    changes = f"; {dirty} of {len(facts.records)} runs with uncommitted changes or unknown ones" if dirty else ", clean"
    answer: Answer = "yes" if len(commits) == 1 and not dirty else "partly"
    if not commits or UNRECORDED in commits or dirty == len(facts.records):
        answer = "no"
    return Item("One committed version of the code", answer, f"Commit {listed(commits) or UNRECORDED}{changes}.")


def _packages(facts: Facts) -> Item:
    names = dict.fromkeys(name for record in facts.records for name in record.provenance.get("packages") or {})
    versions = {"python": facts.provenance("python")} | {name: facts.provenance("packages", name) for name in names}
    known = {name: counts for name, counts in versions.items() if set(counts) - {UNRECORDED}}
    same = sum(len(counts) == 1 for counts in known.values())
    shown = ", ".join(f"{name} {listed(counts)}" for name, counts in known.items())
    return Item(
        "Versions of packages stated, and the same for all", all_or_part(same, len(known)), f"{shown or 'None'}."
    )


def _hardware(facts: Facts) -> Item:
    found = Counter(_machine(record.provenance) for record in facts.records)
    known = sum(count for machine, count in found.items() if machine != UNRECORDED)
    return Item("Hardware stated", all_or_part(known, len(facts.records)), f"{listed(found) or 'None'}.")


def _machine(provenance: dict[str, object]) -> str:
    gpu, cpu = provenance.get("gpu"), provenance.get("cpu")
    if isinstance(gpu, dict):
        return f"{gpu.get('name')}, {gpu.get('memory')}"
    if isinstance(cpu, dict):
        return f"{cpu.get('model')}, {cpu.get('cores')} cores, {provenance.get('threads')} of them per run"
    return UNRECORDED


def _determinism(facts: Facts) -> Item:
    modes = Counter(str(spec.recipe.mode) for spec in facts.plan.runs)
    fact = f"Mode {listed(modes)}; the same bits again on the same hardware, versions and threads."
    return Item("Runs can be repeated to the bit", all_or_part(modes["deterministic"], len(facts.plan.runs)), fact)


def _commands(facts: Facts) -> Item:
    fact = "provenance.md has a command for each run, which refuses to run if code or protocol have changed."
    return Item("A command that repeats each run", "yes" if facts.plan.runs else "no", fact)
