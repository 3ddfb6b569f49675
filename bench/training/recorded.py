"""The network of a finished run at one of its points, as a record names it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.schema import shown
from bench.base.spelling import Spelling, exact
from bench.errors import UserError
from bench.identity import file_digest
from bench.results.record import Record, Result

if TYPE_CHECKING:
    from torch import Tensor


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
