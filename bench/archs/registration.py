"""Makes our own architectures known to timm. Imported right after timm is, by `bench.base.imports`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import nn

from bench import archs

default_cfgs = generate_default_cfgs(
    {
        name: {
            "num_classes": 10,
            "input_size": (1, 28, 28) if name in archs.FLAT else (3, 32, 32),
            "crop_pct": 1.0,
            "first_conv": "fc1" if "Perceptron" in archs.entry(name)[1] else "conv1",
            "classifier": "fc",
            "license": "apache-2.0",
        }
        for name in archs.OWN
    }
)
"""timm's description of each architecture; `register_model` looks for it under this name."""


def _entrypoint(name: str) -> Callable[..., nn.Module]:
    def create(pretrained: bool = False, **settings: Any) -> nn.Module:
        model: nn.Module = build_model_with_cfg(partial(archs.own, name), name, pretrained, **settings)
        return model

    # timm registers a function under its own name and looks up its module.
    create.__name__ = create.__qualname__ = name
    create.__doc__ = f"Build {name}; see `bench.archs`."
    return create


for _name in archs.OWN:
    register_model(_entrypoint(_name))
