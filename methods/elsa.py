"""ELSA: nested sparse networks in one weight vector."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from bench import catalog
from bench.errors import UserError
from bench.method import Dense, Run, Stage
from bench.structure import Weights
from bench.wrapper import Wrapper

if TYPE_CHECKING:
    import torch


class Level(Wrapper):
    """One level: another method, beside weights of the sparser levels that it may neither prune nor move.

    Attributes:
        earlier: the stages that the sparser levels end with, the sparsest first.
        opens: whether this is the level's first stage.
    """

    earlier: tuple[str, ...] = ()
    opens: bool = False
    bn: str = "private"
    free: str = "original"

    @property
    def stands_for(self) -> tuple[str, dict[str, Any]] | None:
        """The first level is the other method's stage, and trained once for both."""
        return None if self.earlier or not self.of else catalog.parse(self.of)

    @property
    def borrows(self) -> tuple[str, ...]:
        """The other method's file, unless that method is who the stage is said to be of."""
        return super().borrows if self.earlier else self.inner.borrows

    def build(self, run: Run) -> None:
        """Pin the weights of the sparser levels, and freeze what all levels share of normalisation."""
        super().build(run)
        if not self.earlier:
            return
        run.masks.pinned = dict(run.parent(self.earlier[-1])["masks"])
        self.initial: dict[str, torch.Tensor] = {}
        if self.opens:  # no stage has been loaded yet
            self.initial = {name: value.clone() for name, value in run.model.state_dict().items()}
        if self.bn != "private":
            from bench.normalisation import freeze  # planning loads this file without torch

            freeze(run.model, statistics=self.bn == "shared_frozen")

    def on_train_start(self, run: Run) -> None:
        """Nothing is pruned, and what is free begins anew."""
        if self.opens:
            for mask in run.masks.values():
                mask.fill_(1)
            self._begin(run)
        super().on_train_start(run)

    def _begin(self, run: Run) -> None:
        if self.free == "original":
            for name in run.model.state_dict().keys() - _shared(run, self.bn) - run.weights.keys():
                run.model.state_dict()[name].copy_(self.initial[name])
        draws = run.normal()
        for name, weight in run.weights.items():
            start = {
                "zeros": weight * 0,
                "original": self.initial[name],
                "small": draws[name] * (0.1 * self.initial[name].std()),
            }[self.free]
            weight.copy_(weight.where(run.masks.pinned[name], start))

    def update_masks(self, run: Run) -> None:
        """The other method's masks, around what is pinned. Raises `UserError` if it does not keep to that."""
        super().update_masks(run)
        if any(bool((run.masks[name] == 0)[pinned].any()) for name, pinned in run.masks.pinned.items()):
            raise UserError(f"elsa[of]: '{self.inner.name}' prunes weights of a sparser level.")

    def on_after_backward(self, run: Run) -> None:
        """No gradient for frozen weights: it would count in a clipped norm."""
        super().on_after_backward(run)
        for name, pinned in run.masks.pinned.items():
            if (gradient := run.parameters[name].grad) is not None:
                gradient.masked_fill_(pinned, 0)

    def on_after_step(self, run: Run) -> None:
        """Put the frozen weights back: weight decay has moved them all the same."""
        super().on_after_step(run)
        if self.earlier:
            before = run.parent(self.earlier[-1])["model"]
            for name, pinned in run.masks.pinned.items():
                run.weights[name].copy_(before[name].where(pinned, run.weights[name]))

    def on_train_end(self, run: Run) -> None:
        """Check that the level is larger than the one before, and estimate batch statistics if wanted."""
        super().on_train_end(run)
        if sum(int(pinned.sum()) for pinned in run.masks.pinned.values()) == sum(run.masks.kept().values()):
            raise UserError(f"elsa: the level {run.target:g} keeps no more weights than the one before it.")
        if self.earlier and self.bn == "recalibrate" and run.stage.yields:
            from bench.normalisation import recalibrate

            recalibrate(run)

    def diagnostics(self, run: Run) -> dict[str, float]:
        """Bytes that a level adds to a denser one, and what all sparser levels add to this one."""
        shared = {*_shared(run, self.bn), *run.weights}
        own = [v for name, v in run.model.state_dict().items() if name not in shared and v.is_floating_point()]
        private = sum(value.numel() * value.element_size() for value in own)
        mask = (sum(mask.numel() for mask in run.masks.values()) + 7) // 8
        found = {"private_bytes": private, "mask_bytes": mask if run.target else 0}
        return super().diagnostics(run) | found | {"overhead_bytes": len(self.earlier) * (private + mask)}


class Elsa(Wrapper):
    """Train the sparsest network, freeze it, train what the next level adds, and so on; deployment is a mask.

    Halvachi et al. 2023, arXiv:2312.06872: any sparsifier, here any method of single weights, makes the masks. What
    was read of the paper is the abstract: the order and all options below are a reconstruction after PackNet, which
    the paper acknowledges (`docs/methods/elsa.md`). Every level is trained as the method alone would train it, for
    the recipe's whole length; the level 0 is the dense network. The first level is bit for bit that method alone.

    Biases, the classifier's too, and whatever else is not prunable, are trained and stored anew for every level.

    Attributes:
        of: the method, with hyper-parameters if wanted: ``rigl[schedule.every=10]``.
        bn: ``private``: affine parameters and statistics per level. ``recalibrate``: affine parameters of the first
            level, statistics per level, estimated from training batches at its end. ``shared_frozen``: normalisation
            of the first level, in evaluation mode from then on (PackNet); wants a small learning rate, and ``zeros``
            or ``small`` as `free`.
        free: where free weights begin: ``original`` is where the run began, and so do biases and private
            normalisation; ``zeros`` begins exactly at the sparser network; ``small`` is a tenth of the initial
            standard deviation, freshly drawn.
    """

    of: str = "gmp"
    bn: Literal["private", "recalibrate", "shared_frozen"] = "private"
    free: Literal["zeros", "original", "small"] = "original"
    joint = True
    reports = {
        "mask_bytes": {"title": "Mask", "unit": "B", "better": "lower", "meaning": "a bit for each prunable weight"},
        "private_bytes": {
            "title": "Own parameters",
            "unit": "B",
            "better": "lower",
            "meaning": "what a level shares with no other: biases, normalisation and its statistics",
        },
        "overhead_bytes": {
            "title": "Overhead",
            "unit": "B",
            "better": "lower",
            "meaning": "what all sparser levels add to storing this one",
        },
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        inner = self.inner
        if inner.joint or inner.needs_extras or inner.meaning != "exact" or type(inner.structure) is not Weights:
            raise UserError(f"elsa[of]: '{self.of}' does not prune single weights to a given sparsity.")

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """Those of the other method, level by level from the sparsest; a level's first starts from the one before."""
        found: list[Stage] = []
        ends: tuple[str, ...] = ()
        for level in sorted(set(points), reverse=True):
            stages = self.inner.stages((level,)) if level else [Stage("train", yields=(0.0,), method=Dense())]
            found += [self._later(stage, ends) if ends else self._first(stage) for stage in stages]
            ends = (*ends, found[-1].name)
        return found

    def _first(self, stage: Stage) -> Stage:
        """As it is: its name seeds random draws, and dense training is shared with all methods."""
        return replace(stage, method=stage.method or Level(of=self.of, bn=self.bn))

    def _later(self, stage: Stage, ends: tuple[str, ...]) -> Stage:
        prefix = f"level{len(ends) + 1}-"
        parents = tuple(prefix + parent for parent in stage.parents)
        of = "" if isinstance(stage.method, Dense) else self.of
        level = Level(of=of, earlier=ends, opens=not parents, bn=self.bn, free=self.free)
        return replace(stage, name=prefix + stage.name, parents=(*parents, ends[-1]), method=level)


def _shared(run: Run, bn: str) -> set[str]:
    """Names of what all levels share of normalisation."""
    from bench.normalisation import names_of

    parameters, buffers = names_of(run.model)
    return {"private": set(), "recalibrate": parameters, "shared_frozen": parameters | buffers}[bn]
