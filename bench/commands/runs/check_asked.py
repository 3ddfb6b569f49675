"""Whether what a record says it was asked gives its name, its identity and its hyper-parameters."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import catalog, data, identity
from bench.archs import digests
from bench.commands.runs.finding import Finding
from bench.errors import UserError
from bench.plan.lineage import identify, method_of
from bench.results.record import Record

CHANGED = "the code or the data set has changed since: the run has another identity today"
NOT_ITS_OWN = "what it says it was asked has not its identity, though method, network and data set are still the same"


def findings(found: Record, path: Path) -> Iterator[Finding]:
    """What is wrong with a record's name, identity and hyper-parameters."""
    yield from _names(found, path)
    yield from _stages(found, path)
    try:
        now = identify(found.spec).identity
    except UserError:
        now = ""
    if now == found.spec.identity:
        yield from _hyperparameters(found, path)
    elif now and _nothing_changed(found):
        yield Finding(path, NOT_ITS_OWN)
    else:
        yield Finding(path, CHANGED, harmless=True)


def _names(found: Record, path: Path) -> Iterator[Finding]:
    folder = path.parent.name if path.name == "record.json" else path.stem
    if found.id != found.spec.id:
        yield Finding(path, f"its id is '{found.id}', and what was asked is called '{found.spec.id}'")
    elif folder != found.id:
        yield Finding(path, f"it is the record of '{found.id}', and lies under another name")
    points = [result.point for result in found.results]
    if found.outcome == "ok" and set(points) != set(found.spec.points or (None,)):
        yield Finding(path, f"it is ok, and has results at {points} instead of {list(found.spec.points) or 'dense'}")
    told = found.provenance.get("command")
    if told is not None and told != found.spec.command:
        yield Finding(path, "the command that it tells is not that of what was asked")


def _stages(found: Record, path: Path) -> Iterator[Finding]:
    """A run's identity is made of its stages' (`bench.plan.lineage.identify`), whatever code gave them theirs."""
    if not found.ancestry or found.outcome not in ("ok", "wrong_sparsity", "collapsed"):
        return
    stages = {each.stage: each.identity for each in found.ancestry}
    told = identity.digest({"stages": stages, "points": list(found.spec.points), "prunable": found.spec.prunable})
    if told != found.spec.identity:
        yield Finding(path, "its identity is not made of those of its stages, its points and its prunable set")


def _nothing_changed(found: Record) -> bool:
    """Whether all that enters an identity beside the spec is still what the record tells of it.

    Of methods that a method borrows from, or stands for, a record tells nothing.
    """
    told, spec = found.provenance, found.spec
    try:
        method = method_of(spec)
        alone = not method.borrows and not method.stands_for
        same = told.get("method_source_sha256") == catalog.source_digest(spec.method)
        return alone and same and told.get("data_sha256") == data.info(spec.dataset).sha256 and _network(found)
    except UserError:
        return False


def _network(found: Record) -> bool:
    """Whether the network's code is that of the first records, which is the one that leaves no trace in a record."""
    return not digests.deviation(found.spec.architecture)


def _hyperparameters(found: Record, path: Path) -> Iterator[Finding]:
    """Those of a record whose code is still the same."""
    now = json.loads(json.dumps(method_of(found.spec).hyperparameters))  # tuples are lists in a record
    for name, value in found.hyperparameters.items():
        if name not in now:
            yield Finding(path, f"its method has no hyper-parameter '{name}'")
        elif not _agree(value, now[name]):
            yield Finding(path, f"its hyper-parameter '{name}' is '{value}', and what was asked gives '{now[name]}'")
    for name in {each.partition(".")[0] for each in found.spec.hyperparameters} - found.hyperparameters.keys():
        yield Finding(path, f"its hyper-parameters lack '{name}', which was asked for")


def _agree(recorded: Any, now: Any) -> bool:
    """Whether two values are one; of ``Cubic(every=16)`` what is recorded: it may have got fields since."""
    one, other = _call(recorded), _call(now)
    if one is None or other is None:
        return bool(recorded == now)
    return one[0] == other[0] and one[1].items() <= other[1].items()


def _call(value: Any) -> tuple[str, dict[str, str]] | None:
    """The name and the keywords of a text that reads like a call; None for what does not."""
    try:
        node = ast.parse(value, mode="eval").body if isinstance(value, str) else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(node, ast.Call):
        return None
    return ast.unparse(node.func), {str(each.arg): ast.unparse(each.value) for each in node.keywords}
