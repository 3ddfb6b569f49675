"""Sketch: nested sparse networks with frozen weights (Halvachi et al. 2023, arXiv:2312.06872; a reconstruction)."""

from bench.method import Method, NamedTensors, Run, Stage
from bench.schedule import AtInit


class Elsa(Method):
    """Train the sparsest level, freeze it, train what the next level adds, and so on; deployment is a mask."""

    schedule = AtInit()
    joint = True

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """One stage per level, the sparsest first; each starts from the one before."""
        levels = sorted(points, reverse=True)
        names = [f"level{number}" for number in range(len(levels))]
        parents: list[tuple[str, ...]] = [(), *((name,) for name in names[:-1])]
        return [
            Stage(name, level, parents=parent, yields=(level,))
            for name, level, parent in zip(names, levels, parents, strict=True)
        ]

    def on_train_start(self, run: Run) -> None:
        """Remember the previous level's mask and weights: they are frozen. New weights start small and random."""
        first = not run.stage.parents
        for name, weight in run.weights.items():
            frozen = run.masks[name] * (0 if first else 1)
            run.state[f"frozen.{name}"] = frozen
            run.state[f"value.{name}"] = weight * frozen
        self._thaw(run)

    def saliency(self, run: Run) -> NamedTensors:
        """Magnitude, with what is frozen above everything else."""
        scores = run.weights.abs()
        return NamedTensors((n, s + 1e6 * run.state[f"frozen.{n}"]) for n, s in scores.items())

    def on_after_step(self, run: Run) -> None:
        """Put the frozen entries back: weight decay and momentum must not move them."""
        for name, weight in run.weights.items():
            frozen = run.state[f"frozen.{name}"]
            weight.copy_(run.state[f"value.{name}"] * frozen + weight * (1 - frozen))

    def _thaw(self, run: Run) -> None:
        """Free weights begin where a fresh network would."""
        fresh = run.random() - 0.5
        for name, weight in run.weights.items():
            frozen = run.state[f"frozen.{name}"]
            if frozen.any():
                weight.copy_(run.state[f"value.{name}"] + 0.1 * fresh[name] * (1 - frozen))
                run.masks[name].fill_(1)
