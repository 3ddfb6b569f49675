"""AC/DC: training that alternates between a compressed and a dense network."""

from bench.allocation import Global
from bench.errors import UserError
from bench.method import Method, NamedTensors, Run
from bench.schedule import Listed
from bench.zeros import Zeros


class ACDC(Method):
    """Peste et al. 2021, arXiv:2106.12379: prune by global magnitude, train, restore all weights, train, repeat.

    A compressed phase zeroes the smallest weights at its start and keeps its mask; a dense phase starts them again from
    0, with what is left of their momentum. Training begins dense and ends compressed. The phases are those of the
    authors' configuration for ResNet-20 on CIFAR-10: borders at epochs 10, 30, 50, …, 170 of 200.
    """

    schedule: Listed = Listed((0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85))
    allocation = Global()
    zeros = Zeros(value="zero", gradient="zero", state="live")

    def __post_init__(self) -> None:
        if len(self.schedule.at) % 2 == 0:
            raise UserError(
                f"acdc[schedule.at] has {len(self.schedule.at)} borders; training begins dense and ends compressed, "
                "so their number is odd."
            )

    def saliency(self, run: Run) -> NamedTensors:
        """|w|."""
        return run.weights.abs()

    def update_masks(self, run: Run) -> None:
        """Compress after an odd number of borders, restore after an even one."""
        if self.schedule.passed(run.step, run.timeline) % 2:
            run.masks.keep(self.saliency(run), run.sparsity)
        else:
            for mask in run.masks.values():
                mask.fill_(1)
