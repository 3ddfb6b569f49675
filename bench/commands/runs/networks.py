"""What the code says of a network, whatever a record says: its parameters by name, and its dense multiply-adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from threading import Lock

from bench import archs, data
from bench.archs import digests


@dataclass(frozen=True)
class Network:
    """A network as the code at hand builds it.

    Attributes:
        parameters: how many entries each has, by name; a shared one is there once.
        macs: dense multiply-adds per image, as `bench.counting.flops.dense_macs` counts them.
    """

    parameters: Mapping[str, int]
    macs: Mapping[str, int]


_BUILDING = Lock()
"""Tracing a network is no matter of several threads."""


def of(architecture: str, dataset: str) -> Network | None:
    """The network of an architecture for a data set, built once; None if it isn't that of the first records any more.

    Raises `UserError` if there is none of that name, or it can't take such images.
    """
    with _BUILDING:
        return _built(architecture, dataset)


@cache
def _built(architecture: str, dataset: str) -> Network | None:
    from bench.counting import flops

    if digests.deviation(architecture):
        return None
    info = data.info(dataset)
    archs.check(architecture)
    model = archs.create(architecture, info.classes, info.channels, (info.height, info.width))
    sizes = {name: value.numel() for name, value in model.named_parameters()}
    return Network(sizes, flops.macs_for(model, info, architecture))
