"""Iterative magnitude pruning with rewinding, which finds lottery tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bench.errors import UserError
from bench.method import Dense, Method, NamedTensors, Run, Stage
from bench.schedule import Never

if TYPE_CHECKING:
    from bench.spec import RunSpec


class LTH(Method):
    """Frankle et al. 2020, arXiv:1912.05671; Renda et al. 2020, arXiv:2003.02389: train, prune by |w|, rewind, repeat.

    A round removes a fraction of what is left by global magnitude and trains the rest again. A round that would cross
    a point of the grid stops there exactly and removes less; the next goes on from the point. One run yields all
    points.

    Attributes:
        rewind: position of the recipe's ``train`` phase, in its unit (epochs or steps), where every round begins. 0 is
            initialisation, as in Frankle & Carbin 2019 (arXiv:1803.03635). A budget does not scale it.
        fraction: of the remaining weights, removed per round.
        rewound: ``weights``: weights, biases and batch norm go back to their values at `rewind`. ``rate``: they keep
            their trained values and only the learning rate goes back (learning-rate rewinding).
    """

    schedule = Never()
    joint = True
    rewind: float = 1.0
    fraction: float = 0.2
    rewound: Literal["weights", "rate"] = "weights"
    bounds = {"rewind": "[0, 1e9]", "fraction": "[0.01, 1)"}

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise UserError(f"lth[fraction]: {self.fraction:g} is not between 0 and 1.")
        if self.rewind < 0:
            raise UserError(f"lth[rewind]: {self.rewind:g} is negative; 0 is initialisation.")

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """Dense training, then round after round; those that end at a point yield it."""
        stages = [Stage("pretrain", method=Dense(), yields=tuple(point for point in points if point == 0))]
        for number, target in enumerate(self.rounds(points), start=1):
            before = stages[-1].name
            parents = (f"pretrain@{self.rewind:g}", before) if self.rewound == "weights" else (before,)
            yields = tuple(point for point in points if point == target)
            stages.append(Stage(f"round{number}", target, parents=parents, begin=self.rewind, yields=yields))
        return stages

    def rounds(self, points: tuple[float, ...]) -> list[float]:
        """The sparsities after each round, up to the largest point."""
        found = [0.0]
        for point in sorted({point for point in points if point > 0}):
            while (left := (1 - found[-1]) * (1 - self.fraction)) > 1 - point + 1e-6:  # written points have six digits
                found.append(1 - left)
            found.append(point)
        return found[1:]

    def skip(self, spec: RunSpec) -> str:
        """A round must have something left to train."""
        length = spec.recipe.train.length
        return "" if self.rewind < length else f"rewinds to {self.rewind:g}, and training is over at {length:g}"

    def on_train_start(self, run: Run) -> None:
        """Masks from the weights at the end of the round before; what they removed stays removed."""
        before = run.parent(run.stage.parents[-1])
        trained = NamedTensors((name, before["model"][name] * before["masks"][name]) for name in run.weights)
        run.masks.keep(trained.abs(), run.target)
