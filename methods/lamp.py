"""LAMP: magnitudes that can be compared between layers, removed in rounds."""

from bench.method import Method, NamedTensors, Run, Stage
from bench.schedule import OneShot, Schedule


class Lamp(Method):
    """Lee et al. 2021, arXiv:2010.07611: one ranking, by the share that a weight has of what is left of its layer.

    The score is a weight's square over the sum of the squares in its layer that are not smaller. The largest weight of
    every layer scores 1, so no layer is emptied. After the dense training the authors' code removes a fifth of what is
    left, fine-tunes, and repeats; a round that would cross the target stops there.

    Attributes:
        fraction: of the remaining weights, removed per round; 1 is one round.
    """

    schedule: Schedule = OneShot(after="pretrain")
    fraction: float = 0.2
    bounds = {"fraction": "[0.01, 1]"}

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """Dense training and rounds of pruning and fine-tuning; under other schedules what is usual for them."""
        usual = super().stages(points)
        if not isinstance(self.schedule, OneShot):
            return usual
        dense, last = usual
        found, left = [dense], 1 - self.fraction
        while left > 1 - last.sparsity + 1e-6:  # written points have six digits
            found.append(Stage(f"round{len(found)}", 1 - left, "finetune", (found[-1].name,)))
            left *= 1 - self.fraction
        return [*found, Stage(f"round{len(found)}", last.sparsity, "finetune", (found[-1].name,), yields=last.yields)]

    def saliency(self, run: Run) -> NamedTensors:
        """The LAMP score, layer by layer; 0 for what is pruned."""
        scores = NamedTensors()
        for name, weight in run.weights.items():
            squares = weight.flatten().double() ** 2
            order = squares.argsort(descending=True, stable=True)
            # A GPU sums in another order each time; the CPU does not.
            left = squares[order].cpu().cumsum(0).to(weight.device)
            scores[name] = (squares / left[order.argsort()]).view_as(weight)
        return scores
