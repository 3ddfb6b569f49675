"""SR-STE: N:M sparsity from scratch."""

from typing import TYPE_CHECKING, Literal

from bench.allocation import Uniform
from bench.errors import UserError
from bench.method import Method, NamedTensors, Run
from bench.schedule import Periodic
from bench.structure import NM
from bench.zeros import Alive

if TYPE_CHECKING:
    import torch

    from bench.spec import RunSpec


class SRSTE(Method):
    """Zhou et al. 2021, arXiv:2102.04010: the N largest of every M weights, chosen anew in every step.

    Dense weights get the gradient of the sparse network (straight through), and those that are not used decay besides:
    a refinement that keeps them from straying and the choice from flickering. N follows from the grid's point, which is
    1 − N/M. Follows the authors' code (NM-sparsity/NM-sparsity), from its description; the paper's text was not read.

    Groups run through a whole tensor, as in that code. Where M does not divide the inputs of an output (a stem with 27,
    say), they reach over to the next output, which is of no use to hardware; `diagnostics` counts such layers.

    Attributes:
        m: M, the size of a group.
        decay: λ of the refinement, λ · w in the gradient of every unused weight; 0 is plain straight-through.
        axis: what is consecutive: ``kernel`` as weights lie in memory (out, in, kh, kw), the authors' main models;
            ``channels`` the inputs at one place of the kernel (out, kh, kw, in), which NVIDIA's hardware wants.
    """

    schedule = Periodic(every=1)
    allocation = Uniform()
    zeros = Alive()
    lives_on_updates = True
    m: int = 4
    decay: float = 2e-4
    axis: Literal["kernel", "channels"] = "kernel"
    bounds = {"m": "[1, 1024]", "decay": "[0, 1]"}
    reports = {
        "layers_not_divisible": {
            "title": "Layers not divisible",
            "better": "lower",
            "meaning": "in which groups reach over to the next output, which is of no use to hardware",
        }
    }

    def skip(self, spec: "RunSpec") -> str:
        """Points that are not 1 − N/M."""
        try:
            for point in spec.points:
                self.kept(point)
        except UserError as error:
            return str(error)
        return ""

    def kept(self, target: float) -> int:
        """N. Raises `UserError` if the target is not 1 − N/M for any N from 1 to M."""
        n = round((1 - target) * self.m)
        if n < 1 or abs(n / self.m - (1 - target)) > 1e-9:
            possible = ", ".join(f"{1 - n / self.m:g}" for n in range(self.m - 1, 0, -1)) or "only 0"
            raise UserError(f"sr_ste[m={self.m}] can't leave {target:g} of every {self.m} out; points are {possible}.")
        return n

    def saliency(self, run: Run) -> NamedTensors:
        """|w| of the dense weights."""
        return run.weights.abs()

    def update_masks(self, run: Run) -> None:
        """The N largest of every group."""
        structure = NM(self.kept(run.target), self.m)
        for name, saliency in self.saliency(run).items():
            if saliency.numel() % self.m:
                raise UserError(f"sr_ste[m={self.m}]: take '{name}' out of 'prunable'; its size is no multiple of m.")
            row = self._laid_out(saliency)
            run.masks[name].copy_(self._laid_back(structure.select(row.reshape(1, -1)).view(row.shape)))

    def _laid_out(self, weight: "torch.Tensor") -> "torch.Tensor":
        return weight.movedim(1, -1) if self.axis == "channels" else weight

    def _laid_back(self, weight: "torch.Tensor") -> "torch.Tensor":
        return weight.movedim(-1, 1) if self.axis == "channels" else weight

    def penalty(self, run: Run) -> "torch.Tensor | float":
        """λ/2 · Σ w² over unused weights, the gradient of which is λ · w."""
        unused = ((parameter * (1 - run.masks[name])).square().sum() for name, parameter in run.parameters.items())
        return self.decay / 2 * sum(unused)

    def on_after_step(self, run: Run) -> None:
        """What is evaluated and kept are the largest of the weights as they are at the end."""
        if run.step == run.steps - 1:
            self.update_masks(run)

    def diagnostics(self, run: Run) -> dict[str, float]:
        """How many layers have groups that reach over: M does not divide what is consecutive."""
        inputs = [mask.shape[1] if self.axis == "channels" else mask[0].numel() for mask in run.masks.values()]
        return {"layers_not_divisible": float(sum(n % self.m != 0 for n in inputs))}
