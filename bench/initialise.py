"""A network before training: built, initialised and set up as the recipe says, from the run's seed alone."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import init
from torch.nn.modules.batchnorm import _BatchNorm

from bench import archs
from bench.data import initial_file
from bench.errors import UserError
from bench.recipe import Recipe
from bench.recipe.initialisation import Initialisation
from bench.recipe.prunable import layer_weights
from bench.seeds import generator, seed_for
from bench.weights import fit, load_state

CUT = 0.87962566103423978
"""The standard deviation of a standard normal number between −2 and 2; TensorFlow divides by it."""


def build(
    architecture: str, classes: int, channels: int, size: int | tuple[int, int], recipe: Recipe, seed: int
) -> nn.Module:
    """A freshly initialised network on the CPU; the same for everybody who asks with the same arguments.

    Args:
        architecture: a name that `bench.archs.create` knows.
        classes: number of outputs.
        channels: number of image channels.
        size: height and width of the images in pixels.
        recipe: its initialisation, dropout, drop path, batch normalisation, memory format and precision are applied.
        seed: the run's.

    The default random generator is left as it was. Under ``fp64`` the drawn float32 values are widened, so that they
    are those of the other precisions.
    """
    with torch.random.fork_rng(devices=[]):  # no devices: constructors draw on the CPU, and CUDA stays asleep
        torch.default_generator.manual_seed(seed_for(seed, "init"))
        model = archs.create(architecture, classes, channels, size, recipe.dropout, recipe.drop_path)
    initialise(model, recipe, seed)
    if recipe.initialisation.file is not None:
        fill_from_file(model, recipe.initialisation)
    if recipe.precision == "fp64":
        model.double()
    if recipe.channels_last:
        _channels_last(model)
    return model


def _channels_last(model: nn.Module) -> None:
    """Channels innermost in weights of two-dimensional convolutions; torch refuses those of three."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.to(memory_format=torch.channels_last)


def initialise(model: nn.Module, recipe: Recipe, seed: int) -> None:
    """Draw the weights that the recipe wants drawn, and set momentum and eps of batch normalisation; in place.

    Each tensor is a pure function of `seed` and its own name, whatever the order of the layers: He et al. 2015
    (arXiv:1502.01852) with the gain of ReLU, Glorot and Bengio 2010, LeCun et al. 1998, or with one spread for all, for
    every convolution and linear weight. Then biases of these layers and shifts of batch normalisation are 0 and its
    scales 1; with ``pytorch``, weights and biases are what torch's own layers draw. With ``architecture`` nothing of
    this is touched. ``linear_std``, ``norm_weight`` other than ones and ``last_norm`` act in either case.

    Raises:
        UserError: the network has no residual block whose last scales could be 0.
    """
    chosen = recipe.initialisation
    if chosen.weights != "architecture":
        _reset(model, chosen, seed)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and chosen.linear_std is not None:
            init.normal_(module.weight, std=chosen.linear_std, generator=_generator(seed, f"{name}.weight"))
            if module.bias is not None:
                init.zeros_(module.bias)
        if not isinstance(module, _BatchNorm):
            continue
        if module.affine and chosen.norm_weight == "uniform":
            _fill(module.weight, torch.rand(module.weight.shape, generator=_generator(seed, f"{name}.weight")))
        elif module.affine and chosen.norm_weight == "half":
            init.constant_(module.weight, 0.5)
        if recipe.batch_norm.momentum is not None:
            module.momentum = recipe.batch_norm.momentum
        if recipe.batch_norm.eps is not None:
            module.eps = recipe.batch_norm.eps
    if chosen.last_norm == "zero":
        _silence_blocks(model, recipe)


def _silence_blocks(model: nn.Module, recipe: Recipe) -> None:
    """Scales of 0 in the batch normalisation before every sum with a shortcut, as our networks and timm's name it."""
    blocks = [module for module in model.modules() if hasattr(module, "downsample")]
    if not blocks or not all(_ends_normalised(block) for block in blocks):
        raise UserError(
            f"recipe '{recipe.name}': field 'initialisation.last_norm': 'zero' is for networks whose residual blocks "
            "all end in batch normalisation; only 'same' is allowed here."
        )
    for block in blocks:
        init.zeros_(block.get_parameter("bn3.weight" if hasattr(block, "bn3") else "bn2.weight"))


def _ends_normalised(block: nn.Module) -> bool:
    """Whether batch normalisation follows a block's last convolution; with pre-activation it precedes it."""
    order = [name for name, _ in block.named_children()]
    return "bn2" in order and order.index("bn2") > order.index("conv2")


def fill_from_file(model: nn.Module, chosen: Initialisation) -> None:
    """Load the trained weights that a recipe starts from; names are fitted as `bench.weights.fit` does.

    Raises:
        UserError: if the file is not in the data folder, is not the recipe's, or does not fit the network.
    """
    path = initial_file.locate(chosen)
    assert path is not None
    model.load_state_dict(fit(model, load_state(path, chosen.key), source=f"{path}: the weights"))


def _reset(model: nn.Module, chosen: Initialisation, seed: int) -> None:
    weights = layer_weights(model)
    for name, parameter in weights.items():
        _fill(parameter, _draw(parameter.shape, chosen, _generator(seed, name)))
    layers = {name.rpartition(".")[0]: parameter.shape for name, parameter in weights.items()}
    for name, parameter in model.named_parameters():
        path, _, leaf = name.rpartition(".")
        norm = isinstance(model.get_submodule(path), _BatchNorm)
        if leaf == "bias" and path in layers and chosen.weights == "pytorch":
            bound = layers[path][1:].numel() ** -0.5
            _fill(parameter, torch.empty(parameter.shape).uniform_(-bound, bound, generator=_generator(seed, name)))
        elif leaf.endswith("bias") and (norm or path in layers):
            init.zeros_(parameter)
        elif norm:
            init.ones_(parameter)


def _draw(shape: torch.Size, chosen: Initialisation, draws: torch.Generator) -> torch.Tensor:
    weight = torch.empty(shape)
    if chosen.weights == "kaiming_normal":
        return init.kaiming_normal_(weight, mode=chosen.mode, nonlinearity="relu", generator=draws)
    if chosen.weights == "kaiming_uniform":
        return init.kaiming_uniform_(weight, mode=chosen.mode, nonlinearity="relu", generator=draws)
    if chosen.weights == "pytorch":  # torch.nn.Conv2d and Linear: U(−1/√fan in, 1/√fan in)
        return init.kaiming_uniform_(weight, a=math.sqrt(5), generator=draws)
    if chosen.weights == "lecun_normal":
        std = shape[1:].numel() ** -0.5 / CUT
        return init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std, generator=draws)
    if chosen.weights == "normal":
        return init.normal_(weight, std=chosen.std or 0.0, generator=draws)
    if chosen.weights == "xavier_uniform":
        return init.xavier_uniform_(weight, generator=draws)
    return init.xavier_normal_(weight, generator=draws)


def _generator(seed: int, name: str) -> torch.Generator:
    return generator("cpu", seed, "init", name)


def _fill(parameter: torch.Tensor, values: torch.Tensor) -> None:
    with torch.no_grad():
        parameter.copy_(values)
