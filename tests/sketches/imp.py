"""Sketch: iterative magnitude pruning with rewinding (Frankle et al. 2020, arXiv:1912.05671)."""

import math

from bench.method import Dense, Method, NamedTensors, Run, Stage
from bench.schedule import Never


class Imp(Method):
    """Train, remove 20 % of what is left by magnitude, rewind the rest to an early snapshot; repeat."""

    schedule = Never()
    joint = True
    rewind: float = 1.0
    fraction: float = 0.2

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """Dense training, then as many rounds as the largest point takes; a round that meets a point yields it."""
        snapshot = f"pretrain@{self.rewind:g}"
        stages = [Stage("pretrain", method=Dense())]
        for number, target in enumerate(self._rounds(max(points)), start=1):
            parents = (snapshot, stages[-1].name)
            yields = tuple(point for point in points if math.isclose(point, target))
            stages.append(Stage(f"round{number}", target, parents=parents, begin=self.rewind, yields=yields))
        return stages

    def _rounds(self, target: float) -> list[float]:
        rounds = math.ceil(math.log(1 - target) / math.log(1 - self.fraction) - 1e-9)
        return [*(1 - (1 - self.fraction) ** r for r in range(1, rounds)), target]

    def on_train_start(self, run: Run) -> None:
        """Masks from the weights at the end of the previous round; the weights themselves are the rewound ones."""
        before = run.parent(run.stage.parents[1])
        trained = NamedTensors((name, before["model"][name] * before["masks"][name]) for name in run.weights)
        run.masks.keep(trained.abs(), run.target)
