"""GReg: filters are pushed to zero by a growing penalty before they are removed."""

from typing import TYPE_CHECKING, Literal

from bench.allocation import Uniform
from bench.method import Dense, Method, NamedTensors, Run, Stage
from bench.schedule import OneShot
from bench.structure import Filters

if TYPE_CHECKING:
    import torch

GROWING = "regularise"
"""Name of the stage in which the penalty grows."""


class GReg(Method):
    """Wang, Qin, Zhang, Fu 2021, arXiv:2012.09243: one-shot filter pruning by L1 norm, made gentle.

    From the pretrained network, a penalty λ/2 · w² on the filters that are to go grows step by step, for the length of
    a fine-tuning; then they are removed, and the network is fine-tuned. In the first variant (GReg-1) these are the
    filters of smallest mean |w| of the pretrained network. In the second (GReg-2) the penalty first grows on all
    filters, which tells apart those that matter; then the smallest are chosen, and the others freed of weight decay.

    Follows the authors' code (MingSun-Tse/Regularization-Pruning), with lengths scaled to the recipe's fine-tuning:
    there λ grows by 1e-4 every 10 steps up to 1, and 10,000 steps follow without growth. These are the defaults for a
    fine-tuning of 110,000 steps.

    Attributes:
        variant: 1 or 2.
        every: K_u, steps between two increases.
        ceiling: τ, where λ ends.
        until: the fraction of the stage after which λ grows no more.
        ratio: λ grows no more either once kept weights are on average so many times as large as those to go, in every
            layer (a moving average of the ratio over the increases, 0.9).
        pick_ceiling: τ', how far λ grows on all filters before they are chosen, in the second variant.
        picking: the fraction of all increases that this takes.
    """

    schedule = OneShot(after=GROWING)
    allocation = Uniform()
    structure = Filters()
    variant: Literal[1, 2] = 1
    every: int = 10
    ceiling: float = 1.0
    until: float = 10 / 11
    ratio: float = 1000.0
    pick_ceiling: float = 0.01
    picking: float = 1 / 11

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """Dense training, growing penalty, fine-tuning; the last sees the batches that one-shot pruning does."""
        target = points[0]
        return [
            Stage("pretrain", method=Dense()),
            Stage(GROWING, target, "finetune", ("pretrain",), copy=1),
            Stage("finetune", target, "finetune", (GROWING,), yields=(target,)),
        ]

    def saliency(self, run: Run) -> NamedTensors:
        """|w|; a filter's saliency is its mean."""
        return run.weights.abs()

    def update_masks(self, run: Run) -> None:
        """Choose at the start of the growth; remove at the start of the fine-tuning."""
        if run.stage.name == GROWING:
            for name, weight in run.weights.items():
                run.state[f"penalty.{name}"] = weight.new_zeros(len(weight))
            self._choose(run)
            run.state["ratios"] = self._ratios(run)
        else:
            for name, mask in run.masks.items():
                mask.copy_(_spread(run.parent(GROWING)["state"][f"kept.{name}"], mask))

    def _choose(self, run: Run) -> None:
        """Remember which filters stay, as 1 in a vector per layer; nothing is masked yet."""
        run.masks.keep(self.saliency(run), run.target)
        for name, mask in run.masks.items():
            run.state[f"kept.{name}"] = mask.flatten(1)[:, 0].clone()
            mask.fill_(1)

    def penalty(self, run: Run) -> "torch.Tensor | float":
        """Σ λ/2 · w², the gradient of which is λ · w, on top of the optimizer's weight decay."""
        if run.stage.name != GROWING:
            return 0.0
        squares = {name: parameter.square().flatten(1).sum(1) for name, parameter in run.parameters.items()}
        return sum((run.state[f"penalty.{name}"] * square).sum() for name, square in squares.items()) / 2

    def on_after_step(self, run: Run) -> None:
        """Every `every` steps of the growth an increase of λ."""
        number, rest = divmod(run.step + 1, self.every)
        choice, last = self.increases(run)
        if run.stage.name != GROWING or rest or number > last:
            return
        if number > choice:
            self._grow(run, (self.ceiling - (self.pick_ceiling if choice else 0.0)) / (last - choice))
            return
        for name in run.weights:
            run.state[f"penalty.{name}"].add_(self.pick_ceiling / choice)
        if number == choice:
            self._choose(run)
            self._release(run)

    def increases(self, run: Run) -> tuple[int, int]:
        """The number of the increase with which filters are chosen (0 for GReg-1), and that of the last."""
        last = max(1, int(self.until * run.steps) // self.every)
        return max(1, round(self.picking * last)) if self.variant == 2 else 0, last

    def _release(self, run: Run) -> None:
        """What stays gets a negative λ that cancels the weight decay; the ratios start anew."""
        for name in run.weights:
            going = run.state[f"kept.{name}"] == 0
            penalty = run.state[f"penalty.{name}"]
            penalty.copy_(penalty.where(going, -run.recipe.optimizer.weight_decay))
        run.state["ratios"] = self._ratios(run)

    def _grow(self, run: Run, by: float) -> None:
        """Raise λ of the filters that are to go, unless they are small enough in every layer."""
        run.state["ratios"] = 0.9 * run.state["ratios"] + 0.1 * self._ratios(run)
        growing = (run.state["ratios"] < self.ratio).any()
        for name in run.weights:
            run.state[f"penalty.{name}"].add_((1 - run.state[f"kept.{name}"]) * growing, alpha=by)

    def _ratios(self, run: Run) -> "torch.Tensor":
        """Mean |w| of the kept filters over that of the others, one per layer; infinite where nothing is to go."""
        import torch

        norms = {name: weight.abs().flatten(1).mean(1) for name, weight in run.weights.items()}
        pairs = [(norm, run.state[f"kept.{name}"]) for name, norm in norms.items()]
        return torch.stack([_mean(norm, kept) / _mean(norm, 1 - kept) for norm, kept in pairs])

    def diagnostics(self, run: Run) -> dict[str, float]:
        """How far the growth came: the largest λ, and the smallest ratio of kept to removed weights."""
        state = run.parent(GROWING)["state"]
        largest = max(float(state[f"penalty.{name}"].max()) for name in run.weights)
        return {"largest_penalty": largest, "smallest_ratio": float(state["ratios"].min())}


def _spread(filters: "torch.Tensor", like: "torch.Tensor") -> "torch.Tensor":
    return filters.view(-1, *[1] * (like.dim() - 1)).expand_as(like)


def _mean(values: "torch.Tensor", chosen: "torch.Tensor") -> "torch.Tensor":
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
