"""What a merge did, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from bench.commands.merging import Merged, merge
from bench.errors import discreet, printable

FIRST = 3
"""Runs of another machine that are named; there are as many as both have."""

COUNTED = {
    **{"copied": "copied", "replaced": "in the place of errors", "same": "there already", "completed": "completed"},
    **{"elsewhere": "the same of another machine", "conflicts": "conflicts", "refused": "refused", "busy": "at work"},
}
"""How the sums of a merge are called."""

LEFT = (
    "{count} trainings that runs share were left where they are; --stages takes them, if you trust their maker: later "
    "runs start from them."
)
OUTDATED = (
    "{count} of these were made by code or recipes that have changed since, first {first}: no grid asks for them any "
    "more."
)


def show(sources: list[Path], to: Path, *, dry: bool, stages: bool, as_json: bool) -> int:
    """Merge, and print what was done; returns the exit status, 1 if something of the sources is not there now."""
    done = merge(sources, to, dry=dry, stages=stages)
    if as_json:
        print(json.dumps(asdict(done) | {"to": str(to), "dry_run": dry}, indent=1, ensure_ascii=False, default=str))
    else:
        for line in describe(done, to, dry=dry).splitlines():
            print(discreet(line if line.isprintable() else printable(line)))
    return 0 if done.complete else 1


def describe(done: Merged, to: Path, *, dry: bool = False) -> str:
    """Conflicts and refusals, the first runs of other machines, and the counts."""
    lines = [f"same run, other machine: kept ours: {each.brief()}" for each in done.elsewhere[:FIRST]]
    if (more := len(done.elsewhere) - FIRST) > 0:
        apart = max(each.apart for each in done.elsewhere)
        lines.append(f"and {more} more (--json); of all of them, accuracies are up to {apart:.2f} points apart")
    lines += [each.describe() for each in done.conflicts]
    lines += [f"refused: {reason}" for reason in done.refused.values()]
    lines += [f"at work: {name}: somebody is carrying it out in {to}; merge again later" for name in done.busy]
    counts = {words: len(getattr(done, name)) for name, words in COUNTED.items()}
    told = [f"{count} {words}" for words, count in counts.items() if count or words == "copied"]
    stages = f"; {len(done.stages)} trainings that runs share" if done.stages else ""
    lines.append(f"{to}{', if it were done' if dry else ''}: runs: {', '.join(told)}{stages}.")
    if done.left:
        lines.append(LEFT.format(count=done.left))
    if done.outdated:
        lines.append(OUTDATED.format(count=len(done.outdated), first=done.outdated[0]))
    return "\n".join(lines)
