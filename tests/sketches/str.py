"""Sketch: soft threshold reparametrisation (Kusupati et al. 2020, arXiv:2002.03231)."""

import torch

from bench.method import Method, Run
from bench.schedule import Never
from bench.zeros import Alive


class Str(Method):
    """W_eff = sign(W)·relu(|W| − sigmoid(s)), one learned threshold s per layer; sparsity is an outcome."""

    schedule = Never()
    zeros = Alive()
    meaning = "reached"
    initial: float = -4.0

    def build(self, run: Run) -> None:
        """One trainable scalar per prunable tensor."""
        run.extras["thresholds"] = torch.nn.ParameterDict(
            {name.replace(".", "_"): torch.nn.Parameter(torch.tensor(self.initial)) for name in run.parameters}
        )

    def effective(self, run: Run) -> dict[str, torch.Tensor]:
        """Soft-thresholded weights."""
        s = run.extras["thresholds"]
        return {
            name: weight.sign() * torch.relu(weight.abs() - torch.sigmoid(s[name.replace(".", "_")]))
            for name, weight in run.parameters.items()
        }

    def on_train_end(self, run: Run) -> None:
        """The masks say afterwards what the thresholds removed."""
        for name, weight in self.effective(run).items():
            run.masks[name].copy_(weight.detach() != 0)
