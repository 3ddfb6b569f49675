"""What keeps a published number and a run of ours from being compared, each with its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bench import catalog, data, names, recipe
from bench.plan import lineage
from bench.published import Protocol, Row, margins
from bench.spec import RunSpec

FIELDS = 2
"""So many fields of a recipe are listed one by one; of more, only the first names."""


class Kind(StrEnum):
    """What an obstacle is about; docs/comparing.md explains each."""

    COPY = "copy"
    UNVERIFIED = "unverified"
    DATASET = "data set"
    ARCHITECTURE = "architecture"
    METHOD = "method"
    METRIC = "metric"
    SPARSITY = "sparsity"
    VARIANT = "variant"
    PROTOCOL = "protocol"
    EPOCH = "reported epoch"
    BUDGET = "budget"
    PRUNABLE = "prunable set"
    RECIPE = "recipe"
    MARGIN = "margin"
    LOOKS = "looks"


@dataclass(frozen=True)
class Obstacle:
    """A reason against a comparison.

    Attributes:
        text: the reason, without its kind.
        field: of the recipe, where that differs.
    """

    kind: Kind
    text: str
    field: str = ""

    def __str__(self) -> str:
        """As ``budget: 0.1 of the recipe's length``."""
        return f"{self.kind}: {self.text}"


def barriers(row: Row, protocol: Protocol) -> list[Obstacle]:
    """Why no run of ours can be compared with the row, whatever it does; empty if one can be."""
    name = names.parse(row.method)[0] if row.method else ""
    known = row.dataset in data.names()
    margin = margins.margin(row.dataset, row.architecture, row.sparsity or 0.0)
    network = f"{row.architecture_printed} on {row.dataset}"
    stated = {
        Obstacle(Kind.UNVERIFIED, "nobody read this number in a source"): row.verified == "unverified",
        Obstacle(Kind.DATASET, f"{row.dataset} is not in the suite"): not known,
        Obstacle(Kind.ARCHITECTURE, f"{row.architecture_printed} is not in the suite"): not row.architecture,
        Obstacle(Kind.METHOD, f"no module for {name or row.method_printed}"): name not in catalog.names(),
        Obstacle(Kind.METRIC, f"{row.metric} instead of top1"): row.metric != "top1",
        Obstacle(Kind.SPARSITY, "not stated"): row.point is None,
        Obstacle(Kind.SPARSITY, "of all parameters"): row.target is None and row.sparsity_of == "parameters",
        Obstacle(Kind.PROTOCOL, protocol.reason): protocol.recipe is None and known,
        Obstacle(Kind.EPOCH, "not stated"): row.report == "unknown" and protocol.recipe is not None,
        Obstacle(Kind.MARGIN, f"none is fixed for {network} ({margins.MARGINS.name})"): known and margin is None,
    }
    return [obstacle for obstacle, holds in stated.items() if holds]


def obstacles(row: Row, protocol: Protocol, spec: RunSpec) -> list[Obstacle]:
    """Why a published row and a run of ours cannot be compared; empty if they can."""
    found = barriers(row, protocol)
    if row.canonical_method != spec.method_text:
        found.append(Obstacle(Kind.VARIANT, f"the paper's is {row.canonical_method}"))
    if spec.budget != 1:
        found.append(Obstacle(Kind.BUDGET, f"{spec.budget:g} of the recipe's length"))
    if spec.prunable != row.prunable:
        found.append(Obstacle(Kind.PRUNABLE, f"{spec.prunable} instead of {row.prunable}"))
    held_out = spec.recipe.data.validation > 0
    if row.report == "best" and held_out:
        why = "the best on the test set, which a run with held-out images does not look at"
        found.append(Obstacle(Kind.EPOCH, why))
    if row.report == "best_validation" and not held_out:
        found.append(Obstacle(Kind.EPOCH, "the best on held-out images, of which our recipe has none"))
    if protocol.recipe is not None:
        differing = min((_recipe_differences(spec, text) for text in protocol.recipes.values()), key=len)
        found += [Obstacle(Kind.RECIPE, str(difference), difference.field) for difference in differing]
    return found


def reading(protocol: Protocol, spec: RunSpec) -> str:
    """The letter of the reading of a protocol under which a run was made; empty if of none."""
    made = (letter for letter, text in protocol.recipes.items() if not _recipe_differences(spec, text))
    return next(made, "")


def _recipe_differences(spec: RunSpec, text: str) -> list[recipe.Difference]:
    """Material differences, apart from the budget and from phases that the method does not use."""
    stages = {stage.name: stage.phase for stage in lineage.stages_of(spec)}

    def used(whole: recipe.Recipe) -> recipe.Recipe:
        own = {name: phase for name, phase in whole.stages.items() if name in stages}
        others = {phase for name, phase in stages.items() if name not in own}
        return whole.model_copy(update={"stages": own} | ({} if "finetune" in others else {"finetune": None}))

    return recipe.differences(used(spec.recipe), used(recipe.load(text).scaled(spec.budget)))


def spelled(found: Iterable[Obstacle]) -> str:
    """All of them on one line."""
    return "; ".join(map(str, found))


def brief(found: Iterable[Obstacle]) -> str:
    """All on one line, a long list of differences between recipes cut short."""
    listed = list(found)
    fields = [each.field for each in listed if each.kind is Kind.RECIPE]
    if len(fields) <= FIELDS:
        return spelled(listed)
    others = [str(each) for each in listed if each.kind is not Kind.RECIPE]
    return "; ".join([*others, f"recipe: {len(fields)} fields differ ({', '.join(fields[:3])}, …)"])


def counted(rows: Iterable[Iterable[Obstacle]]) -> str:
    """Of how many rows an obstacle of each kind stands in the way, as ``unverified 3, protocol 1``."""
    counts = Counter(kind for found in rows for kind in dict.fromkeys(each.kind for each in found))
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
