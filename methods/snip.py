"""SNIP: connection sensitivity at initialisation."""

from bench.method import Method, NamedTensors, Run


class Snip(Method):
    """Lee, Ajanthan, Torr 2019, arXiv:1810.02340: one global ranking by how much removing a weight changes the loss.

    Weights only; the official code ranks biases too. Batch normalisation is in the recipe's scoring mode: the official
    code scores in inference mode, most re-implementations in training mode.

    Attributes:
        batches: mini-batches over which the gradient is averaged before taking absolute values.
    """

    batches: int = 1
    bounds = {"batches": "[1, 100000]"}

    def saliency(self, run: Run) -> NamedTensors:
        """|w · ∂L/∂w| at the initial weights."""
        return (run.weights * run.gradients(self.batches)).abs()
