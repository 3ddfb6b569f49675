"""Convolutions and linear layers that multiply by a sparse matrix: CSR, or 2:4 on GPUs that have it.

torch has sparse products of matrices but no sparse convolution. A convolution is one product with the unfolded image
(`Unfolded`), or, where its stride is 1, a sum of one product per position of the kernel with the shifted image, which
needs no copies of it (`Shifted`).
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Unfolded(nn.Module):
    """A convolution as one product of matrices.

    Args:
        layer: with zero padding and a single group.
        matrix: its weights, (out, in·kh·kw); anything with an operator @.
    """

    def __init__(self, layer: nn.Conv2d, matrix: Any) -> None:
        super().__init__()
        self.layer, self.matrix = layer, matrix

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H', W')."""
        layer = self.layer
        (kh, kw), (sh, sw), (dh, dw) = layer.kernel_size, layer.stride, layer.dilation
        x = _padded(layer, x)
        (channels, images, height, width), strides = x.shape, x.stride()
        rows, columns = (height - dh * (kh - 1) - 1) // sh + 1, (width - dw * (kw - 1) - 1) // sw + 1
        patches = x.as_strided(
            (channels, kh, kw, images, rows, columns),
            (strides[0], strides[2] * dh, strides[3] * dw, strides[1], strides[2] * sh, strides[3] * sw),
        )
        product: Tensor = self.matrix @ patches.reshape(channels * kh * kw, -1)
        return _with_bias(product.view(-1, images, rows, columns).transpose(0, 1), layer.bias)


class Shifted(nn.Module):
    """A convolution of stride 1 as a sum of CSR products, one for each position of the kernel that has weights.

    Args:
        layer: with zero padding, a single group and stride 1.
    """

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer
        height, width = layer.kernel_size
        places = [(row, column) for row in range(height) for column in range(width)]
        self.taps = [
            (row * layer.dilation[0], column * layer.dilation[1], csr(layer.weight[:, :, row, column]))
            for row, column in places
            if layer.weight[:, :, row, column].any()
        ]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H', W')."""
        layer = self.layer
        x = _padded(layer, x)
        _, images, height, width = x.shape
        rows = height - (layer.kernel_size[0] - 1) * layer.dilation[0]
        columns = width - (layer.kernel_size[1] - 1) * layer.dilation[1]
        # In the flat padded images a shift is an offset. What lies across a border is computed too and cut off.
        flat = x.reshape(len(x), -1)
        reach = flat.shape[1] - (height - rows) * width - (width - columns)
        total = flat.new_zeros(layer.out_channels, flat.shape[1])
        for row, column, matrix in self.taps:
            offset = row * width + column
            torch.addmm(total[:, :reach], matrix, flat[:, offset : offset + reach], out=total[:, :reach])
        found = total.view(-1, images, height, width)[:, :, :rows, :columns].transpose(0, 1)
        return _with_bias(found, layer.bias)


class Product(nn.Module):
    """A linear layer with a sparse matrix.

    Args:
        layer: the layer.
        matrix: its weights, (out, in); anything with an operator @.
    """

    def __init__(self, layer: nn.Linear, matrix: Any) -> None:
        super().__init__()
        self.layer, self.matrix = layer, matrix

    def forward(self, x: Tensor) -> Tensor:
        """Map (…, in) to (…, out)."""
        product: Tensor = (self.matrix @ x.flatten(0, -2).t()).t().unflatten(0, x.shape[:-1])
        return product if self.layer.bias is None else product + self.layer.bias


def csr(weight: Tensor) -> Tensor:
    """A matrix in compressed rows, which torch calls a beta feature in a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return weight.detach().contiguous().to_sparse_csr()


def csr_layers(layer: nn.Module) -> list[nn.Module]:
    """All there is to compute a layer by CSR; nothing for grouped convolutions and other kinds of layers."""
    if isinstance(layer, nn.Linear):
        return [Product(layer, csr(layer.weight))]
    if not isinstance(layer, nn.Conv2d) or not _is_plain(layer):
        return []
    found: list[nn.Module] = [Unfolded(layer, csr(layer.weight.flatten(1)))]
    return [*found, Shifted(layer)] if layer.stride == (1, 1) and layer.kernel_size != (1, 1) else found


def has_two_four(layer: nn.Module) -> bool:
    """Whether at most 2 of every 4 consecutive input weights are kept, as `bench.structure.NM` counts them."""
    if not isinstance(layer, nn.Linear) and not (isinstance(layer, nn.Conv2d) and _is_plain(layer)):
        return False
    rows = layer.weight.flatten(1)
    return rows.shape[1] % 4 == 0 and bool(((rows.view(-1, 4) != 0).sum(1) <= 2).all())


def two_four_layer(layer: nn.Module) -> nn.Module:
    """The layer with torch's semi-structured matrix. Raises `RuntimeError` for a device or a shape without a kernel."""
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    matrix = torch.sparse.to_sparse_semi_structured(layer.weight.detach().flatten(1).contiguous())
    return Product(layer, matrix) if isinstance(layer, nn.Linear) else Unfolded(layer, matrix)


def _is_plain(layer: nn.Conv2d) -> bool:
    return layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _padded(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Channels first, (C, N, H, W), and padded, in one copy: rows of a matrix are then channels."""
    high, wide = (int(size) for size in layer.padding)
    return F.pad(x.transpose(0, 1), (wide, wide, high, high)).contiguous()


def _with_bias(x: Tensor, bias: Tensor | None) -> Tensor:
    # Contiguous, as what follows would make it: that is part of what such a layer costs.
    return (x if bias is None else x + bias[:, None, None]).contiguous()
