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

    Follows the authors' code (MingSun-Tse/Regularization-Pruning), with lengths scaled to the stage's:
    there λ grows by 1e-4 every 10 steps up to 1, and 10,000 steps follow without growth. These are the defaults for a
    stage of 110,000 steps. Of N filters ⌈sparsity · N⌉ go, but never all.

    Attributes:
        variant: 1 or 2.
        every: K_u, steps between two increases; the first comes before the first step.
        ceiling: τ, where λ ends.
        until: the fraction of the stage after which λ grows no more.
        ratio: λ grows no more either once kept weights are on average so many times as large as those to go (a moving
            average of the ratio over the increases, 0.9): in every layer for the first variant, in its own layer for
            the second.
        pick_ceiling: τ', how far λ grows on all filters before they are chosen, in the second variant.
        picking: the fraction of all increases that this takes.
        release: λ of what stays is then minus this. None is the recipe's weight decay, as in the paper; the number is
            the one in the code, where it meets a decay of 5e-4 on CIFAR and 1e-4 on ImageNet.
    """

    schedule = OneShot(after=GROWING)
    allocation = Uniform(rounding="down")
    structure = Filters()
    variant: Literal[1, 2] = 1
    every: int = 10
    ceiling: float = 1.0
    until: float = 10 / 11
    ratio: float = 1000.0
    pick_ceiling: float = 0.01
    picking: float = 1 / 11
    release: float | None = 1e-4
    bounds = {
        "every": "[1, 1e9]",
        "ceiling": "[0, 1000]",
        "until": "(0, 1]",
        "ratio": "(1, 1e12]",
        "pick_ceiling": "[0, 1000]",
        "picking": "[0, 1)",
        "release": "[0, 1]",
    }
    reports = {
        "largest_penalty": {"title": "Largest penalty", "meaning": "the largest λ at the end of its growth"},
        "smallest_ratio": {
            "title": "Kept / removed",
            "better": "higher",
            "meaning": "the smallest ratio, over the layers, of the mean size of kept weights to that of the others",
        },
    }

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
        """The first increase at the start of the growth; at the start of the fine-tuning the filters go."""
        if run.stage.name == GROWING:
            self._begin(run)
            self._increase(run, 1)
        else:
            for name, mask in run.masks.items():
                mask.copy_(_spread(run.parent(GROWING)["state"][f"kept.{name}"], mask))

    def _begin(self, run: Run) -> None:
        """Put in place what the stage remembers; from then on it is changed where it is."""
        like = next(iter(run.weights.values()))
        for name, weight in run.weights.items():
            run.state[f"penalty.{name}"] = like.new_zeros(len(weight))
            run.state[f"kept.{name}"] = like.new_ones(len(weight))
        run.state["ratios"] = like.new_zeros(len(run.weights))
        run.state["growing"] = like.new_ones(len(run.weights))
        self._choose(run)

    def _choose(self, run: Run) -> None:
        """Remember which filters stay, as 1 in a vector per layer; nothing is masked yet. The ratios start anew."""
        run.masks.keep(self.saliency(run), run.target)
        for name, mask in run.masks.items():
            run.state[f"kept.{name}"].copy_(mask.flatten(1)[:, 0])
            mask.fill_(1)
        run.state["ratios"].copy_(self._ratios(run))

    def penalty(self, run: Run) -> "torch.Tensor | float":
        """Σ λ/2 · w², the gradient of which is λ · w, on top of the optimizer's weight decay."""
        if run.stage.name != GROWING:
            return 0.0
        squares = {name: parameter.square().flatten(1).sum(1) for name, parameter in run.parameters.items()}
        return sum((run.state[f"penalty.{name}"] * square).sum() for name, square in squares.items()) / 2

    def on_after_step(self, run: Run) -> None:
        """Every `every` steps of the growth an increase of λ, for the step that follows."""
        number, rest = divmod(run.step + 1, self.every)
        if run.stage.name == GROWING and not rest:
            self._increase(run, 1 + number)

    def increases(self, run: Run) -> tuple[int, int]:
        """The number of the increase with which filters are chosen (0 for GReg-1), and that of the last."""
        last = max(1, int(self.until * run.steps) // self.every)
        return max(1, round(self.picking * last)) if self.variant == 2 else 0, last

    def _increase(self, run: Run, number: int) -> None:
        choice, last = self.increases(run)
        if choice < number <= last:
            self._grow(run, (self.ceiling - (self.pick_ceiling if choice else 0.0)) / (last - choice))
        elif number <= choice:
            for name in run.weights:
                run.state[f"penalty.{name}"].add_(self.pick_ceiling / choice)
            if number == choice:
                self._choose(run)

    def _grow(self, run: Run, by: float) -> None:
        """Raise λ of the filters that are to go, once more after they are small enough; others are released."""
        ratios, growing = run.state["ratios"], run.state["growing"]
        ratios.copy_(0.9 * ratios + 0.1 * self._ratios(run))
        for grows, name in zip(growing, run.weights, strict=True):
            penalty = run.state[f"penalty.{name}"]
            penalty.copy_((penalty + by * grows).where(run.state[f"kept.{name}"] == 0, self._released(run)))
        growing.mul_((ratios < self.ratio).any() if self.variant == 1 else ratios < self.ratio)

    def _released(self, run: Run) -> float:
        if self.variant == 1:
            return 0.0
        return -(run.recipe.optimizer.weight_decay if self.release is None else self.release)

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
