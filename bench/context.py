"""What hooks see: the state of a stage, under the names the field uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench.base import distributed
from bench.base.determinism import autocast
from bench.base.modes import no_trace
from bench.counting.graph import companions
from bench.data.batches import Batch, Batches, split
from bench.errors import UserError
from bench.losses import loss_of
from bench.masks import Masks
from bench.method import Method, Stage
from bench.recipe import Recipe
from bench.recipe.phase import Phase
from bench.schedule import Timeline
from bench.seeds import generator
from bench.structure import Filters, check_filters
from bench.tensors import NamedTensors

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From logits (n, classes) and labels (n,) to a 0-d tensor."""
Derivative = Callable[[NamedTensors, torch.Tensor, torch.Tensor], tuple[torch.Tensor, ...]]
"""From weights, images and labels to one tensor per weight."""


class _StraightThrough(torch.autograd.Function):
    """Mask · weight forward; the gradient passes as if there were no mask."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return weight * mask

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient, None


class Run:
    """The state of one stage of a run, handed to every hook.

    Attributes:
        model: the network; its parameters are the stored (dense, latent) weights.
        parameters: the prunable parameters themselves, with gradients.
        weights: their values, detached; writing in place writes the model.
        masks: one per prunable tensor, changed in place by `Method.update_masks`.
        extras: modules or parameters the method added; trained, saved and restored with the model.
        state: tensors the method remembers; saved and restored.
        recipe, phase, stage: the protocol, the phase of it that is trained, and which part of the run this is.
        target, sparsity: the stage's target, and what the schedule asks for in this step.
        step, steps, epoch: position in the stage; a step is one batch.
        progress: step / steps as a 0-d tensor, for tensor-only hooks.
        optimizer: the torch optimizer, None before training.
    """

    def __init__(
        self,
        method: Method,
        model: nn.Module,
        prunable: Mapping[str, nn.Parameter],
        recipe: Recipe,
        batches: Batches,
        stage: Stage,
        seed: int,
        parents: Callable[[str], Mapping[str, Any]] | None = None,
    ) -> None:
        self.method, self.model, self.recipe, self.batches, self.stage = method, model, recipe, batches, stage
        self.seed = seed
        self.device = next(model.parameters()).device
        self.parameters = NamedTensors(prunable)
        self.weights = NamedTensors((name, parameter.detach()) for name, parameter in prunable.items())
        self.masks = Masks(self.weights, method.allocation, method.structure, ties=lambda: self.generator("ties"))
        self.extras = nn.ModuleDict()
        self.state: dict[str, torch.Tensor] = {}
        self.phase: Phase = recipe.phase(stage.phase or "train", stage.name)
        self.steps = self.phase.total_steps(batches.steps_per_epoch)
        self.timeline = Timeline.of(self.phase, self.steps, batches.steps_per_epoch)
        self.target = self.sparsity = stage.sparsity
        self.step = self.epoch = 0
        self.progress = torch.zeros((), device=self.device)
        self.optimizer: torch.optim.Optimizer | None = None
        self.scoring_passes = 0
        self._calls = 0
        self._parents = parents
        self._masked = self._masked_pairs()
        self._pruning = method.meaning != "none"  # the masks of a dense network are all ones, always
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        self._masked_names = [names[id(parameter)] for parameter, _ in self._masked]

    # -- what methods call ------------------------------------------------------------------------------------------

    @property
    def end_of_updates(self) -> int:
        """The step at which the schedule's mask updates end."""
        return self.timeline.at(getattr(self.method.schedule, "until", "end"))

    def generator(self, purpose: str) -> torch.Generator:
        """A generator for this step, seeded by (seed, purpose, stage, copy, step, number of the call in this step)."""
        self._calls += 1
        return generator(self.device, self.seed, purpose, self.stage.name, self.stage.copy, self.step, self._calls)

    def random(self) -> NamedTensors:
        """A uniform draw in (0, 1] for every prunable weight."""
        drawn = self.generator("uniform")
        return NamedTensors(
            (name, 1 - torch.rand(weight.shape, generator=drawn, device=self.device, dtype=weight.dtype))
            for name, weight in self.weights.items()
        )

    def normal(self) -> NamedTensors:
        """A standard normal draw for every prunable weight."""
        drawn = self.generator("normal")
        return NamedTensors(
            (name, torch.randn(weight.shape, generator=drawn, device=self.device, dtype=weight.dtype))
            for name, weight in self.weights.items()
        )

    def gradients(
        self,
        batches: int = 1,
        *,
        first: int = 0,
        loss: Loss | None = None,
        per_class: int | None = None,
        parts: int = 1,
    ) -> NamedTensors:
        """Dense gradients of the loss at the masked network, without penalty, averaged over scoring batches.

        The derivative is with respect to mask · weight, so pruned positions have one too. Batch normalisation is in
        the recipe's scoring mode. Nothing is left behind: weights, buffers, RNG and optimizer stay as they were.

        Args:
            batches: how many scoring batches.
            first: the number of the first, for methods that score several times in a step, each time on other images.
            loss: from logits (n, classes) and labels (n,) to a 0-d tensor; None is `data_loss`, that of the training.
            per_class: images of every class in a batch, for balanced ones, which are sorted by class; None is the
                recipe's scoring batch.
            parts: consecutive parts of a batch, as even as can be, each of which is a pass of its own: the mean is
                taken over them, and batch normalisation sees one at a time.

        Raises:
            UserError: there are more parts than images, or more images of a class wanted than there are.
        """

        def derivative(point: NamedTensors, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
            with autocast(self.recipe, self.device):
                value = (loss or self.data_loss)(functional_call(self.model, point, (images,)), labels)
            return torch.autograd.grad(value, point.tensors())

        return self._averaged(derivative, range(first, first + batches), per_class, parts)

    def hessian_product(
        self,
        vector: NamedTensors,
        batches: int = 1,
        *,
        first: int = 0,
        loss: Loss | None = None,
        per_class: int | None = None,
        parts: int = 1,
    ) -> NamedTensors:
        """The Hessian of the loss times `vector`, over the prunable weights; otherwise as `gradients`.

        It is the gradient of Σ vector · gradient (Pearlmutter 1994), at the cost of two backward passes per batch, and
        always in the weights' own precision: rounding to bfloat16 would leave nothing of it.
        """

        def derivative(point: NamedTensors, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
            with sdpa_kernel(SDPBackend.MATH):  # fused attention has no second derivative
                value = (loss or self.data_loss)(functional_call(self.model, point, (images,)), labels)
                gradient = torch.autograd.grad(value, point.tensors(), create_graph=True)
                along = (NamedTensors(zip(point, gradient, strict=True)) * vector).sum()
                return torch.autograd.grad(along, point.tensors(), materialize_grads=True)

        return self._averaged(derivative, range(first, first + batches), per_class, parts, passes=2)

    def _averaged(
        self, derivative: Derivative, numbers: range, per_class: int | None, parts: int, passes: int = 1
    ) -> NamedTensors:
        """The mean over scoring batches of what `derivative` finds at the masked network, in so many passes each."""
        total: list[torch.Tensor] = []
        with no_trace(self.model, self.recipe.scoring.norm == "train"):
            for images, labels in self._scoring(numbers, per_class, parts):
                masked = self.weights * self.masks
                point = NamedTensors((name, weight.requires_grad_()) for name, weight in masked.items())
                means, count = distributed.joined(derivative(point, images, labels), len(images))
                self.scoring_passes += passes * count
                total = [a + b for a, b in zip(total, means, strict=True)] if total else means
        seen = len(numbers) * parts
        return NamedTensors((name, value / seen) for name, value in zip(self.weights, total, strict=True))

    def _scoring(self, numbers: range, per_class: int | None, parts: int) -> Iterator[Batch]:
        keys = (self.stage.name, self.stage.copy, self.step)
        for number in numbers:
            if per_class is None:
                batch = self.batches.scoring(number, *keys)
            else:
                batch = self.batches.balanced(per_class, number, *keys)
            yield from split(batch, parts)

    def parent(self, name: str) -> Mapping[str, Any]:
        """The state of an earlier stage (``model``, ``masks``, ``state``), by the reference given in ``parents``."""
        if self._parents is None or name not in self.stage.parents:
            raise UserError(f"stage '{self.stage.name}' does not list '{name}' among its parents.")
        return self._parents(name)

    def straight_through(self) -> dict[str, torch.Tensor]:
        """Mask · value of everything a mask acts on, with a straight-through gradient."""
        return {
            name: _StraightThrough.apply(parameter, mask)  # type: ignore[no-untyped-call]
            for name, (parameter, mask) in zip(self._masked_names, self._masked, strict=True)
        }

    # -- what the engine calls --------------------------------------------------------------------------------------

    def at(self, step: int) -> None:
        """Move to a step: position, epoch, progress and the scheduled sparsity."""
        self.step, self.epoch, self._calls = step, step // self.batches.steps_per_epoch, 0
        self.progress.fill_(step / self.steps)
        self.sparsity = self.method.schedule.sparsity(step, self.target, self.timeline)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of the effective network, shape (batch, classes)."""
        weights = self.method.effective(self)
        logits: torch.Tensor = functional_call(self.model, weights, (images,)) if weights else self.model(images)
        return logits

    def data_loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The recipe's loss of logits (n, classes), with its label smoothing, as a 0-d tensor."""
        return loss_of(self.recipe, logits, labels)

    def loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The training loss of a batch, penalty included, as a 0-d tensor."""
        return self.data_loss(self.forward(images), labels) + self.method.penalty(self)

    def _masked_pairs(self) -> list[tuple[nn.Parameter, torch.Tensor]]:
        """Every parameter that a mask acts on: the prunable ones, and under `Filters` what belongs to a filter."""
        pairs = [(parameter, self.masks[name]) for name, parameter in self.parameters.items()]
        if isinstance(self.method.structure, Filters):
            check_filters(self.model, list(self.parameters), self.method.name)
            named = dict(self.model.named_parameters())
            images, _ = self.batches.scoring(0, "companions")
            for name, weight in companions(self.model, list(self.parameters), images[:1]).items():
                pairs.append((named[name], _per_filter(self.masks[weight])))
        return pairs  # type: ignore[return-value]

    def mask_gradients(self) -> None:
        """Zero the gradients of masked entries, unless the method wants them live."""
        if self.method.zeros.gradient == "zero" and self._pruning:
            pairs = [(parameter.grad, mask) for parameter, mask in self._masked if parameter.grad is not None]
            torch._foreach_mul_([gradient for gradient, _ in pairs], [mask for _, mask in pairs])

    def mask_weights(self) -> None:
        """Zero the values of masked entries, unless they stay alive."""
        if self.method.zeros.value == "zero" and self._pruning:
            with torch.no_grad():
                torch._foreach_mul_([parameter for parameter, _ in self._masked], [mask for _, mask in self._masked])

    def mask_optimizer(self) -> None:
        """Zero momentum and moments of masked entries, unless they stay alive; called after a mask update."""
        if self.optimizer is None or self.method.zeros.state == "live":
            return
        for parameter, mask in self._masked:
            for value in self.optimizer.state.get(parameter, {}).values():
                if isinstance(value, torch.Tensor) and value.shape == mask.shape:
                    value.mul_(mask)

    def export(self) -> dict[str, torch.Tensor]:
        """The state dict of the network that was pruned: effective weights, exactly 0 outside the masks."""
        state = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        with torch.no_grad():
            for name, value in self.method.effective(self).items():
                state[name] = value.detach().clone()
            for name, (_, mask) in zip(self._masked_names, self._masked, strict=True):
                state[name] = state[name] * mask + 0.0  # + 0.0 turns −0 into 0
        first: dict[int, str] = {}
        for name, parameter in self.model.named_parameters(remove_duplicate=False):
            state[name] = state[first.setdefault(id(parameter), name)]  # a tensor of two layers has a name in each
        return state


def _per_filter(mask: torch.Tensor) -> torch.Tensor:
    """The mask of whole filters, shape (out,): a view, so that it follows the mask."""
    while mask.dim() > 1:
        mask = mask.select(-1, 0)
    return mask
