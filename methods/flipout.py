"""FlipOut: weights whose signs keep flipping are redundant."""

import math

from bench.allocation import Global
from bench.method import Method, NamedTensors, Run
from bench.schedule import EndOfEpoch
from bench.zeros import Zeros

SIGN, FLIPS, NOISE = "sign.", "flips.", "noise."
"""In the run's state, before the name of a parameter."""


class FlipOut(Method):
    """Apostol et al. 2020, arXiv:2009.02594: remove what is small or changes its sign often, while training.

    The score is |w|^p / (1 + flips). Half of what is left goes at the end of an epoch, as often as the target needs, in
    equal distances over the training; the last time as much as is missing. Noise as large as the gradient of its
    tensor makes weights flip that are not held in place, those of biases and batch norms too. With a target of 0 there
    is none. Pruned weights never return; their momentum runs out.

    Attributes:
        power: p.
        noise: λ, the noise's standard deviation over the root mean square of a tensor's gradient.
    """

    schedule = EndOfEpoch()
    allocation = Global(rounding="up")
    zeros = Zeros(value="zero", gradient="zero", state="live")
    power: float = 2.0
    noise: float = 1.0
    bounds = {"power": "[0, 100]", "noise": "[0, 1000]"}

    def on_train_start(self, run: Run) -> None:
        """No flips yet, and the first step's noise."""
        self._count(run)
        self._draw(run)

    def saliency(self, run: Run) -> NamedTensors:
        """|w|^p / (1 + flips)."""
        flips = NamedTensors((name, run.state[FLIPS + name]) for name in run.weights)
        return run.weights.abs() ** self.power / (flips + 1)

    def update_masks(self, run: Run) -> None:
        """Halve what is left in the epochs in which that is due; in a short training's last one do all of the rest."""
        epochs = math.ceil(run.steps / run.batches.steps_per_epoch)
        times, period = halvings(run.target, epochs)
        done, early = divmod(run.epoch, period)
        if run.epoch == epochs - 1 and done < times:
            done, early = times, 0
        if not early and done <= times:
            run.masks.keep(self.saliency(run), run.target if done == times else 1 - 0.5**done)

    def on_after_backward(self, run: Run) -> None:
        """Add the noise; its scale leaves out the gradients of pruned weights, but counts them."""
        for name, parameter in run.model.named_parameters() if self._noisy(run) else ():
            if parameter.grad is not None and NOISE + name in run.state:
                gradient = parameter.grad * run.masks[name] if name in run.masks else parameter.grad
                scale = self.noise * gradient.norm() / gradient.numel() ** 0.5
                parameter.grad.addcmul_(run.state[NOISE + name], scale)

    def on_after_step(self, run: Run) -> None:
        """Count the flips of weights that are left, and draw the next step's noise."""
        self._count(run)
        self._draw(run)

    def _noisy(self, run: Run) -> bool:
        return self.noise > 0 and run.target > 0

    def _count(self, run: Run) -> None:
        for name, weight in run.weights.items():
            now = weight.sign()
            before = run.state.setdefault(SIGN + name, now.clone())
            run.state.setdefault(FLIPS + name, weight * 0).add_(now != before).mul_(run.masks[name])
            before.copy_(now)

    def _draw(self, run: Run) -> None:
        """Outside the step itself: a recording of that would repeat the same draw."""
        import torch  # planning loads this file without torch

        drawn = run.generator("noise")
        for name, parameter in run.model.named_parameters() if self._noisy(run) else ():
            if NOISE + name not in run.state:
                run.state[NOISE + name] = torch.empty_like(parameter, requires_grad=False)
            run.state[NOISE + name].normal_(generator=drawn)


def halvings(target: float, epochs: int) -> tuple[int, int]:
    """How often half of what is left goes, and how many epochs lie between two times."""
    times = math.ceil(-math.log2(1 - target) - 0.01)  # 98.44 % is written for 1 − 2⁻⁶
    return times, min(round(epochs / (times + 1)), (epochs - 1) // max(times, 1)) or 1
