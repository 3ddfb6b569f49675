"""Architectures: the CIFAR families that papers use, and everything that timm knows, by name.

Our own are built without importing timm, which takes five seconds; timm learns their names when it is imported
(`bench.base.imports`). This module imports neither torch nor timm, so that a grid can be checked quickly.
"""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.nearest import nearest
from bench.errors import UserError
from bench.recipe.prunable import check_stored

if TYPE_CHECKING:
    from torch import nn

_DEPTHS = (8, 20, 32, 44, 56, 110)

_MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{f"resnet{depth}_cifar": ("resnet_cifar", "CifarResNet", {"depth": depth}) for depth in _DEPTHS},
    **{
        f"resnet{depth}a_cifar": ("resnet_cifar", "CifarResNet", {"depth": depth, "shortcut": "A"}) for depth in _DEPTHS
    },
    "resnet56a_pooled_cifar": ("resnet_cifar", "CifarResNet", {"depth": 56, "shortcut": "A-pooled"}),
    "resnet56_bottleneck_cifar": ("resnet_cifar", "CifarResNet", {"depth": 56, "block": "bottleneck"}),
    "resnet32_double_cifar": ("resnet_double", "DoubleResNet", {"depth": 32}),
    "resnet18_cifar": ("resnet", "ResNet", {"blocks": (2, 2, 2, 2), "block": "basic"}),
    "resnet34_cifar": ("resnet", "ResNet", {"blocks": (3, 4, 6, 3), "block": "basic"}),
    "resnet50_cifar": ("resnet", "ResNet", {"blocks": (3, 4, 6, 3), "block": "bottleneck"}),
    **{
        f"wrn{depth}_{width}_cifar": ("wide_resnet", "WideResNet", {"depth": depth, "width": width})
        for depth, width in ((16, 8), (16, 10), (22, 2), (22, 8), (28, 2), (28, 4), (28, 8), (28, 10))
    },
    **{f"vgg{depth}_bn_cifar": ("vgg_cifar", "CifarVGG", {"depth": depth}) for depth in (16, 19)},
    **{f"vgg{depth}_bn_bias_cifar": ("vgg_cifar", "CifarVGG", {"depth": depth, "bias": True}) for depth in (16, 19)},
    **{
        f"vgg{depth}_bn_bias_maxpool_cifar": (
            "vgg_cifar",
            "CifarVGG",
            {"depth": depth, "bias": True, "last_pool": "max"},
        )
        for depth in (16, 19)
    },
    "vgg11_bn_bias_cifar": ("vgg_headed", "HeadedVGG", {"depth": 11}),
    "vgg16_bn_4096_cifar": ("vgg_headed", "HeadedVGG", {"depth": 16, "hidden": (4096, 4096), "side": 7}),
    **{
        f"vgg{depth}_bn_1024_tiny": ("vgg_headed", "HeadedVGG", {"depth": depth, "hidden": (1024, 1024), "side": 2})
        for depth in (11, 16)
    },
    "alexnet_s_cifar": ("snip_networks", "StridedAlexNet", {"hidden": 1024}),
    "alexnet_b_cifar": ("snip_networks", "StridedAlexNet", {"hidden": 2048}),
    **{
        f"vgg_{version.lower()}_cifar": ("snip_networks", "SnipVGG", {"version": version})
        for version in ("C", "D", "like")
    },
    "mobilenetv1_cifar": ("mobilenet_cifar", "MobileNetV1", {}),
    "mobilenetv2_cifar": ("mobilenet_cifar", "MobileNetV2", {}),
    "convnet_small": ("convnet", "ConvNet", {"widths": (16, 32, 64)}),
    "convnet_strided": ("convnet", "StridedConvNet", {"widths": (16, 32, 64, 128)}),
    "lenet_300_100": ("lenet", "Perceptron", {"widths": (300, 100)}),
    "mlp_1000_1000_1000": ("lenet", "Perceptron", {"widths": (1000, 1000, 1000)}),
    "mlp_1000_1000_1000_set": ("mlp_set", "SetPerceptron", {"widths": (1000, 1000, 1000)}),
    "lenet5": ("lenet", "LeNet5", {"channels": (6, 16), "widths": (120, 84), "padding": 2}),
    "lenet5_caffe": ("lenet", "LeNet5", {"relu": False}),
    "lenet5_caffe_relu": ("lenet", "LeNet5", {}),
}

_NAME = re.compile(r"\w{1,80}(\.\w{1,80})?", re.ASCII)
"""A name of timm's, perhaps with a tag. It becomes part of file names; addresses (``hf-hub:…``) are none."""

_REGISTERED = re.compile(r"^@register_model\s+def (\w+)\(", re.MULTILINE)

OWN: tuple[str, ...] = tuple(_MODELS)
"""The names of our own architectures."""

FLAT: frozenset[str] = frozenset(name for name, (module, _, _) in _MODELS.items() if module in ("lenet", "mlp_set"))
"""Those of our own that are built for one size of images, 28 pixels unless said."""


def entry(name: str) -> tuple[str, str, dict[str, Any]]:
    """What one of `OWN` is made of: the module of this package, the class in it, and settings of the class."""
    return _MODELS[name]


def own(name: str, **settings: Any) -> nn.Module:
    """Build one of `OWN`; `settings` are timm's: ``num_classes``, ``in_chans``, ``drop_rate``, ``img_size``."""
    module, cls, fixed = entry(name)
    model: nn.Module = getattr(import_module(f"bench.archs.{module}"), cls)(**fixed, **settings)
    return model


def create(
    name: str,
    classes: int,
    channels: int,
    size: int | tuple[int, int],
    dropout: float = 0.0,
    drop_path: float = 0.0,
) -> nn.Module:
    """Build an architecture with random weights, from the global random numbers.

    Args:
        name: one of `OWN` or a name of timm's, with or without a tag (``resnet50.tv_in1k``).
        classes: number of outputs.
        channels: number of image channels.
        size: height and width of the images in pixels, or one number for both. Only architectures built for one
            size, such as vision transformers, depend on it.
        dropout: timm's ``drop_rate``: dropout before the classifier (in a wide ResNet: inside the blocks).
        drop_path: timm's ``drop_path_rate``, in architectures that have one.

    Raises:
        UserError: if there is no such architecture, or it can't be built for these images.
    """
    model = _built(name, classes, channels, (size, size) if isinstance(size, int) else size, dropout, drop_path)
    check_stored(model, name)
    return model


def _built(
    name: str, classes: int, channels: int, shape: tuple[int, int], dropout: float, drop_path: float
) -> nn.Module:
    check(name)
    if name in _MODELS and drop_path:
        raise UserError(f"architecture '{name}' has no paths to drop: the recipe's field 'drop_path' has to be 0.")
    if name in _MODELS:
        built_for = {"img_size": shape} if name in FLAT else {}
        return own(name, num_classes=classes, in_chans=channels, drop_rate=dropout, **built_for)
    settings = {"num_classes": classes, "in_chans": channels} | ({"drop_rate": dropout} if dropout else {})
    settings |= {"drop_path_rate": drop_path} if drop_path else {}
    try:
        return _create_timm(name, shape, settings)
    except MemoryError:
        raise
    except Exception as error:  # whatever a constructor raises that can't go on, an assertion without a word among them
        images = f"{channels}x{shape[0]}x{shape[1]} images, {classes} classes and dropout {dropout:g}"
        raise UserError(f"architecture '{name}': timm can't build it for {images}: {_why(name, error)}.") from error


def _why(name: str, error: Exception) -> str:
    """The reason why timm could not build an architecture, in our words."""
    import timm

    from bench.archs.stumbling import while_built

    architecture, _, tag = name.partition(".")
    tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        return f"of its weights none is called '{tag}', but {', '.join(tags)}" if tags else "it has no weights by name"
    for setting, what in (("drop_path_rate", "paths to drop"), ("drop_rate", "dropout")):
        if isinstance(error, TypeError) and f"'{setting}'" in str(error):
            return f"it has no {what}"
    size, part = usual_size(name), while_built(error)
    made = f"; it was made for {'x'.join(map(str, size))}" if size else ""
    return (
        f"its part {part} can't be made{made}" if part else f"its constructor stops with {type(error).__name__}{made}"
    )


def _create_timm(name: str, shape: tuple[int, int], settings: dict[str, Any]) -> nn.Module:
    import timm

    if sized(name):
        settings = settings | {"img_size": shape}
    model: nn.Module = timm.create_model(name, pretrained=False, **settings)
    return model


def sized(name: str) -> bool:
    """Whether one of timm's architectures is built for one size of images, and so takes ``img_size``."""
    import timm

    configuration = timm.get_pretrained_cfg(name)
    # timm's mark of such a constructor (timm.models._builder._update_default_model_kwargs).
    return configuration is not None and bool(configuration.fixed_input_size)


def usual_size(name: str) -> tuple[int, int, int] | None:
    """Channels, height and width of the images that one of timm's architectures was made for; None for ours."""
    if name in _MODELS:
        return None
    import timm

    configuration = timm.get_pretrained_cfg(name)
    return configuration.input_size if configuration else None


def check(name: str) -> None:
    """Raise a `UserError` with the closest names unless `name` is an architecture of ours or of timm's.

    Quick and without torch. A tag (what follows the dot) is left to timm, when the architecture is built.
    """
    if name in _MODELS:
        return
    architecture = name.partition(".")[0]
    if not _NAME.fullmatch(name) or architecture not in timm_names():
        close = nearest(architecture, [*OWN, *timm_names()])
        there = f"close are {', '.join(close)}" if close else f"ours are {', '.join(OWN)}"
        raise UserError(f"architecture {name[:100]!r} is neither ours nor timm's; {there}.")


@cache
def timm_names() -> frozenset[str]:
    """The names of timm's architectures, without tags.

    Read from timm's files instead of asking timm, which a grid's check would wait five seconds for; a test holds
    them equal to `timm.list_models()`.
    """
    spec = importlib.util.find_spec("timm")
    folders = (spec.submodule_search_locations or []) if spec else []
    texts = (file.read_text(encoding="utf-8") for folder in folders for file in Path(folder, "models").glob("*.py"))
    return frozenset(name for text in texts for name in _REGISTERED.findall(text))
