"""``reprune verify --evaluate``: the stored networks on the test images, against what their records tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.base import regular
from bench.commands.runs.finding import Finding
from bench.errors import UserError
from bench.results import record
from bench.results.record import Record, Result

if TYPE_CHECKING:
    from bench.context import Run
    from bench.training.evaluate import Evaluation
    from bench.training.stages import Workshop

TOLERANCE = {"fp32": 2.0**-9}
"""By how much of its image's largest a logit may change from hardware to hardware; storing it as float16 is in it."""

COARSE = 2.0**-4
"""The same where networks compute in fewer digits."""

MOST_NEAR = 2
"""Held-out images that may lie between two classes; of these no logits are stored."""

CHANGED = "was not evaluated, for the code has changed since: the run has another identity today"


def run(path: Path, results: Path) -> list[Finding]:
    """Evaluate the networks of a run's record once more, if their weights are there."""
    if (found := record.readable(path, results)) is None:  # which `check_run` says
        return []
    there = [each for each in found.results if regular.is_there(path.parent / each.weights, results)]
    if path.name != "record.json" or not there:
        return []
    try:
        return list(_evaluated(found, there, path, results))
    except UserError as error:
        return [Finding(path, f"was not evaluated: {error}", harmless=True)]
    except Exception as error:  # weights of another network make torch and methods raise whatever they know
        return [Finding(path, f"its networks cannot be evaluated ({type(error).__name__}: {error})"[:300])]


def _evaluated(found: Record, results: list[Result], path: Path, folder: Path) -> Iterator[Finding]:
    import torch

    from bench.base import determinism
    from bench.plan.lineage import identify
    from bench.training.stages import Workshop

    if identify(found.spec).identity != found.spec.identity:
        yield Finding(path, CHANGED, harmless=True)
        return
    determinism.configure(found.spec.recipe, 1)
    workshop = Workshop(found.spec, folder, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        for result in results:
            yield from (Finding(path, said) for said in _result(workshop, result, path.parent))
    finally:
        workshop.batches.close()


def _result(workshop: Workshop, result: Result, folder: Path) -> Iterator[str]:
    from bench.training.measure import evaluation, reload

    stage = next((each for each in workshop.stages if each.name == result.stage), None)
    if stage is None:
        yield f"it has a result of the stage '{result.stage}', which its method has not"
        return
    extras = folder / result.extras if result.extras else None
    loaded = reload(workshop, stage, folder / result.weights, extras)
    test = evaluation(loaded, "test")
    yield from _outputs(test, result, folder, TOLERANCE.get(workshop.spec.recipe.precision, COARSE))
    yield from _paths(loaded, result, workshop)
    if result.validation_accuracy is not None:
        held_out = evaluation(loaded, "validation")
        if abs(held_out.accuracy - result.validation_accuracy) > 100 * MOST_NEAR / held_out.images:
            recorded = f"and {result.validation_accuracy:.4f} % was recorded"
            yield f"its network gets {held_out.accuracy:.4f} % of the held-out images, {recorded}"


def _outputs(test: Evaluation, result: Result, folder: Path, tolerance: float) -> Iterator[str]:
    """Accuracy and loss, and logits image by image; only an image between two classes may change its class."""
    logits = test.logits.double().numpy()
    scale = np.abs(logits).max(1)
    top = np.sort(logits, 1)[:, -2:]
    near = int((top[:, 1] - top[:, 0] <= 4 * tolerance * scale).sum())
    if abs(test.accuracy - result.accuracy) * test.images > 100 * near + 1e-6:
        yield f"its network gets {test.accuracy:.4f} % of the test images, and {result.accuracy:.4f} % was recorded"
    if not abs(test.loss - result.loss) <= 2 * tolerance * float(scale.mean()) + 1e-6:
        yield f"its network has the loss {test.loss:.6g}, and {result.loss:.6g} was recorded"
    stored = _stored(folder / result.predictions, logits.shape)
    if stored is not None:
        far = int((np.abs(stored - logits).max(1) > 2 * tolerance * scale + 1e-3).sum())
        if far:
            yield f"its network gives other logits than {result.predictions} has, for {far:,} images"


def _stored(path: Path, shape: tuple[int, ...]) -> Any:
    """The logits that lie there as float64; None if there are none of that shape (`check_predictions` says so)."""
    from bench.commands.runs.check_predictions import UNREADABLE, read

    try:
        _, logits = read(path, path.parent)
    except UNREADABLE:
        return None
    return logits.astype(np.float64) if logits is not None and logits.shape == shape else None


def _paths(loaded: Run, result: Result, workshop: Workshop) -> Iterator[str]:
    """Live paths, which are exact on any hardware."""
    from bench.training.measure import effective

    sparsity, macs = effective(workshop, loaded, result.layers)
    counts = result.counts
    for name, recorded, now in (
        ("effective_sparsity", counts.effective_sparsity, sparsity),
        ("effective_macs", counts.effective_macs, macs),
    ):
        same = recorded is None if now is None else recorded is not None and abs(recorded - now) <= 1e-9 * max(1, now)
        if not same:
            yield f"its network has the {name} {now}, and {recorded} was recorded"
