"""How each traced operator counts: the products of `counters` by their MACs, what is in `UNCOUNTED` as 0.

Kept apart from `bench.counting.flops` so that the decision about every single operator can be read in one place. Names
are torch's, as they appear in a trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

Values = list[Any]
"""Inputs or outputs of a traced operator, each a `torch._C.Value`; torch does not type them."""

_ARITHMETIC = (
    "abs add add_ addcmul ceil clamp_min cos div div_ exp log mul mul_ neg pow rsqrt rsub sin sqrt square sub sub_"
)
_ACTIVATIONS = (
    "celu elu elu_ gelu glu hardsigmoid hardsigmoid_ hardswish hardswish_ hardtanh hardtanh_ leaky_relu leaky_relu_ "
    "log_softmax mish mish_ prelu relu6 selu selu_ sigmoid sigmoid_ silu silu_ softmax softplus tanh tanh_"
)
_NORMALISATION = "batch_norm group_norm instance_norm layer_norm linalg_vector_norm norm rms_norm"
_POOLING = (
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d amax avg_pool1d avg_pool2d "
    "cumsum max_pool1d max_pool2d mean sum"
)
_RESIZING = "upsample_bicubic2d _upsample_bicubic2d_aa upsample_bilinear2d _upsample_bilinear2d_aa upsample_nearest2d"
_MOVING = (
    "clone col2im dropout_ expand_as feature_dropout flip im2col index_select meshgrid movedim pad pixel_shuffle "
    "pixel_unshuffle repeat repeat_interleave reshape_as tile unflatten unfold"
)

UNCOUNTED = frozenset(
    f"aten::{name}"
    for group in (_ARITHMETIC, _ACTIVATIONS, _NORMALISATION, _POOLING, _RESIZING, _MOVING)
    for name in group.split()
)
"""Operators that count 0. To these come those that fvcore ignores by itself: it leaves out what only moves data."""


def counters(model: nn.Module) -> dict[str, Callable[[Values, Values], Counter[str]]]:
    """A function for each operator that multiplies weights or activations: inputs and outputs to MACs by name.

    The name is that of the weight tensor in `model`, found by following the operand back to a parameter. A product of
    two activations is named by the module in which it happens and the operator.
    """
    from fvcore.nn import jit_handles

    state = _state_names(model)

    def weighted(position: int, macs: Callable[[Values, Values], Any]) -> Callable[[Values, Values], Counter[str]]:
        def count(inputs: Values, outputs: Values) -> Counter[str]:
            name = _parameter(inputs[position], state) or _place(outputs[0])
            return Counter({name: macs(inputs, outputs)})

        return count

    def product(macs: Callable[[Values, Values], int]) -> Callable[[Values, Values], Counter[str]]:
        return lambda inputs, outputs: Counter({_place(outputs[0]): macs(inputs, outputs)})

    return {
        "aten::_convolution": weighted(1, lambda *values: jit_handles.conv_flop_jit(*values)["conv"]),
        "aten::_convolution_mode": weighted(1, _same_convolution),
        "aten::linear": weighted(1, jit_handles.linear_flop_jit),
        "aten::addmm": weighted(2, jit_handles.addmm_flop_jit),
        "aten::mm": product(jit_handles.matmul_flop_jit),
        "aten::bmm": product(jit_handles.bmm_flop_jit),
        # fvcore has nothing for `baddbmm` and attention (nor, above, for convolutions padded by a word), misses a batch
        # that only the second operand of `matmul` has, and rounds `einsum` to four digits.
        "aten::matmul": product(lambda inputs, outputs: prod(_shape(outputs[0])) * _shape(inputs[0])[-1]),
        "aten::baddbmm": product(lambda inputs, outputs: prod(_shape(outputs[0])) * _shape(inputs[1])[-1]),
        "aten::einsum": product(_einsum),
        "aten::scaled_dot_product_attention": product(_attention),
    }


def _same_convolution(inputs: Values, outputs: Values) -> int:
    """Padding by a word ("same"): every weight is used once at each output position, of rows that are a batch too."""
    batch, _, *positions = _shape(outputs[0])
    return batch * prod(_shape(inputs[1])) * prod(positions)


def _attention(inputs: Values, outputs: Values) -> int:
    """Queries by keys, then weights by values: (…, L, E) · (…, S, E) and (…, L, S) · (…, S, V)."""
    (*_, features), (*_, keys, _), (*_, values) = (_shape(value) for value in inputs[:3])
    *batch, queries, _ = _shape(outputs[0])
    return prod(batch) * queries * keys * (features + values)


def _einsum(inputs: Values, outputs: Values) -> int:
    """One multiply-add for each combination of all indices: ``bhqd,bhkd->bhqk`` is b·h·q·k·d."""
    operands = [_shape(value) for value in inputs[1].node().inputs()]
    terms = inputs[0].toIValue().replace(" ", "").partition("->")[0].split(",")
    if len(terms) > 2:
        raise NotImplementedError(f"aten::einsum of {len(terms)} operands")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, operands, strict=True):
        for index, size in zip(_spelled_out(term, len(shape)), shape, strict=True):
            sizes[index] = max(size, sizes.get(index, 1))  # a size of 1 is broadcast
    return prod(sizes.values()) if len(terms) == 2 else 0


def _spelled_out(term: str, rank: int) -> list[str]:
    """The indices of one operand; those that an ellipsis stands for are numbered from the right."""
    before, ellipsis, after = term.partition("...")
    hidden = rank - len(before) - len(after) if ellipsis else 0
    return [*before, *(str(number) for number in reversed(range(hidden))), *after]


def _parameter(value: Any, state: list[str]) -> str:
    """The name of the parameter a weight comes from, "" if it depends on the image.

    A weight may be transposed, cut or standardised on its way; it is the first operand of whatever is done to it.
    """
    while value.node().kind() != "prim::Param":
        operands = list(value.node().inputs())
        if not operands:
            return ""
        value = operands[0]
    number: int = value.offset()
    return ["", *state][number]  # a trace is given the image, then the state


def _state_names(model: nn.Module) -> list[str]:
    """Names of parameters and buffers in the order in which a trace is given them: shared ones once."""
    unique: dict[int, str] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        unique.setdefault(id(tensor), name)
    return list(unique.values())


def _place(output: Any) -> str:
    """``module.path.operator``: where a traced operator ran, and which it was."""
    node = output.node()
    path = node.scopeName().rpartition("/")[2]
    return f"{path}." * bool(path) + str(node.kind().removeprefix("aten::"))


def _shape(value: Any) -> list[int]:
    sizes: list[int] = value.type().sizes()
    return sizes
