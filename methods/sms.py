"""Sparse model soups: averages of networks that were fine-tuned from one pruned network."""

from bench.method import Dense, Method, NamedTensors, Run, Stage
from bench.schedule import Never


class SMS(Method):
    """Zimmer, Spiegel, Pokutta 2024, arXiv:2306.16788: prune, fine-tune several copies, average them, repeat.

    The copies of a phase differ in the order of batches and in augmentation. They share their masks, so their average
    is as sparse; the next phase prunes that. Every phase removes the same fraction of what is left, by magnitude. Batch
    statistics of an average are estimated anew.

    Attributes:
        phases: how often it is pruned.
        members: copies per phase; 1 is iterative magnitude pruning.
        recalibrate: the fraction of an epoch from which batch statistics are estimated.
    """

    schedule = Never()
    phases: int = 1
    members: int = 3
    recalibrate: float = 0.2
    bounds = {"phases": "[1, 100]", "members": "[1, 100]", "recalibrate": "(0, 1]"}

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """Dense training; then in every phase pruning, the members' fine-tuning, and their average."""
        target = points[0] if points else 0.0
        stages = [Stage("pretrain", method=Dense())]
        for phase in range(1, self.phases + 1):
            last = phase == self.phases
            sparsity = target if last else 1 - (1 - target) ** (phase / self.phases)
            pruned = Stage(f"pruned{phase}", sparsity, None, (stages[-1].name,))
            members = [
                Stage(f"member{phase}-{copy}", sparsity, "finetune", (pruned.name,), copy=copy)
                for copy in range(self.members)
            ]
            names = tuple(member.name for member in members)
            stages += [pruned, *members, Stage(f"soup{phase}", sparsity, None, names, yields=(target,) if last else ())]
        return stages

    def saliency(self, run: Run) -> NamedTensors:
        """|w|; weights already pruned are 0 and stay last."""
        return run.weights.abs()

    def on_train_start(self, run: Run) -> None:
        """Prune what comes in, or average it."""
        if run.stage.name.startswith("pruned"):
            run.masks.keep(self.saliency(run), run.target)
            run.mask_weights()
        elif run.stage.name.startswith("soup"):
            _average(run)

    def on_train_end(self, run: Run) -> None:
        """Batch statistics of an average are not the average of batch statistics."""
        if run.stage.name.startswith("soup"):
            from bench.normalisation import recalibrate  # planning loads this file without torch

            recalibrate(run, max(int(self.recalibrate * run.batches.steps_per_epoch), 1))


def _average(run: Run) -> None:
    """Weights, biases and normalisation of the parents, averaged; their masks are all the same."""
    import torch

    states = [run.parent(name)["model"] for name in run.stage.parents]
    for name, value in run.model.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.stack([state[name] for state in states]).mean(0))
