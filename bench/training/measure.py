"""Measuring the network a stage ends with: what is saved is what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import torch

from bench import identity
from bench.base.atomic import write_atomic
from bench.base.determinism import autocast
from bench.context import Run
from bench.counting.flops import sparse_macs
from bench.effective import effective_masks
from bench.errors import Diverged
from bench.method import Dense, Stage
from bench.results.record import Counts, Layer, Result
from bench.training.evaluate import Evaluation, evaluate
from bench.training.inspection import Inspection
from bench.training.stages import Workshop
from bench.weights import save_state, saved_state


def measure(workshop: Workshop, stage: Stage, run: Run, point: float | None, folder: Path) -> Result:
    """Export the network of a finished stage, load it back, evaluate it and count what is left of it.

    Args:
        workshop: of the run.
        stage: whose end is measured.
        run: its state there.
        point: the operating point the result is for.
        folder: the run's folder, where weights and predictions go.
    """
    suffix = "" if point is None or len(workshop.spec.points) < 2 else f"-{workshop.spec.spelling.number(point)}"
    weights, predictions = folder / f"weights{suffix}.safetensors", folder / f"predictions{suffix}.npz"
    exported = run.export()
    _check_finite(exported, stage)
    save_state(exported, weights, metadata={"architecture": workshop.spec.architecture, "run": workshop.spec.id})
    extras = _save_extras(run, folder / f"extras{suffix}.safetensors")
    loaded = reload(workshop, stage, weights, extras)
    found = evaluation(loaded, "test")
    _save_predictions(found, predictions)
    progress = workshop.progress[stage.name]
    layers = _layers(workshop, run)
    held_out = evaluation(loaded, "validation").accuracy if workshop.spec.recipe.data.validation else None
    return Result(
        point=point,
        stage=stage.name,
        accuracy=found.accuracy,
        loss=found.loss,
        test_images=found.images,
        best_accuracy=progress.best_accuracy if held_out is None and progress.best_accuracy >= 0 else None,
        best_epoch=progress.best_epoch,
        selected_accuracy=progress.selected_accuracy if progress.selected_accuracy >= 0 else None,
        validation_accuracy=held_out,
        counts=_counts(workshop, run, loaded, layers),
        layers=layers,
        empty_layers=[layer.name for layer in layers if layer.prunable and layer.kept == 0],
        weights=weights.name,
        weights_sha256=identity.file_digest(weights),
        extras=extras.name if extras else None,
        predictions=predictions.name,
        diagnostics=_diagnostics(run),
    )


def reload(workshop: Workshop, stage: Stage, weights: Path, extras: Path | None) -> Run:
    """A run whose network is built anew and filled from files, as a stranger would load it.

    Its method acts only through what it adds to the network (`Method.build`); masks and reparametrisation are already
    in the weights.
    """
    plain = Stage(stage.name, stage.sparsity, stage.phase, method=None if extras else Dense())
    run = workshop.run(plain)
    run.model.load_state_dict(saved_state(weights))
    if extras:
        run.extras.load_state_dict(saved_state(extras))
    return run


def _check_finite(state: Mapping[str, torch.Tensor], stage: Stage) -> None:
    """Raise `Diverged` for a network with NaN or infinity in it: its last step need not have shown in the loss."""
    for name, value in state.items():
        if not bool(torch.isfinite(value).all()):
            raise Diverged(f"'{name}' is not finite at the end of stage '{stage.name}'")


def evaluation(run: Run, split: str) -> Evaluation:
    """What the network of a run makes of a split's images: ``test`` or ``validation``."""
    run.model.eval()
    run.extras.eval()
    with autocast(run.recipe, run.device):
        return evaluate(run.model, run.batches.evaluation(split))


def _diagnostics(run: Run) -> dict[str, float]:
    run.model.eval()
    run.extras.eval()
    with torch.no_grad(), Inspection(run).diagnosing():
        return run.method.diagnostics(run)


def _save_extras(run: Run, path: Path) -> Path | None:
    if not run.method.needs_extras:
        return None  # what the method added only shaped the weights, and they are exported
    save_state(run.extras.state_dict(), path, metadata={})
    return path


def _save_predictions(found: Evaluation, path: Path) -> None:
    """Test predictions (class index) and logits (float16), compressed; churn between runs is computed from them."""
    data = BytesIO()
    np.savez_compressed(
        data, predictions=found.predictions.cpu().numpy().astype(np.uint16), logits=found.logits.numpy()
    )
    write_atomic(path, data.getvalue())


def _layers(workshop: Workshop, run: Run) -> list[Layer]:
    """Every counted layer or product; what is not prunable counts as dense."""
    state = run.export()
    kept = {name: int((state[name] != 0).sum()) for name in workshop.dense_macs if name in state}
    densities = {name: kept[name] / state[name].numel() for name in run.masks}
    return [
        Layer(
            name=name,
            shape=tuple(state[name].shape) if name in state else (),
            prunable=name in run.masks,
            kept=kept.get(name, 0),
            density=densities.get(name, 1.0),
            macs_dense=workshop.dense_macs[name],
            macs=macs,
        )
        for name, macs in sparse_macs(workshop.dense_macs, densities).items()
    ]


def _counts(workshop: Workshop, run: Run, loaded: Run, layers: list[Layer]) -> Counts:
    state = run.export()
    parameters = {name: state[name] for name, _ in run.model.named_parameters()}
    total, kept = sum(p.numel() for p in parameters.values()), sum(int((p != 0).sum()) for p in parameters.values())
    prunable = sum(weight.numel() for weight in run.weights.values())
    alive = {name: state[name] != 0 for name in run.weights}
    sparsity, macs = effective(workshop, loaded, layers)
    dense_macs = sum(layer.macs_dense for layer in layers)
    return Counts(
        target=run.target if run.method.meaning in ("exact", "about") else None,
        prunable_weights=prunable,
        prunable_sparsity=1 - sum(int(mask.sum()) for mask in alive.values()) / prunable,
        global_sparsity=1 - kept / total,
        parameters=total,
        parameters_kept=kept,
        active_zeros=sum(int(((mask != 0) & (state[name] == 0)).sum()) for name, mask in run.masks.items()),
        macs_dense=dense_macs,
        macs=sum(layer.macs for layer in layers),
        effective_sparsity=sparsity,
        effective_macs=macs,
    )


def effective(workshop: Workshop, loaded: Run, layers: list[Layer]) -> tuple[float | None, float | None]:
    """Sparsity and multiply-adds of a loaded network without its dead paths; None where these are undefined."""
    alive = {name: weight.detach() != 0 for name, weight in loaded.weights.items()}
    shape = (workshop.info.channels, workshop.info.height, workshop.info.width)
    live = effective_masks(loaded.model, alive, shape)
    if live is None:
        return None, None
    kept, size = sum(int(mask.sum()) for mask in live.values()), sum(mask.numel() for mask in live.values())
    macs = sum(
        layer.macs_dense * float(live[layer.name].double().mean()) if layer.name in live else layer.macs
        for layer in layers
    )
    return 1 - kept / size, macs
