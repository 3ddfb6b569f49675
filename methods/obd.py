"""Optimal Brain Damage: saliency by the diagonal of the Hessian."""

from bench.method import Method, NamedTensors, Run
from bench.schedule import OneShot, Schedule


class OBD(Method):
    """LeCun, Denker, Solla 1990, NIPS 2: train, remove the weights with the smallest h·w²/2 at once, fine-tune.

    h is the weight's second derivative of the loss, so h·w²/2 is what the loss gains at a minimum by removing this
    weight alone. The paper propagates h backward and leaves out cross terms within each layer. Here the exact diagonal
    is estimated as the mean of z ⊙ Hz over random signs z (Hutchinson's estimator), which asks nothing of the layers.
    Away from a minimum h may be negative; such weights go first.

    Attributes:
        probes: draws of z, each of which meets a scoring batch of its own.
    """

    schedule: Schedule = OneShot(after="pretrain")
    probes: int = 32
    bounds = {"probes": "[1, 100000]"}

    def saliency(self, run: Run) -> NamedTensors:
        """h·w²/2, with the sign of the estimate of h."""
        diagonal = run.weights * 0
        for number in range(self.probes):
            signs = run.normal().sign()
            diagonal = diagonal + signs * run.hessian_product(signs, first=number)
        return diagonal * run.weights**2 * (0.5 / self.probes)
