"""SynFlow of a network that ends in a log-softmax, as in the code of "Ramanujan graphs"."""

from bench.method import NamedTensors, Run
from methods.synflow import SynFlow, _Flow


class SynFlowLogSoftmax(SynFlow):
    """The "SynFlow" of Hoang et al., ICLR 2023: what is summed are log-probabilities instead of logits.

    VITA-Group/ramanujan-on-pai at ec1d583 hangs a log-softmax behind every network (main.py:378), SynFlow's too. With
    logits z of a network made positive, ∂R/∂z is 1 − classes · softmax(z), which is negative for the largest logit, and
    the score is |θ · ∂R/∂|θ||. All else is that of `methods/synflow.py`.
    """

    def update_masks(self, run: Run) -> None:
        """All rounds at once."""
        flow = _LogFlow(run)
        for sparsity in self.ramp.ramp(run.target):
            run.masks.keep(flow.saliency(), sparsity, target=run.target)

    def saliency(self, run: Run) -> NamedTensors:
        """|θ · ∂R/∂|θ|| at the masked network, float64."""
        return _LogFlow(run).saliency()


class _LogFlow(_Flow):
    """The positive copy with a log-softmax behind it, whose slopes have both signs."""

    def __init__(self, run: Run) -> None:
        from torch import nn

        super().__init__(run)
        self.model = nn.Sequential(self.model, nn.LogSoftmax(1))

    def saliency(self) -> NamedTensors:
        return super().saliency().abs()
