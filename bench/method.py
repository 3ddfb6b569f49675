"""The base class of all methods. A method file states only the choices that are its own."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, dataclass_transform, get_type_hints

from bench.allocation import Allocation, Global
from bench.schedule import AtInit, OneShot, Schedule
from bench.structure import Weights
from bench.zeros import Gone, Zeros

if TYPE_CHECKING:
    import torch

    from bench.context import Run as Run
    from bench.spec import RunSpec
    from bench.tensors import NamedTensors as NamedTensors
else:  # method files annotate with these two; planning a grid loads method files and must not load torch for that
    Run = Any

    def NamedTensors(*values: Any) -> Any:  # noqa: N802 - stands for the class, which it makes when called
        """See `bench.tensors.NamedTensors`."""
        from bench import tensors

        return tensors.NamedTensors(*values)


@dataclass(frozen=True)
class Stage:
    """A part of a run with an identity and a checkpoint of its own. Equal stages of different runs are trained once.

    Attributes:
        name: unique inside the run; hooks read it as ``run.stage.name``.
        sparsity: the target at the stage's end.
        phase: the recipe's phase that it trains for, ``train`` or ``finetune``, unless the recipe has one under the
            stage's own name; None trains nothing.
        parents: stages it needs, as ``name`` (the end of it) or ``name@2`` (a snapshot after 2 of the phase's epochs or
            steps). It starts from the weights, buffers and masks of the first, or from the initial weights if there
            is none; hooks read the others by ``run.parent(name)``.
        begin: position in the phase at which it starts, for rewinding.
        yields: the points whose results its end gives.
        method: who trains it; None is the run's own method. `Dense` makes the stage shared by all methods.
        copy: other values give another order of batches at the same seed (soups).
    """

    name: str
    sparsity: float = 0.0
    phase: Literal["train", "finetune"] | None = "train"
    parents: tuple[str, ...] = ()
    begin: float = 0.0
    yields: tuple[float | None, ...] = ()
    method: Method | None = None
    copy: int = 0


@dataclass_transform(kw_only_default=True)
@dataclass(kw_only=True)
class Method:
    """A pruning method: a few independent choices, and hooks for whatever else it does.

    The choices are class fields, and so are hyper-parameters: annotate them and give the paper's value as default. A
    grid may override any of them, as in ``gmp[allocation=global, schedule.every=50]``. A subclass may change an
    inherited field without repeating the annotation.

    Attributes:
        schedule: when the masks are updated, and the sparsity to reach by then.
        allocation: how the target is divided over layers.
        structure: what is removed together.
        zeros: what pruned weights do meanwhile.
        meaning: what the target of a cell means. ``exact``: this sparsity. ``about``: this sparsity, but for a little
            that is measured. ``reached``: an outcome to be measured. ``dynamic``: decided per input. ``none``: the
            method has no target.
        joint: one run yields results at all points of the grid (nested levels, rounds), instead of a run per point.
        lives_on_updates: the method makes sense only with many mask updates; fewer than 10 are flagged.
        needs_extras: inference needs ``run.extras`` too (predictors, say); otherwise plain timm loads what is exported.
        step_on_update: whether the optimizer also steps in an iteration that updated the masks.
        bounds: the numbers that hyper-parameters may be, as ``{"strength": "(0, 10]"}``: what a grid asks for beyond
            them is refused before anything is trained. A literal; identities leave it out.
        reports: how tables show the numbers of `diagnostics`, ``{"steps": {"title": "Steps", "unit": "", "better":
            "lower", "meaning": "…"}}`` (`bench.base.reported.Diagnostic`); without it they show all of them by their
            names. A literal; identities leave it out.

    The training loop of a stage, with the place of every hook::

        build(run)                                   # add parameters or modules, register forward hooks
        on_train_start(run)                          # step 0 only: masks at initialisation that no schedule gives
        for step in range(begin, steps):
            run.step, run.epoch, run.sparsity, learning rate ← step
            if schedule.fires(step):
                update_masks(run)                    # default: run.masks.keep(saliency(run), run.sparsity)
                if not step_on_update: continue
            images, labels = batch of this step
            logits = model(images) with weights effective(run)
            loss = run.data_loss(logits, labels) + penalty(run)
            loss.backward()
            on_after_backward(run)                   # gradients are still dense
            gradients · mask, unless zeros.gradient is live
            optimizer.step()
            weights · mask, unless zeros.value is live
            on_after_step(run)
        on_train_end(run)

    Work done in every step (`effective`, `penalty`, `on_after_backward`) is made of tensor operations only: no
    ``.item()``, no Python decision on a tensor's value or on the step, since on a GPU it may be replayed from a
    recording. What depends on time reads ``run.progress``, a 0-d tensor. `on_after_step` is called in every step and
    may decide on the step, but asks for no tensor's value either. Decisions belong to `update_masks`. What a method
    wants to remember it keeps in ``run.state`` (a dict of tensors, saved and restored with everything else; changed in
    place once they are there, since a step is recorded anew whenever one moves) or in ``run.extras`` (modules that are
    trained along).
    """

    schedule: Schedule = AtInit()
    allocation: Allocation = Global()
    structure: Weights = Weights()
    zeros: Zeros = Gone()
    meaning: ClassVar[Literal["none", "exact", "about", "reached", "dynamic"]] = "exact"
    joint: ClassVar[bool] = False
    lives_on_updates: ClassVar[bool] = False
    needs_extras: ClassVar[bool] = False
    step_on_update: bool = True
    bounds: ClassVar[Mapping[str, str]] = {}
    reports: ClassVar[Mapping[str, Mapping[str, str]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = inspect.get_annotations(cls)
        inherited = {name: hint for base in reversed(cls.__mro__[1:-1]) for name, hint in get_type_hints(base).items()}
        again = {name: hint for name, hint in inherited.items() if name in cls.__dict__ and name not in own}
        cls.__annotations__ = {**own, **again}
        dataclass(kw_only=True)(cls)

    @property
    def name(self) -> str:
        """The method's name, which is its file's name."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def borrows(self) -> tuple[str, ...]:
        """Other methods, by name, whose files determine the result too because they are run by this one."""
        return ()

    @property
    def stands_for(self) -> tuple[str, dict[str, Any]] | None:
        """The method (name, hyper-parameters that are not default) that trains a stage to the same bits, if any.

        A method that runs another as it is says so in the stages of that kind: they are then trained once for both.
        Its `borrows` are that other's.
        """
        return None

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """All fields with their values; choices as ``Cubic(every=16, …)``."""
        return {
            field.name: repr(value) if dataclasses.is_dataclass(value := getattr(self, field.name)) else value
            for field in dataclasses.fields(self)
        }

    def stages(self, points: tuple[float, ...]) -> list[Stage]:
        """The trainings of a run, in order. The default follows the schedule.

        One stage that trains for the recipe's ``train`` phase; for `OneShot` the shared dense training first, then a
        stage of the ``finetune`` phase that starts from it.
        """
        target = points[0] if points else 0.0
        if isinstance(self.schedule, OneShot):
            return [
                Stage(self.schedule.after, method=Dense()),
                Stage("finetune", target, "finetune", (self.schedule.after,), yields=(target,)),
            ]
        return [Stage("train", target, yields=points or (None,))]

    def skip(self, spec: RunSpec) -> str:
        """Why this method has nothing to say about a cell; an empty string if it has. Asked before anything runs."""
        return ""

    def build(self, run: Run) -> None:
        """Add trainable parts to ``run.extras`` or hooks to ``run.model``; called before a stage, and to load."""

    def parameter_groups(self, run: Run) -> list[dict[str, Any]]:
        """Parameters of ``run.extras`` with settings of their own, as groups of a torch optimizer.

        ``{"params": […], "lr": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0}``: the rate, which must be
        given, stays constant; what a group leaves out is the recipe's. All other parameters train as the recipe says.
        """
        return []

    def on_train_start(self, run: Run) -> None:
        """Before the first step of a stage (not when it is resumed)."""

    def saliency(self, run: Run) -> NamedTensors:
        """How much each prunable weight matters; the larger, the longer it is kept."""
        raise NotImplementedError(f"{self.name} has no saliency")

    def update_masks(self, run: Run) -> None:
        """Change ``run.masks`` in place, whenever the schedule fires."""
        run.masks.keep(self.saliency(run), run.sparsity)

    def effective(self, run: Run) -> dict[str, torch.Tensor]:
        """The weights the forward pass uses instead of the stored ones; empty where they are the same.

        Differentiable with respect to ``run.parameters``. By default mask · weight with a straight-through gradient
        where pruned weights are alive.
        """
        return run.straight_through() if self.zeros.value == "live" else {}

    def penalty(self, run: Run) -> torch.Tensor | float:
        """A term added to the loss."""
        return 0.0

    def on_after_backward(self, run: Run) -> None:
        """After the backward pass; ``run.parameters`` hold dense gradients."""

    def on_after_step(self, run: Run) -> None:
        """After the optimizer's step and the masking of weights."""

    def on_train_end(self, run: Run) -> None:
        """After the last step of a stage, before its results are measured."""

    def diagnostics(self, run: Run) -> dict[str, float]:
        """Numbers of the method's own about a finished stage, by name, to be kept beside its accuracy.

        Asked at the stage's end, in evaluation mode and without gradients. It may look at data and call
        ``run.forward``; what it needs to know of the training lies in ``run.state``.
        """
        return {}


class Dense(Method):
    """The network as it is: the baseline of every table, and the pretraining that other methods start from."""

    schedule = Schedule()
    meaning = "none"

    @property
    def name(self) -> str:
        """The shared stage is called ``dense`` wherever it is used."""
        return "dense"
