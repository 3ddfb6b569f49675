"""Sanity checks of masks at initialisation: do the single weights matter, or only the layers' ratios?"""

from typing import Literal

from bench import catalog, names
from bench.errors import UserError
from bench.method import Method, NamedTensors, Run
from bench.schedule import AtInit
from bench.seeds import seed_for
from bench.structure import Weights


class SanityCheck(Method):
    """Frankle et al. 2021, arXiv:2009.08576; Su et al. 2020, arXiv:2009.11094: another method's mask, spoilt.

    Allocation and what pruned weights do are those of that method and are set in `of`.

    Attributes:
        of: the method, with hyper-parameters if wanted: ``force[ramp.steps=10]``.
        check: ``shuffle`` permutes each layer's mask, which is random pruning with the ratios of that method's layers;
            ``reinitialise`` draws the weights again, after scoring; ``invert`` keeps the lowest scores; in rounds,
            each removes the highest of what is left, and what is pruned stays pruned, under FORCE too.
    """

    of: str = "snip"
    check: Literal["shuffle", "reinitialise", "invert"] = "shuffle"

    def __post_init__(self) -> None:
        other = self.other
        if type(other.schedule) is not AtInit or type(other.structure) is not Weights:
            raise UserError(f"sanity_check[of]: '{self.of}' does not prune single weights at initialisation.")
        self.allocation, self.zeros = other.allocation, other.zeros

    @property
    def other(self) -> Method:
        """The method whose mask is spoilt."""
        return catalog.create(*names.parse(self.of))

    @property
    def borrows(self) -> tuple[str, ...]:
        """That method's file."""
        return (self.other.name, *self.other.borrows)

    def saliency(self, run: Run) -> NamedTensors:
        """The other method's scores."""
        return self.other.saliency(run)

    def update_masks(self, run: Run) -> None:
        """The other method's masks, then the check."""
        if self.check == "invert":
            self._inverted(run)
            return
        self.other.update_masks(run)
        if self.check == "shuffle":
            for mask, draw in zip(run.masks.values(), run.random().values(), strict=True):
                mask.copy_(mask.flatten()[draw.flatten().argsort()].view(mask.shape))
        elif run.recipe.initialisation.weights == "architecture":
            raise UserError("sanity_check[check=reinitialise] needs a recipe with 'initialisation.weights' of its own.")
        else:
            from bench.initialise import initialise

            initialise(run.model, run.recipe, seed_for(run.seed, "reinitialise"))

    def _inverted(self, run: Run) -> None:
        from bench.masks import Inverted  # loads torch, which planning does without

        masks, run.masks = run.masks, Inverted(run.masks)
        try:
            self.other.update_masks(run)
        finally:
            run.masks = masks
