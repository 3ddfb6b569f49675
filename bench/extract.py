"""``reprune extract``: the network of a finished run at one of its points, as a plain checkpoint."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from bench.disk import writing
from bench.errors import UserError
from bench.identity import file_digest
from bench.record import Record, Result, unfinished
from bench.runs import find
from bench.schema import shown
from bench.sharing import card
from bench.spelling import Spelling, exact

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
    result = choose(found, sparsity)
    about = _write(state(folder, found, result), output, found, result, folder)
    return _said(output, about, found, result)


def choose(found: Record, sparsity: float | None) -> Result:
    """The result at a sparsity; at the only point if none is given. Raises `UserError` if there is no such one."""
    if not found.results:
        raise UserError(f"run {found.id} ended as '{found.outcome}' and left no network.")
    points = [result.point for result in found.results]
    number = Spelling.of(points).number
    listed = ", ".join("none (dense)" if point is None else number(point) for point in points)
    if sparsity is None:
        if len(points) > 1:
            raise UserError(f"run {found.id} has several networks; choose one by --sparsity: {listed}.")
        return found.results[0]
    distances = {abs(result.point - sparsity): result for result in found.results if result.point is not None}
    if distances and min(distances) < 1e-9:
        return distances[min(distances)]
    raise UserError(f"--sparsity {exact(sparsity)} is not among the points of run {found.id}: {listed}.")


def state(folder: Path, found: Record, result: Result) -> dict[str, Tensor]:
    """The recorded weights of a result, for the architecture with its own epsilon of batch normalisation.

    Raises `UserError` as `weights_file` does.
    """
    path = weights_file(folder, found, result)
    from bench.weights import saved_state

    return _with_own_eps(saved_state(path), found)


def weights_file(folder: Path, found: Record, result: Result) -> Path:
    """Where the recorded weights of a result lie; needs no torch.

    Raises `UserError` if they are gone, not the recorded ones, or need more than the architecture.
    """
    if result.extras is not None:
        raise UserError(
            f"run {found.id}: the networks of method '{found.spec.method}' need parts beside the weights "
            f"({result.extras}), which no plain checkpoint holds."
        )
    if not result.weights or Path(result.weights).name != result.weights:
        raise UserError(
            f"{folder / 'record.json'}: 'weights' is {shown(result.weights)} and no file of the run's folder."
        )
    path = folder / result.weights
    if not path.is_file():
        raise UserError(f"run {found.id}: its weights {path} are not there any more.")
    if (digest := file_digest(path)) != result.weights_sha256:
        raise UserError(f"{path} has the checksum {digest[:12]}…, not the recorded {result.weights_sha256[:12]}….")
    return path


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


def _with_own_eps(state: dict[str, Tensor], found: Record) -> dict[str, Tensor]:
    """The same network for batch norms that have the architecture's own epsilon: variance + ε is what counts."""
    eps = found.spec.recipe.batch_norm.eps
    if eps is None:
        return state
    from torch.nn.modules.batchnorm import _BatchNorm

    from bench import archs, data

    info = data.info(found.spec.dataset)
    model = archs.create(found.spec.architecture, info.classes, info.channels, (info.height, info.width))
    own = {f"{name}.running_var": m.eps for name, m in model.named_modules() if isinstance(m, _BatchNorm)}
    return {name: value + (eps - own[name]) if name in own else value for name, value in state.items()}


def _said(output: Path, about: Path, found: Record, result: Result) -> str:
    kept = f"{100 * result.counts.prunable_sparsity:.2f} % of the prunable weights are 0"
    said = f"{output}: {result.accuracy:.2f} % of {result.test_images} test images, {kept}; {about} says more"
    normalise = found.spec.recipe.data.normalise
    if normalise != "channel":
        return f"{said}; the images have to be normalised as the recipe says: '{normalise}'."
    return f"{said}; once more: {shlex.join(card.evaluation(output, found.spec))}"
