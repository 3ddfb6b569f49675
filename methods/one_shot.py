"""One-shot pruning of the dense network, and nothing after it."""

from dataclasses import replace

from bench import schedule
from bench.errors import UserError
from bench.method import Run, Stage
from bench.wrapper import Wrapper


class OneShot(Wrapper):
    """What a method that prunes after training leaves of the dense network before it is fine-tuned.

    The cheapest way to have several sparsities from one training, and so the least that nested or fine-tuned networks
    have to surpass.

    Attributes:
        of: the method, with hyper-parameters if wanted: ``magnitude[allocation=uniform]``.
        recalibrate: whether batch statistics are estimated anew, from at most 200 training batches.
    """

    of: str = "magnitude"
    recalibrate: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.schedule, schedule.OneShot):
            raise UserError(f"one_shot[of]: '{self.of}' does not prune a trained network at once.")

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """The other method's, without any training but the dense one."""
        return [stage if stage.method else replace(stage, phase=None) for stage in self.inner.stages(points)]

    def on_train_start(self, run: Run) -> None:
        """Prune: no step will come that could."""
        super().on_train_start(run)
        self.update_masks(run)
        run.mask_weights()

    def on_train_end(self, run: Run) -> None:
        """Estimate the statistics if wanted."""
        super().on_train_end(run)
        if self.recalibrate:
            from bench.normalisation import recalibrate  # planning loads this file without torch

            recalibrate(run)
