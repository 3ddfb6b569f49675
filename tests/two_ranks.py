"""What `test_distributed` carries out twice: in its own process, and in two that share every batch.

As a program it is one of the two: ``python two_ranks.py RESULTS METHODS [METHOD]...`` with torch's variables (RANK, …)
set; METHODS is the folder of `write_misbehaving`. With methods named, nothing but those is carried out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn
from torch.distributed.distributed_c10d import PrefixStore

import methods
from bench import archs
from bench.base import distributed
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.spec import RunSpec
from bench.training.run import execute
from tests.jobs import asked

METHODS = [
    "magnitude",
    "snip[batches=2]",
    "rigl[schedule.every=4]",
    "dpf[schedule.every=4]",
    "gmp[schedule.every=4]",
    "str",
    "force[ramp.steps=5]",
    "grasp[per_class=3]",
]
RECIPE = {
    "name": "shared",
    "batch_size": 97,  # of 898 images: the ranks get 49 and 48 images of a batch, and 13 and 12 of the last one
    "train": {"epochs": 2, "lr": 0.02, "schedule": "multistep", "milestones": [1, 1.5]},
    "finetune": {"epochs": 1, "lr": 0.01},
    "optimizer": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.001, "clip_norm": 5.0},
    "data": {"crop_padding": 1, "flip": True},
    "initialisation": {"weights": "kaiming_normal"},
    "precision": "fp64",
}
MISBEHAVING = {
    "apart": "    def update_masks(self, run):\n        run.masks.keep(run.random(), run.sparsity)\n"
    "        run.masks['conv1.weight'].view(-1)[0] = distributed.rank()\n",
    "raises": "    def saliency(self, run):\n        raise RuntimeError('no idea what to prune')\n",
    "ends_badly": "    def saliency(self, run):\n        return run.random()\n"
    "    def diagnostics(self, run):\n        raise RuntimeError('no idea what to tell')\n",
    "fails_alone": "    def saliency(self, run):\n        if distributed.rank() == 1:\n"
    "            raise RuntimeError('a fault of rank 1')\n        return run.random() * run.gradients()\n",
}
KILLED = [
    *("--dataset", "digits", "--architecture", "resnet8_cifar", "--method", "rigl[schedule.every=5]"),
    *("--points", "0.9", "--recipe", "digits[train.epochs=4,train.milestones=[2,3],gpus=2,evaluate_every=1]"),
    *("--checkpoint-seconds", "0.1"),
]
"""The words of the run that `test_distributed` kills."""


def spec(text: str, gpus: int = 1) -> RunSpec:
    """A run of a method on a small network without batch normalisation."""
    words = ["--dataset", "digits", "--architecture", "convnet_strided", "--method", text]
    # Few enough to be kept: filters that are dead without normalisation have saliency 0. SR-STE: of every 4 weights.
    words += [] if text == "dense" else ["--points", "0.75" if text.startswith("sr_ste") else "0.9"]
    found = asked([*words, "--recipe", "digits"]).spec()
    return identify(found.model_copy(update={"recipe": Recipe.read(RECIPE | {"gpus": gpus}, "shared")}))


def without_normalisation(name: str, *arguments: object, **settings: object) -> nn.Module:
    """`bench.archs.create`, with nothing in the place of batch normalisation, in which ranks see their own images."""
    model: nn.Module = create(name, *arguments, **settings)
    for path, module in list(model.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            model.set_submodule(path, nn.Identity())
    return model


create = archs.create


def write_misbehaving(folder: Path) -> None:
    """Method files that are wrong on one rank or on both."""
    for name, body in MISBEHAVING.items():
        cls = name.title().replace("_", "")
        head = f"from bench.base import distributed\nfrom bench.method import Method\nclass {cls}(Method):\n"
        (folder / f"{name}.py").write_text(head + body)


def check_joining() -> None:
    """Means of unequal shares are weighted by their images; buffers become rank 0's."""
    rank = distributed.rank()
    (mean, loss), images = distributed.joined(
        [torch.full((2, 3), float(rank)), torch.tensor(10.0 * rank)], 1 + 2 * rank
    )
    assert images == 4
    assert torch.equal(mean, torch.full((2, 3), 0.75))
    assert float(loss) == 7.5
    norm = nn.BatchNorm1d(3)
    norm.running_var.fill_(rank + 5.0)  # type: ignore[union-attr]
    distributed.share_buffers(norm)
    assert norm.running_var.tolist() == [5.0] * 3  # type: ignore[union-attr]
    assert distributed.anyone(rank == 1)
    assert not distributed.anyone(False)


def main(results: Path, folder: Path, chosen: list[str]) -> None:
    """All runs, one after the other; the last one fails on rank 1 alone."""
    methods.__path__.append(str(folder))
    with distributed.group("cpu"):
        if not chosen:
            check_joining()
            execute(asked(KILLED).spec(), results)
        archs.create = without_normalisation  # type: ignore[assignment]
        store = distributed._store[0]
        for text in chosen or [*METHODS, "apart", "raises", "ends_badly"]:
            distributed._store[:] = [PrefixStore(text, store)]  # a job has one run, and remembers that it failed
            execute(spec(text, gpus=2), results)
        distributed._store[:] = [store]
        distributed.ALIKE /= 30
        if not chosen:
            execute(spec("fails_alone", gpus=2), results)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
