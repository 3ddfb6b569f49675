"""What the contract tests share: a tiny data set, tiny networks, and one short run per method and network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from bench import catalog
from bench.base.atomic import write_atomic
from bench.base.locks import held
from bench.data import DATASETS, DataInfo
from bench.data.images import fingerprint
from bench.method import Method, Stage
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.results import record
from bench.results.record import Record
from bench.spec import RunSpec
from bench.training.run import execute
from bench.training.stages import Workshop, is_shared
from bench.training.train import Trainer

RESNET, VIT = NETWORKS = ("test_resnet", "test_vit")
POINT, OTHER_POINT = 0.7, 0.75
"""The target sparsity, and the one of methods that skip it (N of every M weights, say)."""

VALUES: dict[str, Any] = {
    "name": "contract",
    "batch_size": 16,
    "train": {"epochs": 4, "lr": 0.02, "schedule": "multistep", "milestones": [2, 3]},
    "finetune": {"epochs": 2, "lr": 0.01},
    "optimizer": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
    "data": {"crop_padding": 2, "flip": True},
    "initialisation": {"weights": "kaiming_normal"},
    "batch_norm": {"eps": 0.01},
}
ADAMW = {"name": "adamw", "weight_decay": 0.05}


def tiny_images() -> dict[str, torch.Tensor]:
    """96 + 50 noisy images of four classes; a class is a brighter quadrant."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(146) % 4
    images = torch.randint(0, 160, (146, 3, 32, 32), generator=draw, dtype=torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = divmod(label, 2)
        image[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] += 80
    return {"train_x": images[:96], "train_y": labels[:96], "test_x": images[96:], "test_y": labels[96:]}


SHA256 = fingerprint({name: tensor.numpy() for name, tensor in tiny_images().items()})
INFO = DataInfo("tiny", 4, 3, 32, 32, 96, 50, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), SHA256)


def write_tiny_images(folder: Path) -> None:
    """The data set of the contract tests, as `prepare` would write it."""
    write_atomic(folder / "tiny.safetensors", save(tiny_images(), {"sha256": INFO.sha256}))


FEW = {"fraction": 0.5, "images": 32, "members": 2, "probes": 2}
"""Hyper-parameters of methods whose own defaults take long."""


def quick(method: str) -> dict[str, Any]:
    """Hyper-parameters with which a method's masks move within a few steps, and it takes few rounds.

    Under FORCE's loss, sixty rounds of as few images as here can end a network.
    """
    made = catalog.create(method, {})
    fields: dict[str, Any] = {}
    if hasattr(made, "ramp"):
        fields["ramp.steps"] = 5
    fields |= {name: value for name, value in FEW.items() if hasattr(made, name)}
    if hasattr(made.schedule, "every"):
        fields |= {"of": f"{made.of}[schedule.every=4]"} if hasattr(made, "of") else {"schedule.every": 4}
    return fields


def suits(method: str, network: str) -> bool:
    """Whether a method can do anything with a network: what decides per input gates convolutions."""
    return network != VIT or catalog.create(method, {}).meaning != "dynamic"


FORWARD = ("build", "effective", "penalty")
"""Hooks of the loss."""

EVERY_STEP = (*FORWARD, "on_after_backward", "on_after_step")
"""Hooks for work that is done in every step."""


def default_or_long(
    method: str, network: str = RESNET, hooks: tuple[str, ...] = EVERY_STEP
) -> list[pytest.MarkDecorator]:
    """The mark of a test that has a case for every method, and looks at what the engine does in a step.

    By default it is done for methods with work of their own in every step, whichever they are, for two that stand for
    all others, and for these two on both networks. Of a test of the loss alone, `hooks` are those that make it.
    """
    made = catalog.create(method, {})
    live = made.zeros.value == "live" or (made.zeros.gradient == "live" and hooks == EVERY_STEP)
    own = live or any(getattr(type(made), name) is not getattr(Method, name) for name in hooks)
    stands_for_others = method in ("dense", "rigl")
    return [] if stands_for_others or (own and network == RESNET) else [pytest.mark.long]


def spec_for(method: str, network: str = RESNET, point: float | None = None, **changes: Any) -> RunSpec:
    """The identified spec of a contract run; `changes` replace fields of the recipe."""
    DATASETS["tiny"] = INFO  # a laboratory that was given up may have taken it along
    if not suits(method, network):
        pytest.skip(f"'{method}' gates convolutions, and {network} has none with a batch norm")
    made = catalog.create(method, quick(method))
    candidates = (point,) if point is not None else (POINT, OTHER_POINT)
    specs = [
        RunSpec(
            dataset="tiny",
            architecture=network,
            method=method,
            hyperparameters=quick(method),
            points=(target,) if made.meaning != "none" else (),
            seed=0,
            recipe=Recipe.read(VALUES | changes, "the contract tests"),
            recipe_text="contract",
        )
        for target in candidates
    ]
    return identify(next((spec for spec in specs if not made.skip(spec)), specs[0]))


@dataclass
class Laboratory:
    """A results folder in which runs are carried out once and looked at by many tests, also of other processes."""

    results: Path

    def __post_init__(self) -> None:
        DATASETS["tiny"] = INFO
        write_tiny_images(self.results / "data")
        self.finished = cache(self._finished)

    def _finished(self, method: str, network: str) -> Record:
        with held(self.folder(method, network) / "lock", lambda: None):
            execute(spec_for(method, network), self.results)
        return record.read(self.folder(method, network) / "record.json")

    def folder(self, method: str, network: str) -> Path:
        """The folder of a run."""
        return self.results / "runs" / spec_for(method, network).id

    def workshop(self, spec: RunSpec, results: Path | None = None) -> Workshop:
        """A workshop; another results folder than the shared one forgets what was trained."""
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        if results is not None:
            write_tiny_images(results / "data")
        return Workshop(spec, results or self.results, torch.device("cpu"))

    def lend(self, spec: RunSpec, stages: Iterable[Stage], results: Path) -> Workshop:
        """A workshop in another results folder that knows some of a run's stages, as they are in the shared one."""
        ours, theirs = self.workshop(spec), self.workshop(spec, results)
        for stage in stages:
            ours.finish(stage)
            with ours._lock(stage):
                shutil.copytree(ours._folder(stage), theirs._folder(stage), dirs_exist_ok=True)
        return theirs

    def own(self, spec: RunSpec, results: Path) -> Workshop:
        """A workshop in another results folder that has to train what is a run's own; all, if nothing is."""
        stages = self.workshop(spec).stages
        own = any(stage.phase is not None and not is_shared(stage) for stage in stages)
        return self.lend(spec, filter(is_shared, stages) if own else (), results)

    def trainer(self, spec: RunSpec, results: Path) -> Trainer:
        """A trainer at the start of a run's last stage, in a results folder of its own; earlier ones are lent."""
        *earlier, last = self.workshop(spec).stages
        workshop = self.lend(spec, earlier, results)
        for stage in earlier:
            workshop.finish(stage)
        return self.begin(workshop, last)

    @staticmethod
    def begin(workshop: Workshop, stage: Stage) -> Trainer:
        """A trainer at the start of a stage."""
        from bench.training.train import start

        run = workshop.run(stage)
        if stage.parents:
            start(run, dict(workshop.state(stage.parents[0])), with_extras=False)
        return workshop._trainer(stage, run)


def in_common(factory: pytest.TempPathFactory) -> Laboratory:
    """The laboratory of a session of tests: one for all of xdist's processes, whose folders are side by side."""
    own = factory.getbasetemp()
    return Laboratory((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "laboratory")
