"""``reprune extract``: the network of a finished run at one of its points, as a plain checkpoint."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.atomic import unfinished
from bench.base.disk import writing
from bench.base.spelling import exact
from bench.errors import UserError
from bench.identity import file_digest
from bench.results import find
from bench.results.record import Record, Result
from bench.sharing import card
from bench.training import recorded

if TYPE_CHECKING:
    from torch import Tensor


def extract(run: str, results: Path, output: Path, sparsity: float | None = None) -> str:
    """Write the weights of a run as safetensors that the architecture loads, with a card, and say what they are.

    The recipe's epsilon of batch normalisation, if it is not the architecture's own, goes into the running variances,
    so that the network computes the same wherever it is loaded.

    Args:
        run: a run's id, a unique beginning of it, or a run's folder.
        results: the folder of results.
        output: the file to write; the card lies beside it, as ``.md``.
        sparsity: which point; not needed if the run has only one.

    Returns:
        A sentence with the recorded accuracy, and the command that measures it again.

    Raises:
        UserError: if there is no such network, if it is no longer the recorded one, or needs more than weights.
    """
    if output.suffix != ".safetensors" or not output.name.isprintable():
        raise UserError(f"{output}: the file to write must end in .safetensors, and its name be printable.")
    card.beside(output)  # before any work is done
    folder = find.folder(run, results)
    found = find.read(folder / "record.json")
    result = recorded.choose(found, sparsity)
    about = _write(recorded.state(folder, found, result), output, found, result, folder)
    return _said(output, about, found, result)


def _write(state: dict[str, Tensor], output: Path, found: Record, result: Result, folder: Path) -> Path:
    """Both files or none: weights under a temporary name, the card about them, and only then the weights' own name."""
    from bench.weights import save_state

    facts = {"architecture": found.spec.architecture, "run": found.id, "accuracy": f"{result.accuracy:.10g}"}
    facts |= {} if result.point is None else {"point": exact(result.point)}
    about = card.beside(output)
    temporary = unfinished(output)
    try:
        save_state(state, temporary, facts)
        card.write(about, found, result, folder, output.name, file_digest(temporary))
        with writing(output):
            temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
    return about


def _said(output: Path, about: Path, found: Record, result: Result) -> str:
    kept = f"{100 * result.counts.prunable_sparsity:.2f} % of the prunable weights are 0"
    said = f"{output}: {result.accuracy:.2f} % of {result.test_images} test images, {kept}; {about} says more"
    normalise = found.spec.recipe.data.normalise
    if normalise != "channel":
        return f"{said}; the images have to be normalised as the recipe says: '{normalise}'."
    return f"{said}; once more: {shlex.join(card.evaluation(output, found.spec))}"
