"""The stages of a run and their identities: what determines a stage's result, and nothing else.

Two runs that need the same stage (the dense training of a seed, say) compute the same identity and share it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bench import catalog, data, identity
from bench.archs import digests
from bench.errors import UserError
from bench.method import Dense, Method, Stage
from bench.schedule import Timeline
from bench.spec import RunSpec
from bench.structure import Filters

OTHERWISE = {"name", "source", "report", "evaluate_every", "train", "finetune", "stages"}
"""Fields of a recipe that change no result, or that enter an identity as the phase of the stage at hand."""
FOLLOWED = ("convmixer_", "resnetv2_")
"""How those of timm's networks are called in which a batch norm stands behind an activation that is not in place."""


def method_of(spec: RunSpec) -> Method:
    """The method of a run, with its hyper-parameters set."""
    return catalog.create(spec.method, spec.hyperparameters)


def skipped(spec: RunSpec) -> str:
    """Why the run's method has nothing to say about it; an empty string if it has (`Method.skip`)."""
    method = method_of(spec)
    return str(catalog.ask(spec.method, lambda: method.skip(spec)) or "")


def stages_of(spec: RunSpec, method: Method | None = None) -> list[Stage]:
    """The checked stages of a run, in order.

    Raises `UserError` if the recipe lacks a phase or a learning-rate drop which the method needs, or if a point of the
    run is the result of no stage.
    """
    method = method or method_of(spec)
    stages = catalog.ask(spec.method, lambda: list(method.stages(spec.points)))
    if spec.recipe.initialisation.file is not None:
        stages = [_given(spec, method, stage) for stage in stages]
    for index, stage in enumerate(stages):
        earlier = {other.name for other in stages[:index]}
        if stage.name in earlier:
            raise UserError(f"method '{spec.method_text}' has two stages that are called '{stage.name}'.")
        for parent in stage.parents:
            if parent.partition("@")[0] not in earlier:
                where = f"method '{spec.method}': stage '{stage.name}'"
                raise UserError(f"{where} needs '{parent}', which comes later or never.")
        if stage.phase is not None:
            _check(spec, stage.method or method, stage)
    missing = set(spec.points) - {point for stage in stages for point in stage.yields}
    if missing:
        point = spec.spelling.number(min(missing))
        raise UserError(f"method '{spec.method_text}' never reaches the point {point}; no stage yields it.")
    return stages


def _given(spec: RunSpec, method: Method, stage: Stage) -> Stage:
    """A stage under a recipe that starts from trained weights: these are the dense network, so it needs no training."""
    if any("@" in parent for parent in stage.parents):
        raise UserError(
            f"method '{spec.method}' rewinds to the dense network's first epochs, which recipe '{spec.recipe_text}' "
            "does not train: it takes that network from a file."
        )
    return replace(stage, phase=None) if isinstance(stage.method or method, Dense) else stage


def _check(spec: RunSpec, method: Method, stage: Stage) -> None:
    assert stage.phase is not None
    try:
        phase = spec.recipe.phase(stage.phase, stage.name)
        method.schedule.check(Timeline.of(phase, steps=10**9))
    except UserError as error:
        raise UserError(f"method '{spec.method_text}' under recipe '{spec.recipe_text}': {error}") from None


def identities(spec: RunSpec, method: Method | None = None) -> dict[str, str]:
    """The identity (SHA-256) of every stage of a run, by stage name."""
    method = method or method_of(spec)
    found: dict[str, str] = {}
    for stage in stages_of(spec, method):
        payload = _common(spec, stage) | _who(spec, stage.method or method, stage)
        payload["parents"] = [_parent(parent, found) for parent in stage.parents]
        found[stage.name] = identity.digest(payload)
    return found


def _parent(reference: str, found: dict[str, str]) -> str:
    name, at, position = reference.partition("@")
    return found[name] + at + position


def _common(spec: RunSpec, stage: Stage) -> dict[str, Any]:
    """What matters to every stage: data, network, seed and the part of the recipe that it uses.

    Fields at their default are left out, so a field added later leaves old identities as they were. So is the network's
    code as long as it is that of the first records (`bench.archs.digests`).
    """
    recipe = spec.recipe.model_dump(mode="json", exclude_defaults=True, exclude=OTHERWISE)
    phase = spec.recipe.phase(stage.phase, stage.name) if stage.phase else None
    return {
        "engine": identity.ENGINE_VERSION,
        "dataset": data.info(spec.dataset).identity,
        "architecture": spec.architecture,
        **digests.deviation(spec.architecture),
        "seed": spec.seed,
        "recipe": recipe,
        "phase": [stage.phase, phase and phase.model_dump(mode="json", exclude_defaults=True)],
        "begin": stage.begin,
        "copy": stage.copy,
    }


def _who(spec: RunSpec, method: Method, stage: Stage) -> dict[str, Any]:
    if isinstance(method, Dense):
        return {"method": "dense"}
    who, hyperparameters = catalog.ask(spec.method, lambda: method.stands_for) or (spec.method, spec.hyperparameters)
    borrows = catalog.ask(spec.method, lambda: method.borrows)
    borrowed = {name: catalog.source_digest(name) for name in borrows}
    payload = {
        "method": who,
        "source": catalog.source_digest(who),
        "hyperparameters": hyperparameters,
        "sparsity": stage.sparsity,
        "prunable": spec.prunable,
        "stage": stage.name,
    }
    payload |= {"borrowed": borrowed} if borrowed else {}
    return payload | _scoring_loss(spec, [who, *borrows]) | _companions(spec, method)


def _scoring_loss(spec: RunSpec, methods: list[str]) -> dict[str, Any]:
    """Marks what is scored by the training loss where that is not plain cross-entropy, which it once was everywhere."""
    if spec.recipe.label_smoothing and any(map(catalog.asks_for_gradients, methods)):
        return {"scoring_loss": "smoothed"}
    return {}


def _companions(spec: RunSpec, method: Method) -> dict[str, Any]:
    """Marks where filters take a batch norm along that once went on without them."""
    by_filters = isinstance(method.structure, Filters) or method.meaning == "dynamic"
    return {"companions": "behind activations"} if by_filters and spec.architecture.startswith(FOLLOWED) else {}


def identify(spec: RunSpec) -> RunSpec:
    """The spec with its identity filled in: the identities of its stages and the points it reports."""
    payload = {"stages": identities(spec), "points": list(spec.points), "prunable": spec.prunable}
    return spec.model_copy(update={"identity": identity.digest(payload)})


def is_outdated(spec: RunSpec) -> bool:
    """Whether the code at hand gives a run another identity than the one it has, or none."""
    try:
        return identify(spec).identity != spec.identity
    except UserError:
        return True
