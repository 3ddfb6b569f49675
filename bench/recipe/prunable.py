"""The prunable set: which named tensors a method may set to zero.

A set is written ``all``, ``conv``, or with tensors taken out, ``all[exclude=fc.weight]`` or
``conv[exclude=[conv1.weight, "*.downsample.*"]]``; the patterns are those of `fnmatch`, and
one that starts with a star is quoted, because values are YAML.

* ``all`` is every weight of a convolution (depthwise and transposed ones too) and of a linear layer (the projections
  of attention too).
* ``conv`` is the convolutions alone. What is a convolution is decided by the layer, not by what it stands for: the
  fully connected layers of timm's VGG are convolutions (``pre_logits.fc1.weight`` alone has 103 million weights), and
  so is the patch embedding of a vision transformer.

Biases, normalisation, position and class embeddings and `nn.Embedding` are never prunable. A tensor shared by several
layers is listed once, under its first name. Weights that a layer computes from others (CondConv, say) are not listed.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bench import names
from bench.errors import UserError

if TYPE_CHECKING:
    from torch import nn


def prunable(model: nn.Module, text: str) -> dict[str, nn.Parameter]:
    """The prunable parameters of `model` by name, in the model's order.

    Raises:
        UserError: if `text` is malformed, a pattern matches nothing, or nothing is left.
    """
    kind, patterns = _parse(text)
    weights = layer_weights(model, convolutions_only=kind == "conv")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in weights):
            raise UserError(f"prunable '{text}': the pattern '{pattern}' matches none of {', '.join(weights)}.")
    left = {
        name: weight for name, weight in weights.items() if not any(fnmatchcase(name, pattern) for pattern in patterns)
    }
    if not left:
        raise UserError(f"prunable '{text}': no weight of {type(model).__name__} is left to prune.")
    return left


def layer_weights(model: nn.Module, convolutions_only: bool = False) -> dict[str, nn.Parameter]:
    """Every weight of a convolution or linear layer by name, in the model's order; perhaps none."""
    owners = dict(model.named_modules(remove_duplicate=False))
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.rpartition(".")[2] in _weight_names(owners[name.rpartition(".")[0]], convolutions_only)
    }


def check_stored(model: nn.Module, architecture: str) -> None:
    """Raise a `UserError` for a network in which the weights of a layer are no parameters that could be set to zero.

    They are computed from others (weight and spectral normalisation and whatever else `torch.nn.utils.parametrizations`
    has, masks of `torch.nn.utils.prune`), or have no shape before the first image passes (lazy modules).
    """
    from torch.nn.parameter import is_lazy

    for path, module in model.named_modules():
        stored = {**module._parameters, **module._buffers}
        if any(map(is_lazy, stored.values())):
            raise UserError(
                f"architecture '{architecture}': '{path}' is a lazy module, without weights before an image passes; "
                "give it the number of its inputs."
            )
        for name in _weight_names(module, convolutions_only=False):
            if name not in stored:
                others = ", ".join(f"'{other}'" for other, _ in module.named_parameters() if other != "bias")
                raise UserError(
                    f"architecture '{architecture}': '{name}' of '{path}' is computed from {others}, so that no zero "
                    "in it would last; build the layer without that."
                )


def check(text: str) -> None:
    """Raise a `UserError` unless `text` describes a prunable set; needs neither torch nor a model."""
    _parse(text)


def _parse(text: str) -> tuple[str, list[str]]:
    kind, fields = names.parse(text)
    exclude = fields.pop("exclude", [])
    patterns = [exclude] if isinstance(exclude, str) else exclude
    if kind not in ("all", "conv"):
        raise UserError(f"prunable '{text}': '{kind}' is not one of all, conv.")
    if fields:
        raise UserError(f"prunable '{text}': unknown field '{next(iter(fields))}'; allowed is exclude.")
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise UserError(f"prunable '{text}': 'exclude' is a pattern or a list of patterns, not {exclude!r}.")
    return kind, patterns


def _weight_names(module: nn.Module, convolutions_only: bool) -> tuple[str, ...]:
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    if isinstance(module, _ConvNd) or (isinstance(module, nn.Linear) and not convolutions_only):
        return ("weight",)
    if isinstance(module, nn.MultiheadAttention) and not convolutions_only:
        return ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
    return ()
