"""A mask scored on weights that were drawn apart from those that are trained."""

from typing import TYPE_CHECKING, Literal

from bench import catalog, names
from bench.errors import UserError
from bench.method import Method, Run
from bench.schedule import AtInit
from bench.structure import Weights

if TYPE_CHECKING:
    import torch


class DrawnApart(Method):
    """Lee, Ajanthan, Torr 2019, arXiv:1810.02340, table 3: does it matter how the weights are drawn that are scored?

    The authors' code builds two networks, scores one and trains the other. Allocation and what pruned weights do are
    those of the method that scores and are set in `of`.

    Attributes:
        of: the method, with hyper-parameters if wanted.
        weights: of the network that is scored: N(0, std²), cut off at two standard deviations (``truncated_normal``) or
            not, or with the variance of Glorot and Bengio (``xavier_normal``) or He et al. (``kaiming_normal``, by the
            fan in). Its biases are those of the trained network.
        std: of the first two; 1 is TensorFlow's default.
    """

    of: str = "snip"
    weights: Literal["normal", "truncated_normal", "xavier_normal", "kaiming_normal"] = "xavier_normal"
    std: float = 1.0
    bounds = {"std": "(0, 1000]"}

    def __post_init__(self) -> None:
        other = self.other
        if type(other.schedule) is not AtInit or type(other.structure) is not Weights:
            raise UserError(f"drawn_apart[of]: '{self.of}' does not prune single weights at initialisation.")
        if self.std <= 0:
            raise UserError(f"drawn_apart[std]: {self.std:g} is not a standard deviation above 0.")
        self.allocation, self.zeros = other.allocation, other.zeros

    @property
    def other(self) -> Method:
        """The method that scores."""
        return catalog.create(*names.parse(self.of))

    @property
    def borrows(self) -> tuple[str, ...]:
        """That method's file."""
        return (self.other.name, *self.other.borrows)

    def update_masks(self, run: Run) -> None:
        """The other method's masks, on other weights; those that are trained are put back."""
        import torch  # planning loads this file without torch

        trained = {name: parameter.detach().clone() for name, parameter in run.parameters.items()}
        draws = run.generator("drawn apart")
        with torch.no_grad():
            for parameter in run.parameters.values():
                self._draw(parameter, draws)
        self.other.update_masks(run)
        with torch.no_grad():
            for name, parameter in run.parameters.items():
                parameter.copy_(trained[name])

    def _draw(self, parameter: "torch.Tensor", draws: "torch.Generator") -> None:
        from torch.nn import init

        if self.weights == "xavier_normal":
            init.xavier_normal_(parameter, generator=draws)
        elif self.weights == "kaiming_normal":
            init.kaiming_normal_(parameter, mode="fan_in", nonlinearity="relu", generator=draws)
        elif self.weights == "normal":
            init.normal_(parameter, std=self.std, generator=draws)
        else:
            init.trunc_normal_(parameter, std=self.std, a=-2 * self.std, b=2 * self.std, generator=draws)
